use std::{collections::BTreeMap, sync::Arc};

use super::{
    EnvSecrets, FileSecrets, InvalidSecretRef, SecretProvider, SecretRef, SecretSource, SystemdCredentials,
    env, file, provider::DynSecretProvider, systemd,
};

/// Secret providers by name, so that a configuration can say which one it means.
///
/// `env` (also `environment`), `file` and `systemd` are there from the beginning. A name is found in whatever way it is written:
/// `azure_key_vault`, `azure-key-vault` and `AzureKeyVault` are one.
#[derive(Clone, Debug)]
pub struct SecretProviders {
    by_name: BTreeMap<String, Arc<dyn DynSecretProvider>>,
    /// Why there is no provider of a name.
    missing: BTreeMap<String, String>,
}

impl SecretProviders {
    /// These, and `provider`, which is called `name`. It takes the place of one that has the name already.
    #[must_use]
    pub fn with(mut self, name: &str, provider: impl SecretProvider) -> Self {
        self.by_name.insert(canonical(name), Arc::new(provider));
        self
    }

    /// Explains why there is no provider called `name`, for a reference that names it: "set
    /// `VAULT_ADDR`". A provider that is added under this name makes the reason void.
    #[must_use]
    pub fn without(mut self, name: &str, reason: impl Into<String>) -> Self {
        self.missing.insert(canonical(name), reason.into());
        self
    }

    /// The secret that `provider` finds at `reference`; without a provider, `reference` is a [`SecretRef`], whose scheme names
    /// it.
    ///
    /// # Errors
    /// When `reference` is not valid, or there is no such provider.
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

/// The reference may name the provider once more (`env:NAME` beside `env`).
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

/// Why there is no [`SecretSource`]. Neither reference nor scheme is quoted: people paste the secret itself where its reference
/// belongs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSecretSource {
    /// There is no provider of that name.
    #[error(
        "there is no secret provider of that name; there are {known}; others are added with SecretProviders::with, and handed to build_with"
    )]
    UnknownProvider {
        /// Those there are.
        known: String,
    },
    /// The provider is known to the program, but is not set up.
    #[error("the secret provider `{name}` is not set up: {reason}")]
    MissingProvider {
        /// The provider.
        name: String,
        /// What to do.
        reason: String,
    },
    /// The reference is not valid.
    #[error(transparent)]
    Reference(InvalidSecretRef),
}

#[cfg(test)]
mod tests;
