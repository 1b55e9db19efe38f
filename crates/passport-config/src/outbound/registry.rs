//! The registry of secret providers and stores that a configuration may name.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use passport_core::{ConfigError, ConfigProblem, SecretProviders, Transports};
#[cfg(feature = "reqwest")]
use passport_outbound::ClientPool;
use passport_outbound::TokenCache;
use serde_json::{Map, Value};

use super::{
    sidecar_store::SidecarStoreFactory,
    store::{DynStoreFactory, StoreFactory},
};
use crate::problems::WHOLE;

/// The registry of secret providers, and of stores that a fleet shares, which a configuration may
/// name.
///
/// `SecretProviders` convert to it.
///
/// Identities with equal `cache` settings share a cache, if they are built with the same registry
/// or clones of it. Identities and clients share TLS clients in the same way, if their `ca_file`
/// and `user_agent` are equal.
#[derive(Clone)]
pub struct ConfigRegistry {
    pub(super) secrets: SecretProviders,
    stores: BTreeMap<String, Arc<dyn DynStoreFactory>>,
    /// The caches by their settings.
    caches: Arc<Mutex<BTreeMap<String, TokenCache>>>,
    pub(super) transports: Transports,
    #[cfg(feature = "reqwest")]
    pub(super) clients: ClientPool,
}

impl Default for ConfigRegistry {
    fn default() -> Self {
        let none = Self {
            secrets: SecretProviders::default(),
            stores: BTreeMap::new(),
            caches: Arc::default(),
            transports: Transports::default(),
            #[cfg(feature = "reqwest")]
            clients: ClientPool::default(),
        };
        none.with_store("sidecar", SidecarStoreFactory)
    }
}

impl ConfigRegistry {
    /// Sets the secret providers.
    #[must_use]
    pub fn with_secrets(self, secrets: SecretProviders) -> Self {
        // Existing caches have other providers.
        Self { secrets, caches: Arc::default(), ..self }
    }

    /// Registers a kind of store under `name`.
    #[must_use]
    pub fn with_store(mut self, name: impl Into<String>, kind: impl StoreFactory) -> Self {
        self.stores.insert(name.into(), Arc::new(kind));
        Self { caches: Arc::default(), ..self }
    }

    /// Returns the transports of the identities that are built with this registry, for other code
    /// that calls Passport.
    #[must_use]
    pub fn transports(&self) -> &Transports {
        &self.transports
    }

    pub(super) fn store(&self, name: &str, settings: &Value) -> Result<TokenCache, ConfigError> {
        let problem = |problem: String| ConfigError::new(vec![ConfigProblem::new(WHOLE, problem)]);
        let kind = self.factory(name).ok_or_else(|| problem(self.unknown()))?;
        let Value::Object(values) = settings else {
            return Err(problem("it is not a table; write its settings in it".to_owned()));
        };
        let cache_key = format!("{name} {settings}");
        if let Some(cache) = self.caches().get(&cache_key) {
            return Ok(cache.clone());
        }
        let cache = kind.build(values, &self.secrets)?;
        // Another thread may have been faster.
        Ok(self.caches().entry(cache_key).or_insert(cache).clone())
    }

    /// Returns the kind of store that is registered under `name`.
    pub(super) fn factory(&self, name: &str) -> Option<&dyn DynStoreFactory> {
        self.stores.get(name).map(|kind| &**kind)
    }

    /// Returns the schema of each store's settings.
    pub(super) fn schemas(&self) -> Map<String, Value> {
        self.stores.iter().map(|(name, kind)| (name.clone(), kind.schema())).collect()
    }

    fn unknown(&self) -> String {
        let known: Vec<_> = self.stores.keys().map(String::as_str).collect();
        format!(
            "there is no such kind of store; there is {}; others are added with ConfigRegistry::with_store, and handed to build_with",
            known.join(", ")
        )
    }

    fn caches(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, TokenCache>> {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without settings, which may contain secrets.
impl fmt::Debug for ConfigRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigRegistry")
            .field("secrets", &self.secrets)
            .field("stores", &self.stores.keys())
            .finish_non_exhaustive()
    }
}

impl From<SecretProviders> for ConfigRegistry {
    fn from(secrets: SecretProviders) -> Self {
        Self::default().with_secrets(secrets)
    }
}

impl From<&SecretProviders> for ConfigRegistry {
    fn from(secrets: &SecretProviders) -> Self {
        secrets.clone().into()
    }
}

impl From<&Self> for ConfigRegistry {
    fn from(registry: &Self) -> Self {
        registry.clone()
    }
}
