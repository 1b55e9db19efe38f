//! The token managers of an identity, one for each set of scopes.

use std::sync::{Arc, OnceLock};

use moka::{policy::EvictionPolicy, sync::Cache};
use passport_core::Scopes;
use tokio_util::sync::DropGuard;
use url::Url;

use super::spec::IdentitySpec;
use crate::token::TokenManager;

/// The number of sets of scopes for which an identity caches tokens. The least recently used set
/// is evicted.
pub(super) const MAX_SCOPE_SETS: u64 = 1_000;

/// The token managers of an identity. Dropping it shuts the identity down.
pub(super) struct ScopedManagers {
    spec: IdentitySpec,
    default: (Scopes, Arc<TokenManager>),
    /// Created for the first set of scopes other than the default.
    pub(super) others: OnceLock<Cache<Scopes, Arc<TokenManager>>>,
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

    /// Returns the manager for `scopes`.
    pub(super) fn manager(&self, scopes: Scopes) -> Arc<TokenManager> {
        let (default, manager) = &self.default;
        if scopes == *default {
            return Arc::clone(manager);
        }
        // LRU, not the default policy of moka: a frequently used set must not keep a new one out.
        let others = self.others.get_or_init(|| {
            let cache = Cache::builder().max_capacity(MAX_SCOPE_SETS);
            cache.eviction_policy(EvictionPolicy::lru()).build()
        });
        others.get_with(scopes.clone(), || Arc::new(self.spec.manager(scopes)))
    }
}
