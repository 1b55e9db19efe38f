//! The token managers of an identity, one for each set of scopes.

use std::sync::{Arc, OnceLock};

use moka::{policy::EvictionPolicy, sync::Cache};
use passport_core::Scopes;
use tokio_util::sync::DropGuard;
use url::Url;

use super::spec::IdentitySpec;
use crate::token::TokenManager;

/// The maximum number of sets of scopes for which an identity caches tokens, besides the scopes
/// that the builder set. If there are more, the least recently used set is evicted.
pub(super) const MAX_SCOPE_SETS: u64 = 1_000;

/// The token managers of an identity. Dropping this value cancels the identity's token fetches.
pub(super) struct ScopedManagers {
    spec: IdentitySpec,
    /// The scopes that the builder set, and the token manager for them.
    default: (Scopes, Arc<TokenManager>),
    /// The token managers for other scopes. The cache is created at the first request for such
    /// scopes.
    pub(super) others: OnceLock<Cache<Scopes, Arc<TokenManager>>>,
    /// Cancels [`IdentitySpec::life`] when it is dropped.
    _life: DropGuard,
}

impl ScopedManagers {
    pub(super) fn new(spec: IdentitySpec, scopes: Scopes, manager: Arc<TokenManager>) -> Self {
        let life = spec.life.clone().drop_guard();
        Self { spec, default: (scopes, manager), others: OnceLock::new(), _life: life }
    }

    pub(super) fn default_scopes(&self) -> &Scopes {
        &self.default.0
    }

    pub(super) fn token_url(&self) -> &Url {
        &self.spec.token_url
    }

    /// Returns the token manager for `scopes`. Creates the manager if there is none.
    pub(super) fn manager(&self, scopes: Scopes) -> Arc<TokenManager> {
        let (default, manager) = &self.default;
        if scopes == *default {
            return Arc::clone(manager);
        }
        // LRU instead of moka's default policy: with the default, a set that is used often could
        // prevent a new set from being cached.
        let others = self.others.get_or_init(|| {
            let cache = Cache::builder().max_capacity(MAX_SCOPE_SETS);
            cache.eviction_policy(EvictionPolicy::lru()).build()
        });
        others.get_with(scopes.clone(), || Arc::new(self.spec.manager(scopes)))
    }
}
