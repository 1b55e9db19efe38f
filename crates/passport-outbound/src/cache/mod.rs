//! Where tokens are cached: in this process, and in a store that a fleet shares.

mod key;
mod shared;
mod store;

use std::{fmt, sync::Arc};

use moka::sync::Cache;

use crate::{
    Sidecar,
    token::{Retention, TokenEntry},
};

pub(crate) use self::shared::{Coordinator, store_time_limit};

use self::store::StoreHandle;
pub use self::{
    key::TokenKey,
    store::{Lease, Leased, StoreError, StoredToken, TokenStore, WakeUps},
};

/// The number of tokens in one cache.
const CAPACITY: u64 = 10_000;

/// What becomes of a token once it is fetched. Cheap to clone; clones share.
///
/// Each [`ManagedIdentity`](crate::ManagedIdentity) keeps its token in memory, for itself and its
/// clones, unless a cache is given to its builder. Choose by how the service is deployed:
///
/// | | |
/// |---|---|
/// | a service that runs for long | the default, or [`TokenCache::memory`] if the same identity is built in several places |
/// | a function that lives for one invocation | [`TokenCache::disabled`] |
/// | one that takes several at a time | [`TokenCache::coalescing`] |
/// | many instances of one service | [`TokenCache::shared`] |
/// | many small services on one machine | [`TokenCache::sidecar`] |
#[derive(Clone)]
pub struct TokenCache {
    retention: Retention,
    store: Option<StoreHandle>,
    sidecar: Option<Sidecar>,
    /// The shared entries. A manager holds its entry, so that a hit does not look it up here.
    entries: Option<Cache<TokenKey, Arc<TokenEntry>>>,
}

impl TokenCache {
    /// Keeps tokens in this process, by client id and what was asked for; bounded to 10,000 tokens.
    ///
    /// Give the same one to several identities when the same one is built in several places and is
    /// to fetch one token for all.
    #[must_use]
    pub fn memory() -> Self {
        Self { retention: Retention::Token, store: None, sidecar: None, entries: Some(Cache::new(CAPACITY)) }
    }

    /// [`TokenCache::memory`], in front of a store that a fleet shares: what one instance fetches,
    /// all use.
    ///
    /// Before an instance asks Passport it looks into `store`, and takes a lease on the token it
    /// needs; those who do not get the lease wait for its holder to publish, and go alone when the
    /// request timeout has passed. A holder that has died is waited for for 3 s. A call with a live
    /// token asks the store nothing.
    ///
    /// A store that fails is a miss. It is left alone then until it works again, and each instance
    /// fetches for itself, once for all its callers.
    #[must_use]
    pub fn shared(store: impl TokenStore) -> Self {
        Self { store: Some(StoreHandle::new(store)), ..Self::memory() }
    }

    /// [`TokenCache::memory`], in front of a sidecar, which has the credentials and asks Passport
    /// for all who are on the machine. A call with a live token asks the sidecar nothing.
    ///
    /// [`ManagedIdentity::at_sidecar`](crate::ManagedIdentity::at_sidecar) is the short way.
    #[must_use]
    pub fn sidecar(sidecar: Sidecar) -> Self {
        Self { sidecar: Some(sidecar), ..Self::memory() }
    }

    /// Keeps nothing: each call has a token fetched for itself. For functions that end with their
    /// invocation.
    ///
    /// Calls that overlap are as many token requests, also when they fail; after a failure, calls
    /// that come later get its error until the pause is over. A token that a receiver refuses is
    /// not replaced, so no request is sent again.
    /// [`IdentityStatus::has_live_token`](crate::IdentityStatus::has_live_token) is always false.
    #[must_use]
    pub fn disabled() -> Self {
        Self { retention: Retention::Nothing, entries: None, ..Self::memory() }
    }

    /// Keeps nothing, but calls that come while a token is being fetched share it: a burst of calls
    /// is one token request.
    ///
    /// As with [`TokenCache::disabled`], a refused token is not replaced, and no request is sent
    /// again.
    #[must_use]
    pub fn coalescing() -> Self {
        Self { retention: Retention::InFlight, ..Self::memory() }
    }

    /// Returns the store that a fleet shares, if there is one.
    pub(crate) fn store(&self) -> Option<StoreHandle> {
        self.store.clone()
    }

    /// Returns the sidecar, if it has the credentials.
    pub(crate) fn sidecar_endpoint(&self) -> Option<&Sidecar> {
        self.sidecar.as_ref()
    }

    /// Returns the entry of the token for `key`.
    pub(crate) fn entry(&self, key: TokenKey) -> Arc<TokenEntry> {
        let entry = || Arc::new(TokenEntry::new(self.retention));
        self.entries.as_ref().map_or_else(entry, |entries| entries.get_with(key, entry))
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("retention", &self.retention).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
