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

/// The token managers of an identity. Dropping them cancels its token fetches.
pub(super) struct ScopedManagers {
    spec: IdentitySpec,
    /// The scopes that the builder set, and their manager.
    default: (Scopes, Arc<TokenManager>),
    /// The managers of other scopes. Created when the first of them is requested.
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

    /// Returns the token manager for `scopes`, or creates it.
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
