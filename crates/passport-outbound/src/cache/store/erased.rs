//! The dyn-compatible version of [`TokenStore`].

use std::{fmt, future::Future, pin::Pin, time::Duration};

use passport_core::AccessToken;

use super::{LeaseOutcome, StoreError, StoredToken, TokenStore};
use crate::cache::TokenKey;

/// The boxed future of a store call.
pub(super) type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The methods of a [`TokenStore`] with boxed futures, for trait objects.
pub(super) trait DynTokenStore: fmt::Debug + Send + Sync {
    fn get_dyn<'a>(&'a self, key: &'a TokenKey) -> StoreFuture<'a, Option<StoredToken>>;
    fn try_lease_dyn<'a>(
        &'a self,
        key: &'a TokenKey,
        holder: &'a str,
        time: Duration,
    ) -> StoreFuture<'a, LeaseOutcome>;
    fn put_dyn<'a>(
        &'a self,
        key: &'a TokenKey,
        holder: &'a str,
        token: &'a StoredToken,
    ) -> StoreFuture<'a, ()>;
    fn release_dyn<'a>(&'a self, key: &'a TokenKey, holder: &'a str) -> StoreFuture<'a, ()>;
    fn remove_dyn<'a>(&'a self, key: &'a TokenKey, token: &'a AccessToken) -> StoreFuture<'a, ()>;
    fn ping_dyn<'a>(&'a self, key: &'a TokenKey) -> StoreFuture<'a, ()>;
}

impl<S: TokenStore> DynTokenStore for S {
    fn get_dyn<'a>(&'a self, key: &'a TokenKey) -> StoreFuture<'a, Option<StoredToken>> {
        Box::pin(self.get(key))
    }

    fn try_lease_dyn<'a>(
        &'a self,
        key: &'a TokenKey,
        holder: &'a str,
        time: Duration,
    ) -> StoreFuture<'a, LeaseOutcome> {
        Box::pin(self.try_lease(key, holder, time))
    }

    fn put_dyn<'a>(
        &'a self,
        key: &'a TokenKey,
        holder: &'a str,
        token: &'a StoredToken,
    ) -> StoreFuture<'a, ()> {
        Box::pin(self.put(key, holder, token))
    }

    fn release_dyn<'a>(&'a self, key: &'a TokenKey, holder: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(self.release(key, holder))
    }

    fn remove_dyn<'a>(&'a self, key: &'a TokenKey, token: &'a AccessToken) -> StoreFuture<'a, ()> {
        Box::pin(self.remove(key, token))
    }

    fn ping_dyn<'a>(&'a self, key: &'a TokenKey) -> StoreFuture<'a, ()> {
        Box::pin(self.ping(key))
    }
}
