//! The registry of secret providers and stores that a configuration may name.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use passport_core::{ConfigError, ConfigProblem, SecretProviders, SecretSource, Transports};
use serde_json::Value;

#[cfg(feature = "reqwest")]
use passport_outbound::ClientPool;
use passport_outbound::TokenCache;

use super::{problems::WHOLE, sidecar_store::SidecarStoreKind};
use crate::{
    key::ConfigKey,
    reader::Reader,
    value::{list, switch, text},
};

/// A kind of store that a configuration may name under `cache`, with its settings:
/// `cache = { redis = { ... } }`.
///
/// `passport-redis` implements it with `RedisStores`.
pub trait StoreKind: fmt::Debug + Send + Sync + 'static {
    /// Returns the keys of its settings.
    fn keys(&self) -> &'static [ConfigKey];

    /// Builds the cache with `settings`. `None` if they are invalid, after the mistakes were
    /// [reported](StoreSettings::wrong).
    fn cache(&self, settings: &mut StoreSettings<'_>) -> Option<TokenCache>;
}

/// The name of the sidecar under `cache`: another process has the credentials.
pub(super) const SIDECAR: &str = "sidecar";

/// The registry of secret providers, and of stores that a fleet shares, which a configuration may
/// name.
///
/// `SecretProviders` convert to it.
///
/// Identities with equal `cache` settings share a cache, if they are built with the same registry
/// or clones of it. Identities and clients share TLS clients in the same way, if their `ca_file`
/// and `user_agent` are equal.
#[derive(Clone)]
pub struct Providers {
    pub(super) secrets: SecretProviders,
    stores: BTreeMap<String, Arc<dyn StoreKind>>,
    /// The caches by their settings.
    caches: Arc<Mutex<BTreeMap<String, TokenCache>>>,
    pub(super) transports: Transports,
    #[cfg(feature = "reqwest")]
    pub(super) clients: ClientPool,
}

impl Default for Providers {
    fn default() -> Self {
        let none = Self {
            secrets: SecretProviders::default(),
            stores: BTreeMap::new(),
            caches: Arc::default(),
            transports: Transports::default(),
            #[cfg(feature = "reqwest")]
            clients: ClientPool::default(),
        };
        none.with_store(SIDECAR, SidecarStoreKind)
    }
}

impl Providers {
    /// Sets the secret providers.
    #[must_use]
    pub fn with_secrets(self, secrets: SecretProviders) -> Self {
        // Existing caches have other providers.
        Self { secrets, caches: Arc::default(), ..self }
    }

    /// Registers a kind of store under `name`.
    #[must_use]
    pub fn with_store(mut self, name: impl Into<String>, kind: impl StoreKind) -> Self {
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
        let kind = self.stores.get(name).ok_or_else(|| problem(self.unknown()))?;
        let Value::Object(values) = settings else {
            return Err(problem("it is not a table; write its settings in it".to_owned()));
        };
        let values: BTreeMap<_, _> = values.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let cache_key = format!("{name} {settings}");
        if let Some(cache) = self.caches().get(&cache_key) {
            return Ok(cache.clone());
        }
        let mut problems = Vec::new();
        let mut settings = StoreSettings {
            reader: Reader::new(kind.keys(), &values, &mut problems),
            secrets: &self.secrets,
        };
        settings.reader.refuse_unknown_keys();
        match kind.cache(&mut settings) {
            // Another thread may have been faster.
            Some(cache) if problems.is_empty() => Ok(self.caches().entry(cache_key).or_insert(cache).clone()),
            None if problems.is_empty() => Err(problem("the store gave no cache, and no reason".to_owned())),
            _ => Err(ConfigError::new(problems)),
        }
    }

    pub(super) fn stores(&self) -> impl Iterator<Item = (&str, &'static [ConfigKey])> {
        self.stores.iter().map(|(name, kind)| (name.as_str(), kind.keys()))
    }

    fn unknown(&self) -> String {
        let known: Vec<_> = self.stores.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        format!(
            "there is no such kind of store; there is {known}; others are added with Providers::with_store, and handed to build_with"
        )
    }

    fn caches(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, TokenCache>> {
        self.caches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without settings, which may contain secrets.
impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers")
            .field("secrets", &self.secrets)
            .field("stores", &self.stores.keys())
            .finish_non_exhaustive()
    }
}

impl From<SecretProviders> for Providers {
    fn from(secrets: SecretProviders) -> Self {
        Self::default().with_secrets(secrets)
    }
}

impl From<&SecretProviders> for Providers {
    fn from(secrets: &SecretProviders) -> Self {
        secrets.clone().into()
    }
}

impl From<&Self> for Providers {
    fn from(providers: &Self) -> Self {
        providers.clone()
    }
}

/// The settings of a store. Mistakes are collected, so that all are reported at once; an invalid
/// value is returned as `None`, like a missing one.
pub struct StoreSettings<'a> {
    reader: Reader<'a>,
    secrets: &'a SecretProviders,
}

impl StoreSettings<'_> {
    /// Returns the text at `key`, if there is one.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.reader.read(key, text)
    }

    /// Returns the texts at `key`, if there are any: a list, or one text with spaces.
    pub fn words(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.reader.read(key, list)
    }

    /// Returns whether `key` is true; `None` if it is missing.
    pub fn switch(&mut self, key: &'static str) -> Option<bool> {
        self.reader.read(key, switch)
    }

    /// Returns the duration at `key`, if there is one.
    pub fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.reader.duration(key)
    }

    /// Returns the secret that `key` refers to, if there is one.
    pub fn secret(&mut self, key: &'static str) -> Option<SecretSource> {
        let reference = self.text(key)?;
        self.source(key, &reference)
    }

    /// Returns the secrets that `key` refers to.
    pub fn secrets(&mut self, key: &'static str) -> Vec<SecretSource> {
        let references = self.words(key).unwrap_or_default();
        references.iter().filter_map(|reference| self.source(key, reference)).collect()
    }

    /// Reports a mistake at `key`: what is wrong, and the remedy.
    pub fn wrong(&mut self, key: &'static str, problem: impl fmt::Display) {
        self.reader.wrong(key, problem);
    }

    fn source(&mut self, key: &'static str, reference: &str) -> Option<SecretSource> {
        let source = self.secrets.source(None, reference);
        self.reader.collect(key, source)
    }
}

impl fmt::Debug for StoreSettings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSettings").finish_non_exhaustive()
    }
}
