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

/// The number of tokens in one cache.
const CAPACITY: u64 = 10_000;

/// The cache of tokens. Cheap to clone; clones share.
///
/// By default each [`ManagedIdentity`](crate::ManagedIdentity) caches its token in memory, for
/// itself and its clones. Choose another cache by the deployment of the service:
///
/// | | |
/// |---|---|
/// | a service that runs for long | the default, or [`TokenCache::memory`] if the same identity is built in several places |
/// | a function that lives for one invocation | [`TokenCache::disabled`] |
/// | many instances of one service | [`TokenCache::shared`] |
/// | many small services on one machine | [`TokenCache::sidecar`] |
#[derive(Clone)]
pub struct TokenCache {
    retention: Retention,
    store: Option<StoreHandle>,
    sidecar: Option<SidecarEndpoint>,
    /// The shared entries. A manager holds its entry, so that a hit does not look it up here.
    entries: Cache<TokenKey, Arc<TokenEntry>>,
}

impl TokenCache {
    /// Caches tokens in this process, by client id and request parameters, up to 10,000 tokens.
    ///
    /// Share one cache between identities when the same identity is built in several places and is
    /// to fetch one token.
    #[must_use]
    pub fn memory() -> Self {
        Self { retention: Retention::Token, store: None, sidecar: None, entries: Cache::new(CAPACITY) }
    }

    /// Caches tokens in memory and in a store that a fleet shares: all instances use the token that
    /// one instance fetches.
    ///
    /// Before an instance requests a token, it reads `store` and requests a lease. Instances that
    /// do not get the lease wait for its holder to publish the token, and fetch on their own after
    /// the request timeout. A holder that has died delays them for 3 s. A call with a live token
    /// does not use the store.
    ///
    /// A failure of the store is a cache miss. After a failure the store is not called until it
    /// works again, and each instance fetches for itself, once for all its callers.
    #[must_use]
    pub fn shared(store: impl TokenStore) -> Self {
        Self { store: Some(StoreHandle::new(store)), ..Self::memory() }
    }

    /// Caches tokens in memory in front of a sidecar, which has the credentials and fetches tokens
    /// for all services on the machine. A call with a live token does not use the sidecar.
    ///
    /// [`ManagedIdentity::via_sidecar`](crate::ManagedIdentity::via_sidecar) is the short form.
    #[must_use]
    pub fn sidecar(sidecar: SidecarEndpoint) -> Self {
        Self { sidecar: Some(sidecar), ..Self::memory() }
    }

    /// Caches nothing: each call fetches a token; calls that overlap share one fetch. For functions
    /// that end with their invocation.
    ///
    /// After a failed fetch, calls get its error until the pause is over. A rejected token is not
    /// replaced, so no request is retried.
    /// [`IdentityStatus::has_valid_token`](crate::IdentityStatus::has_valid_token) is always false.
    #[must_use]
    pub fn disabled() -> Self {
        Self { retention: Retention::Nothing, ..Self::memory() }
    }

    /// Returns the store that a fleet shares, if there is one.
    pub(crate) fn store(&self) -> Option<StoreHandle> {
        self.store.clone()
    }

    /// Returns the sidecar of [`TokenCache::sidecar`], which has the credentials. `None` for the
    /// other caches, whose identities have a secret of their own.
    #[must_use]
    pub fn sidecar_endpoint(&self) -> Option<&SidecarEndpoint> {
        self.sidecar.as_ref()
    }

    /// Returns the entry of the token for `key`.
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
