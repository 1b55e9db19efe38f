//! The token caches that a service can choose from.

use std::{fmt, sync::Arc};

use moka::sync::Cache;

use super::{
    TokenKey,
    store::{StoreHandle, TokenStore},
};
use crate::{
    SidecarEndpoint,
    token::{Retention, TokenEntry},
};

/// The maximum number of entries in one cache. An identity keeps using its entry after the cache
/// has evicted the entry, but identities that are built later do not share that entry.
const CAPACITY: u64 = 10_000;

/// A cache of tokens. A cache is cheap to clone; clones share their content.
///
/// By default each [`ManagedIdentity`](crate::ManagedIdentity) caches its token in memory, for
/// itself and its clones. Other deployments can use another cache:
///
/// | Deployment | Cache |
/// |---|---|
/// | a long-running service | the default |
/// | a service that builds the same identity in several places | [`TokenCache::memory`] |
/// | a function that runs for one invocation | [`TokenCache::disabled`] |
/// | many instances of one service | [`TokenCache::shared`] |
/// | many small services on one machine | [`TokenCache::sidecar`] |
#[derive(Clone)]
pub struct TokenCache {
    retention: Retention,
    store: Option<StoreHandle>,
    sidecar: Option<SidecarEndpoint>,
    /// The entries by key. A token manager keeps a reference to its entry, so that a call does not
    /// look up the entry in this map.
    entries: Cache<TokenKey, Arc<TokenEntry>>,
}

impl TokenCache {
    /// Creates a cache in memory for up to 10,000 tokens. Identities with the same client id, token
    /// URL, kind of client authentication and scopes share one token.
    ///
    /// If the same identity is built in several places of a program, pass a clone of one cache to
    /// each of these identities, so that all of them share one token.
    #[must_use]
    pub fn memory() -> Self {
        Self { retention: Retention::Token, store: None, sidecar: None, entries: Cache::new(CAPACITY) }
    }

    /// Creates a cache in memory and in a store that the instances of a service share. One instance
    /// fetches a token, and all instances use that token.
    ///
    /// Before an instance requests a token, it reads `store` and tries to get a lease. Instances
    /// without the lease wait until the lease holder publishes the token. After the request
    /// timeout, each of these instances fetches a token itself. A holder that crashes delays the
    /// other instances for 3 s. A call with a valid token does not use the store.
    ///
    /// A failure of the store counts as a cache miss, and opens a circuit breaker. While the
    /// circuit breaker is open:
    /// - The store is not called until a probe succeeds.
    /// - Each instance fetches its own token, which all calls of the instance share.
    #[must_use]
    pub fn shared(store: impl TokenStore) -> Self {
        Self { store: Some(StoreHandle::new(store)), ..Self::memory() }
    }

    /// Creates a cache in memory for the tokens of a sidecar. The sidecar has the credentials, and
    /// fetches tokens for all services on the machine. A call with a valid token does not use the
    /// sidecar.
    ///
    /// [`ManagedIdentity::via_sidecar`](crate::ManagedIdentity::via_sidecar) builds an identity
    /// with such a cache.
    #[must_use]
    pub fn sidecar(sidecar: SidecarEndpoint) -> Self {
        Self { sidecar: Some(sidecar), ..Self::memory() }
    }

    /// Creates a cache that stores nothing: each call fetches a token, and concurrent calls share
    /// one fetch. This cache suits functions that end with their invocation.
    ///
    /// After a failed fetch, calls return the error of that fetch until the backoff is over. A
    /// rejected token is not replaced, so no request is retried.
    /// [`IdentityStatus::has_valid_token`](crate::IdentityStatus::has_valid_token) is always false.
    #[must_use]
    pub fn disabled() -> Self {
        Self { retention: Retention::Nothing, ..Self::memory() }
    }

    /// Returns the shared store of [`TokenCache::shared`]. `None` for a cache without a shared
    /// store.
    pub(crate) fn store(&self) -> Option<StoreHandle> {
        self.store.clone()
    }

    /// Returns the sidecar of [`TokenCache::sidecar`], which has the credentials. `None` for the
    /// other caches. An identity with one of the other caches needs a secret.
    #[must_use]
    pub fn sidecar_endpoint(&self) -> Option<&SidecarEndpoint> {
        self.sidecar.as_ref()
    }

    /// Returns the entry for `key`. If the cache has no entry for `key`, creates an empty entry.
    pub(crate) fn entry(&self, key: TokenKey) -> Arc<TokenEntry> {
        self.entries.get_with(key, || Arc::new(TokenEntry::new(self.retention)))
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("retention", &self.retention).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
