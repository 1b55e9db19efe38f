//! The secrets that a configuration refers to. A program can check these secrets before it
//! starts.

use passport_core::SecretSource;
use serde_json::Value;

use super::{
    ConfigRegistry, ManagedIdentitiesConfig, ManagedIdentityConfig, options, settings::IdentitySettings,
    store::DynStoreFactory,
};
use crate::{
    reader::Reader,
    table,
    value::{ConfigValue, SecretRefValues},
};

impl ManagedIdentityConfig {
    /// Returns the sources of all secrets that the configuration refers to, including the secrets
    /// of its store. Each source has the path of its configuration key.
    ///
    /// A program can use the sources to check, before it starts, that the secrets can be read. A
    /// key with a list of references has one source per reference. Invalid references are omitted,
    /// because [`build`](Self::build) reports them.
    #[must_use]
    pub fn secret_sources(&self, registry: impl Into<ConfigRegistry>) -> Vec<(String, SecretSource)> {
        let registry = registry.into();
        let table = self.values.as_ref().and_then(|values| table::read::<IdentitySettings>(values).ok());
        table.map_or_else(Vec::new, |table| of_identity(&table.settings, &registry))
    }
}

impl ManagedIdentitiesConfig {
    /// Returns the sources of all secrets that the identities refer to. Each source has the path of
    /// its configuration key.
    ///
    /// See [`ManagedIdentityConfig::secret_sources`].
    #[must_use]
    pub fn secret_sources(&self, registry: impl Into<ConfigRegistry>) -> Vec<(String, SecretSource)> {
        let registry = registry.into();
        let of_one = |(name, config): (&String, &ManagedIdentityConfig)| {
            let path = format!("identities.{name}");
            let sources = config.secret_sources(&registry).into_iter();
            sources.map(move |(key, source)| (format!("{path}.{key}"), source))
        };
        self.identities.iter().flat_map(of_one).collect()
    }
}

fn of_identity(settings: &IdentitySettings, registry: &ConfigRegistry) -> Vec<(String, SecretSource)> {
    let discarded = &mut Reader::new(&registry.secrets);
    let via_sidecar = options::uses_sidecar(settings, registry);
    let own = options::sources(settings, discarded, via_sidecar);
    let own = own.into_iter().flatten();
    let own = own.map(|source| (settings.client_secret_ref.key().to_owned(), source));
    let stores = settings.cache.raw().and_then(Value::as_object).into_iter().flatten();
    let stores = stores.flat_map(|(name, values)| {
        let sources = of_store(name, values, registry).into_iter();
        sources.map(move |(key, source)| (format!("{}.{name}.{key}", settings.cache.key()), source))
    });
    own.chain(stores).collect()
}

/// Returns the sources of the secrets in `values`, the settings of the store `store`. Each
/// source has the key of its setting.
fn of_store(store: &str, values: &Value, registry: &ConfigRegistry) -> Vec<(String, SecretSource)> {
    let keys = registry.factory(store).map(DynStoreFactory::secret_keys).unwrap_or_default();
    let references = keys.into_iter().filter_map(|key| {
        let SecretRefValues(references) = SecretRefValues::parse(values.get(&key)?).ok()?;
        Some(references.into_iter().map(move |text| (key.clone(), text)))
    });
    let source = |(key, text): (String, String)| Some((key, registry.secrets.source(None, &text).ok()?));
    references.flatten().filter_map(source).collect()
}
