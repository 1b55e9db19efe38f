//! Kinds of stores that a configuration may name.

use std::{any::TypeId, fmt};

use passport_core::{ConfigError, SecretProviders};
use passport_outbound::TokenCache;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::sidecar_store::SidecarStoreFactory;
use crate::{
    reader::Reader,
    table::{self, Values},
};

/// A kind of store that a configuration may name under `cache`, with its settings:
/// `cache = { redis = { ... } }`.
///
/// `passport-redis` implements it with `RedisStoreFactory`.
///
/// ```
/// use passport_config::{Reader, Setting, StoreFactory};
/// use passport_outbound::TokenCache;
/// use schemars::JsonSchema;
/// use serde::Deserialize;
///
/// #[derive(Debug)]
/// struct InMemory;
///
/// #[derive(Debug, Deserialize, JsonSchema)]
/// struct Settings {
///     /// Its name, for people.
///     name: Setting<String>,
/// }
///
/// impl StoreFactory for InMemory {
///     type Settings = Settings;
///
///     fn cache(&self, settings: &Settings, reader: &mut Reader<'_>) -> Option<TokenCache> {
///         reader.require(&settings.name, "call it something").map(|_| TokenCache::memory())
///     }
/// }
/// ```
pub trait StoreFactory: fmt::Debug + Send + Sync + 'static {
    /// The keys of its settings: a struct whose fields are all [`Setting`](crate::Setting)s.
    ///
    /// `#[serde(flatten)]`, `#[serde(alias)]` and nested tables are not supported: building fails
    /// with each configuration that names the store, so a test that builds one finds them.
    type Settings: DeserializeOwned + JsonSchema;

    /// Builds the cache with `settings`. `None` if they are invalid, after the mistakes were
    /// reported to `reader`.
    fn cache(&self, settings: &Self::Settings, reader: &mut Reader<'_>) -> Option<TokenCache>;
}

/// A [`StoreFactory`] without the type of its settings.
pub(super) trait DynStoreFactory: fmt::Debug + Send + Sync {
    fn is_sidecar(&self) -> bool;

    /// Returns the schema of the settings.
    fn schema(&self) -> Value;

    /// Returns the keys of the settings that are secret references.
    fn secret_keys(&self) -> Vec<String>;

    /// Builds the cache with the settings in `values`.
    fn build(&self, values: &Values, secrets: &SecretProviders) -> Result<TokenCache, ConfigError>;
}

impl<K: StoreFactory> DynStoreFactory for K {
    fn is_sidecar(&self) -> bool {
        TypeId::of::<K>() == TypeId::of::<SidecarStoreFactory>()
    }

    fn schema(&self) -> Value {
        table::schema::<K::Settings>()
    }

    fn secret_keys(&self) -> Vec<String> {
        table::secret_keys::<K::Settings>()
    }

    fn build(&self, values: &Values, secrets: &SecretProviders) -> Result<TokenCache, ConfigError> {
        table::build(values, secrets, |settings, reader| self.cache(settings, reader))
    }
}
