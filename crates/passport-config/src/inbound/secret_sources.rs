//! The secrets that the configuration of a verifier refers to. A program can check these secrets
//! before it starts.

use passport_core::SecretSource;

use super::{
    VerifierConfig,
    introspection::IntrospectionSettings,
    issuer::IssuerSettings,
    provider::ProviderSettings,
    section::{Table, build},
    settings::VerifierSettings,
};
use crate::{reader::Reader, setting::Setting};

impl VerifierConfig {
    /// Returns the sources of all secrets that the configuration refers to. Each source has the
    /// path of its configuration key.
    ///
    /// A program can use the sources to check, before it starts, that the secrets can be read. A
    /// key with a list of references has one source per reference. Invalid references are omitted,
    /// because [`build`](Self::build) reports them.
    #[must_use]
    pub fn secret_sources(&self) -> Vec<(String, SecretSource)> {
        let mut sources = Vec::new();
        let mut add = |path: &str, found: Vec<(String, SecretSource)>| {
            sources.extend(found.into_iter().map(|(key, source)| (format!("{path}{key}"), source)));
        };
        if let Ok(values) = self.values() {
            // The mistakes are discarded.
            let _ = build(values, &self.secrets, |settings: &VerifierSettings, reader| {
                add("", of_table(&settings.introspection, reader));
                for entry in reader.tables(&settings.issuers) {
                    reader.entry(&entry, |issuer: &IssuerSettings, reader| {
                        add(&format!("{}.", entry.path), of_table(&issuer.introspection, reader));
                        Some(())
                    });
                }
                for entry in reader.tables(&settings.external_providers) {
                    reader.entry(&entry, |provider: &ProviderSettings, reader| {
                        add(&format!("{}.", entry.path), of_table(&provider.introspection, reader));
                        Some(())
                    });
                }
                Some(())
            });
        }
        sources
    }
}

/// Returns the sources of the secret in a table `introspection`, each with its key.
fn of_table(
    setting: &Setting<Table<IntrospectionSettings>>,
    reader: &mut Reader<'_>,
) -> Vec<(String, SecretSource)> {
    let mut found = Vec::new();
    reader.table(setting, |settings: &IntrospectionSettings, reader| {
        let key = format!("{}.{}", setting.key(), settings.client_secret_ref.key());
        let sources = settings.sources(reader).into_iter().flatten();
        found.extend(sources.map(|source| (key.clone(), source)));
        Some(())
    });
    found
}
