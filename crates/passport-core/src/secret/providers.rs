use std::{collections::BTreeMap, fmt, sync::Arc};

use super::{
    EnvSecrets, FileSecrets, InvalidSecretRef, SecretProvider, SecretRef, SecretSource, SystemdCredentials,
    env, file, provider::DynSecretProvider, systemd,
};

/// A registry of secret providers by name, for references in a configuration.
///
/// The default registry contains `env` (alias `environment`), `file` and `systemd`. Upper and
/// lower case and separators in names are ignored: `azure_key_vault`, `azure-key-vault` and
/// `AzureKeyVault` are the same name.
#[derive(Clone, Debug)]
pub struct SecretProviders {
    by_name: BTreeMap<String, Arc<dyn DynSecretProvider>>,
    /// The remedies for providers that the program supports but that are not configured, by the
    /// name of the provider.
    missing: BTreeMap<String, String>,
}

impl SecretProviders {
    /// Adds `provider` under `name`, and replaces the provider that has this name, if there is one.
    #[must_use]
    pub fn with(mut self, name: &str, provider: impl SecretProvider) -> Self {
        self.by_name.insert(canonical(name), Arc::new(provider));
        self
    }

    /// Sets `reason`, the remedy for a provider that the program supports but that is not
    /// configured: for example "set `VAULT_ADDR`". If a reference names the provider `name`, the
    /// error contains the remedy. Has no effect if a provider is added under `name`.
    #[must_use]
    pub fn with_missing_hint(mut self, name: &str, reason: impl Into<String>) -> Self {
        self.missing.insert(canonical(name), reason.into());
        self
    }

    /// Returns the source of the secret at `reference`.
    ///
    /// `provider` is the name of the provider that reads the secret. If `provider` is `None`, the
    /// scheme of `reference` names the provider, as in a [`SecretRef`].
    ///
    /// # Errors
    /// When `reference` is not valid, or the provider is not registered.
    pub fn source(
        &self,
        provider: Option<&str>,
        reference: &str,
    ) -> Result<SecretSource, InvalidSecretSource> {
        let reference = match provider {
            None => reference.parse().map_err(InvalidSecretSource::Reference)?,
            Some(_) if reference.is_empty() => return Err(InvalidSecretSource::Reference(InvalidSecretRef)),
            Some(name) => with_scheme(&canonical(name), reference),
        };
        let name = canonical(reference.scheme());
        let found = self.by_name.get(&name).ok_or_else(|| match self.missing.get_key_value(&name) {
            Some((name, reason)) => {
                InvalidSecretSource::MissingProvider { name: name.clone(), reason: reason.clone() }
            }
            None => InvalidSecretSource::UnknownProvider { known: self.names() },
        })?;
        Ok(SecretSource::of(Arc::clone(found), reference))
    }

    fn names(&self) -> String {
        self.by_name.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// Returns `reference` with the scheme `name`. If `reference` already has this scheme, such as
/// `env:NAME` with the provider `env`, the scheme is not added again.
fn with_scheme(name: &str, reference: &str) -> SecretRef {
    let named = reference.parse::<SecretRef>().ok().filter(|named| canonical(named.scheme()) == name);
    SecretRef::of(
        name,
        named.map_or(reference, |_| &reference[reference.find(':').map_or(0, |at| at + 1)..]).to_owned(),
    )
}

impl Default for SecretProviders {
    fn default() -> Self {
        Self { by_name: BTreeMap::new(), missing: BTreeMap::new() }
            .with(env::SCHEME, EnvSecrets)
            .with(file::SCHEME, FileSecrets)
            .with(systemd::SCHEME, SystemdCredentials)
    }
}

fn canonical(name: &str) -> String {
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect();
    if name == "environment" { env::SCHEME.to_owned() } else { name }
}

/// The error of [`SecretProviders::source`].
///
/// `Display` and `Debug` are the same message. The message contains neither the reference nor
/// its scheme, because a secret can have been pasted instead of its reference.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSecretSource {
    /// No provider is registered under the name that `reference` or the configuration contains.
    #[error(
        "unknown secret provider; known providers are {known}; add others with SecretProviders::with \
         and pass them to build_with"
    )]
    UnknownProvider {
        /// The registered names, separated by commas.
        known: String,
    },
    /// The program supports the provider, but the provider is not configured.
    #[error("the secret provider `{name}` is not set up: {reason}")]
    MissingProvider {
        /// The name of the provider, in lower case and without separators.
        name: String,
        /// The remedy, from [`SecretProviders::with_missing_hint`].
        reason: String,
    },
    /// The reference is not valid.
    #[error(transparent)]
    Reference(InvalidSecretRef),
}

/// Prints the same message as `Display`, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for InvalidSecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
