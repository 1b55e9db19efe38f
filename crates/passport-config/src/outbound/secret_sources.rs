//! The secrets that a configuration refers to, without building anything.

use passport_core::{SecretProviders, SecretSource};
use serde_json::Value;

use super::{
    ManagedIdentitiesConfig, ManagedIdentityConfig, Providers,
    identity_keys::{CACHE, CLIENT_SECRET_REF, KEYS},
    options,
    registry::SIDECAR,
};
use crate::{
    key::{ConfigKey, ValueKind},
    reader::Reader,
    value::list,
};

impl ManagedIdentityConfig {
    /// Returns the secrets that the configuration refers to, those of its store included, each with
    /// the path of its key. A key with a list of references has one source for each of them. What
    /// is not valid is left out: [`build`](Self::build) reports it.
    ///
    /// For a program that checks before it starts whether its secrets can be read.
    #[must_use]
    pub fn secret_sources(&self, providers: impl Into<Providers>) -> Vec<(String, SecretSource)> {
        let (providers, mut reported_by_build) = (providers.into(), Vec::new());
        let Some(values) = &self.values else { return Vec::new() };
        let mut reader = Reader::new(KEYS, values, &mut reported_by_build);
        let is_at_sidecar = reader.names(CACHE, SIDECAR);
        let own = options::sources(&mut reader, &providers.secrets, is_at_sidecar);
        let own = own.into_iter().flatten().map(|source| (CLIENT_SECRET_REF.to_owned(), source));
        let stores = values.get(CACHE).and_then(Value::as_object).into_iter().flatten();
        let stores = stores.flat_map(|(name, settings)| of_store(name, settings, &providers));
        own.chain(stores).collect()
    }
}

impl ManagedIdentitiesConfig {
    /// Returns the secrets that the identities refer to, each with the path of its key.
    ///
    /// See [`ManagedIdentityConfig::secret_sources`].
    #[must_use]
    pub fn secret_sources(&self, providers: impl Into<Providers>) -> Vec<(String, SecretSource)> {
        let providers = providers.into();
        let of_one = |(name, config): (&String, &ManagedIdentityConfig)| {
            let path = format!("identities.{name}");
            let sources = config.secret_sources(&providers).into_iter();
            sources.map(move |(key, source)| (format!("{path}.{key}"), source))
        };
        self.identities.iter().flat_map(of_one).collect()
    }
}

fn of_store(name: &str, settings: &Value, providers: &Providers) -> Vec<(String, SecretSource)> {
    let keys = providers.stores().find(|(known, _)| *known == name).map_or(&[][..], |(_, keys)| keys);
    keys.iter().flat_map(|key| of_key(name, key, settings, &providers.secrets)).collect()
}

fn of_key(
    store: &str,
    key: &ConfigKey,
    settings: &Value,
    secrets: &SecretProviders,
) -> Vec<(String, SecretSource)> {
    let is_secret = matches!(key.kind, ValueKind::SecretReference | ValueKind::SecretReferences);
    let references = settings.get(key.name).filter(|_| is_secret).and_then(|value| list(value).ok());
    let sources = references.into_iter().flatten().filter_map(|text| secrets.source(None, &text).ok());
    sources.map(|source| (format!("{CACHE}.{store}.{}", key.name), source)).collect()
}
