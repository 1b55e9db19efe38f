//! The builder of an [`AzureKeyVault`]: its settings and their defaults.

use std::{fmt, path::PathBuf, sync::Arc};

use azure_core::credentials::TokenCredential;
use passport_core::{ConfigError, ConfigProblem, Transport, TransportSettings};
use url::Url;

use super::{AzureKeyVault, KeyVault, credential::UserCredential, identifier::vault_at};

/// The default version of the Key Vault API. All Azure clouds support it, and newer versions
/// return the same response for a secret.
const API_VERSION: &str = "7.4";

/// A builder of an [`AzureKeyVault`]. All settings have defaults.
#[derive(Clone, Default)]
pub struct AzureKeyVaultBuilder {
    vault: Option<String>,
    credential: Option<Arc<dyn TokenCredential>>,
    api_version: Option<String>,
    transport: TransportSettings,
}

impl AzureKeyVaultBuilder {
    /// Sets the URL of the default vault, such as `https://contoso.vault.azure.net`. A reference
    /// that is only a name refers to a secret in this vault. Without a default vault, references
    /// must be whole identifiers.
    #[must_use]
    pub fn vault(mut self, url: impl Into<String>) -> Self {
        self.vault = Some(url.into());
        self
    }

    /// Sets the credential. Defaults to the credential of the environment, see [`AzureKeyVault`].
    ///
    /// If the vault rejects a token of the default credential, the provider creates the default
    /// credential again, and the new credential fetches another token. The provider cannot create a
    /// `credential` that is set here again. So this `credential` must itself stop returning a token
    /// that the vault rejected.
    #[must_use]
    pub fn credential(mut self, credential: Arc<dyn TokenCredential>) -> Self {
        self.credential = Some(Arc::new(UserCredential(credential)));
        self
    }

    /// Sets the version of the Key Vault API. Defaults to 7.4, which all Azure clouds support.
    #[must_use]
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// Sets the transport for requests to the vault and for requests of the default credential. Use
    /// it for example for a proxy or other root certificates. Defaults to
    /// [`ReqwestHttpClient`](passport_core::ReqwestHttpClient).
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = self.transport.transport(transport);
        self
    }

    /// Trusts the CA certificates in this PEM file in addition to the certificates of the operating
    /// system, for a private endpoint or a proxy that inspects TLS. [`build`](Self::build) reads
    /// the file. Cannot be combined with [`transport`](Self::transport). To trust a CA with a
    /// transport, create the transport with
    /// [`ReqwestHttpClient::with_ca`](passport_core::ReqwestHttpClient::with_ca).
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.transport = self.transport.ca_file(path);
        self
    }

    /// Builds the provider. Sends no request.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if
    ///
    /// - the default vault is not an `https` URL;
    /// - the CA file cannot be read or has no certificate;
    /// - a CA file is set together with a transport.
    pub fn build(self) -> Result<AzureKeyVault, ConfigError> {
        let mut problems = Vec::new();
        let vault = self.vault.as_deref().map(vault).transpose();
        let vault = ConfigProblem::collect(&mut problems, "vault", vault);
        let transport = self.transport.build(&mut problems);
        let (Some(vault), Some(transport)) = (vault, transport) else {
            return Err(ConfigError::new(problems));
        };
        let Self { credential, api_version, .. } = self;
        Ok(AzureKeyVault(Arc::new(KeyVault {
            vault,
            credential,
            api_version: api_version.unwrap_or_else(|| API_VERSION.to_owned()),
            transport,
            created: super::Mutex::default(),
        })))
    }
}

/// Parses the URL of the default vault.
fn vault(text: &str) -> Result<Url, &'static str> {
    match Url::parse(text) {
        Ok(url) if url.path() == "/" => vault_at(&url),
        _ => Err("not the URL of a vault; write https://contoso.vault.azure.net"),
    }
}

impl fmt::Debug for AzureKeyVaultBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureKeyVaultBuilder").field("vault", &self.vault).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
