//! The secrets that a configuration refers to, without building anything.

use passport_core::SecretSource;
use serde_json::Value;

use super::{ManagedIdentitiesConfig, ManagedIdentityConfig, Providers, options};
use crate::{
    reader::Reader,
    table,
    value::{ConfigValue, SECRET_FORMAT, SecretReferences},
};

impl ManagedIdentityConfig {
    /// Returns the secrets that the configuration refers to, those of its store included, each with
    /// the path of its key. A key with a list of references has one source for each of them. What
    /// is not valid is left out: [`build`](Self::build) reports it.
    ///
    /// For a program that checks before it starts whether its secrets can be read.
    #[must_use]
    pub fn secret_sources(&self, providers: impl Into<Providers>) -> Vec<(String, SecretSource)> {
        let (providers, values) = (providers.into(), self.values.iter());
        let own = values.clone().filter_map(|values| {
            let reported_by_build = &mut Reader::new(&providers.secrets);
            let settings = table::read(values).ok()?.settings;
            let at_sidecar = options::is_at_sidecar(&settings, &providers);
            options::sources(&settings, reported_by_build, &providers.secrets, at_sidecar)
        });
        let own = own.flatten().map(|source| ("client_secret_ref".to_owned(), source));
        let stores = values.filter_map(|values| values.get("cache")?.as_object()).flatten();
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

/// Returns the secrets at the keys that the schema of the store calls secret references.
fn of_store(store: &str, settings: &Value, providers: &Providers) -> Vec<(String, SecretSource)> {
    let schema = providers.schemas().remove(store).unwrap_or_default();
    let is_secret = |key: &str| schema["properties"][key]["format"] == SECRET_FORMAT;
    let secrets = settings.as_object().into_iter().flatten().filter(|(key, _)| is_secret(key));
    let references = secrets.filter_map(|(key, value)| Some((key, SecretReferences::parse(value).ok()?)));
    let references =
        references.flat_map(|(key, references)| references.into_iter().map(move |text| (key, text)));
    let source = |(key, text): (&String, String)| {
        Some((format!("cache.{store}.{key}"), providers.secrets.source(None, &text).ok()?))
    };
    references.filter_map(source).collect()
}
