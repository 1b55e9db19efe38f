//! The registry of secret providers and token stores that a configuration can name.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use passport_core::{ConfigError, ConfigProblem, SecretProviders, TransportPool};
#[cfg(feature = "reqwest")]
use passport_outbound::ClientPool;
use passport_outbound::TokenCache;
use serde_json::{Map, Value};

use super::{
    sidecar_store::SidecarStoreFactory,
    store::{DynStoreFactory, StoreFactory},
};
use crate::problems::WHOLE;

/// A registry of the secret providers and token stores that a configuration can name.
///
/// [`SecretProviders`] convert into a registry. The store `sidecar` is always registered.
///
/// Identities and HTTP clients that are built with the same registry, or with clones of the
/// registry, share resources:
/// - Identities with equal `cache` settings share a cache.
/// - Identities with equal `ca_file` and `user_agent` share a TLS client. HTTP clients with
///   equal `ca_file` and `user_agent` also share a TLS client.
#[derive(Clone)]
pub struct ConfigRegistry {
    pub(super) secrets: SecretProviders,
    stores: BTreeMap<String, Arc<dyn DynStoreFactory>>,
    /// The caches that were built, by the name and the settings of the store.
    caches: Arc<Mutex<BTreeMap<String, TokenCache>>>,
    pub(super) transports: TransportPool,
    #[cfg(feature = "reqwest")]
    pub(super) clients: ClientPool,
}

impl Default for ConfigRegistry {
    fn default() -> Self {
        let none = Self {
            secrets: SecretProviders::default(),
            stores: BTreeMap::new(),
            caches: Arc::default(),
            transports: TransportPool::default(),
            #[cfg(feature = "reqwest")]
            clients: ClientPool::default(),
        };
        none.with_store("sidecar", SidecarStoreFactory)
    }
}

impl ConfigRegistry {
    /// Sets the secret providers. Defaults to `env`, `file` and `systemd`.
    #[must_use]
    pub fn with_secrets(self, secrets: SecretProviders) -> Self {
        // Caches that were built are dropped, because they use the previous providers.
        Self { secrets, caches: Arc::default(), ..self }
    }

    /// Registers `factory` as the store `name`. Then the key `cache` of an identity can contain the
    /// value `{ name = { .. } }`. If a store with this name is already registered, replaces it.
    #[must_use]
    pub fn with_store(mut self, name: impl Into<String>, factory: impl StoreFactory) -> Self {
        self.stores.insert(name.into(), Arc::new(factory));
        Self { caches: Arc::default(), ..self }
    }

    /// Returns the secret providers, so that other code can use the same providers.
    #[must_use]
    pub fn secrets(&self) -> &SecretProviders {
        &self.secrets
    }

    /// Returns the pool of transports of the identities that are built with this registry, so that
    /// other code can share these transports.
    #[must_use]
    pub fn transports(&self) -> &TransportPool {
        &self.transports
    }

    /// Returns the cache of the store `name` with `settings`. The first call builds the cache.
    /// Later calls with equal arguments return the same cache.
    pub(super) fn store(&self, name: &str, settings: &Value) -> Result<TokenCache, ConfigError> {
        let problem = |problem: String| ConfigError::new(vec![ConfigProblem::new(WHOLE, problem)]);
        let factory = self.factory(name).ok_or_else(|| problem(self.unknown()))?;
        let Value::Object(values) = settings else {
            return Err(problem("expected a table with the settings of the store".to_owned()));
        };
        let cache_key = format!("{name} {settings}");
        if let Some(cache) = self.caches().get(&cache_key) {
            return Ok(cache.clone());
        }
        let cache = factory.build(values, &self.secrets)?;
        // If another thread has built the same cache first, that cache is returned.
        Ok(self.caches().entry(cache_key).or_insert(cache).clone())
    }

    /// Returns the store factory that is registered under `name`, or `None` if there is none.
    pub(super) fn factory(&self, name: &str) -> Option<&dyn DynStoreFactory> {
        self.stores.get(name).map(|factory| &**factory)
    }

    /// Returns the JSON Schema of the settings of each store, by the name of the store.
    pub(super) fn schemas(&self) -> Map<String, Value> {
        self.stores.iter().map(|(name, factory)| (name.clone(), factory.schema())).collect()
    }

    fn unknown(&self) -> String {
        let known: Vec<_> = self.stores.keys().map(String::as_str).collect();
        format!(
            "unknown store; known stores are {}; register others with ConfigRegistry::with_store and pass \
             the registry to build_with",
            known.join(", ")
        )
    }

    fn caches(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, TokenCache>> {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Omits the settings of caches, because these settings can contain secrets.
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
