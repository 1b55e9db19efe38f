//! A sequence of calls to a store that share one time limit.

use std::time::Duration;

use passport_core::AccessToken;
use tokio::time::Instant;

use super::{
    LeaseOutcome, StoredToken,
    circuit_breaker::StoreHandle,
    erased::{DynTokenStore, StoreFuture},
};
use crate::cache::TokenKey;

/// The calls to a store for one token. All calls together take no longer than the time limit of
/// the store. If the store fails, a call that reads returns `None`, and a call that only writes
/// has no effect.
#[derive(Clone, Debug)]
pub(in crate::cache) struct StoreSession {
    store: StoreHandle,
    key: TokenKey,
    /// The time left for further calls.
    left: Duration,
}

impl StoreSession {
    pub(super) fn new(store: StoreHandle, key: TokenKey) -> Self {
        let left = store.timeout();
        Self { store, key, left }
    }

    /// Restarts the time limit, after a wait for another instance or for Passport. Such a wait does
    /// not count towards the time limit.
    pub(in crate::cache) fn restart_limit(&mut self) {
        self.left = self.store.timeout();
    }

    /// Returns the stored token. `None` if no token is stored, or if the store fails.
    pub(in crate::cache) async fn get(&mut self) -> Option<StoredToken> {
        self.call(|store, key| store.get_dyn(key)).await.flatten()
    }

    /// Requests or renews the lease for the duration `time`. Returns whether the lease was granted,
    /// and the stored token. `None` if the store fails.
    pub(in crate::cache) async fn try_lease(&mut self, holder: &str, time: Duration) -> Option<LeaseOutcome> {
        self.call(|store, key| store.try_lease_dyn(key, holder, time)).await
    }

    /// Stores `token` for all instances, which ends the lease of `holder`.
    pub(in crate::cache) async fn publish(&mut self, holder: &str, token: &StoredToken) {
        self.call(|store, key| store.put_dyn(key, holder, token)).await;
    }

    /// Ends the lease of `holder`.
    pub(in crate::cache) async fn release(&mut self, holder: &str) {
        self.call(|store, key| store.release_dyn(key, holder)).await;
    }

    /// Removes `token` from the store, unless the store has another token.
    pub(in crate::cache) async fn remove(&mut self, token: &AccessToken) {
        self.call(|store, key| store.remove_dyn(key, token)).await;
    }

    /// Calls the store within the time left, and deducts the duration of the call from that time.
    /// Returns `None` if the store fails.
    async fn call<'a, T>(
        &'a mut self,
        operation: impl FnOnce(&'a dyn DynTokenStore, &'a TokenKey) -> StoreFuture<'a, T>,
    ) -> Option<T> {
        let started = Instant::now();
        let result = self.store.call(self.left, &self.key, operation).await;
        self.left = self.left.saturating_sub(started.elapsed());
        result
    }
}
