//! Types of token stores that a configuration can name.

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

/// A factory for a type of token store. In a configuration, the key `cache` contains the name of
/// the store and its settings: `cache = { redis = { ... } }`.
///
/// `passport-redis` implements this trait as `RedisStoreFactory`. Register a factory with
/// [`ConfigRegistry::with_store`](crate::ConfigRegistry::with_store).
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
///     /// The name of the cache, for logs.
///     name: Setting<String>,
/// }
///
/// impl StoreFactory for InMemory {
///     type Settings = Settings;
///
///     fn cache(&self, settings: &Settings, reader: &mut Reader<'_>) -> Option<TokenCache> {
///         reader.require(&settings.name, "set a name").map(|_| TokenCache::memory())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a factory for a token store",
    label = "expected a type that implements `StoreFactory`, such as `RedisStoreFactory`"
)]
pub trait StoreFactory: fmt::Debug + Send + Sync + 'static {
    /// The settings of the store: a struct in which each field is a [`Setting`](crate::Setting).
    ///
    /// `#[serde(flatten)]`, `#[serde(alias)]` and nested tables are not supported. If the struct
    /// contains one of these, building fails for each configuration that names the store. So a test
    /// that builds such a configuration detects the mistake.
    type Settings: DeserializeOwned + JsonSchema;

    /// Builds the cache with `settings`. If `settings` are not valid, reports the mistakes to
    /// `reader` and returns `None`.
    fn cache(&self, settings: &Self::Settings, reader: &mut Reader<'_>) -> Option<TokenCache>;
}

/// The object-safe form of [`StoreFactory`], without the type of its settings.
pub(super) trait DynStoreFactory: fmt::Debug + Send + Sync {
    /// Returns whether this is the built-in store `sidecar`, with which an identity needs no client
    /// secret.
    fn is_sidecar(&self) -> bool;

    /// Returns the JSON Schema of the settings.
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
