use std::{fmt, path::PathBuf, sync::Arc};

use azure_core::credentials::TokenCredential;
use passport_core::{ConfigError, ConfigProblem, Transport, TransportSettings};
use url::Url;

use super::{AzureKeyVault, KeyVault, credential::UserCredential, identifier::vault_at};

/// The API's version. All of Azure's clouds have it, and newer ones do not tell more of a secret.
const API_VERSION: &str = "7.4";

/// Builds an [`AzureKeyVault`]. Everything has a default.
#[derive(Clone, Default)]
pub struct AzureKeyVaultBuilder {
    vault: Option<String>,
    credential: Option<Arc<dyn TokenCredential>>,
    api_version: Option<String>,
    transport: TransportSettings,
}

impl AzureKeyVaultBuilder {
    /// The vault in which names are looked for: `https://contoso.vault.azure.net`. By default none: references are whole
    /// identifiers.
    #[must_use]
    pub fn vault(mut self, url: impl Into<String>) -> Self {
        self.vault = Some(url.into());
        self
    }

    /// Sets the credential. Defaults to that of the environment, see [`AzureKeyVault`].
    ///
    /// When the vault rejects a token, only the default credential is replaced; a credential of your
    /// own caches its tokens itself.
    #[must_use]
    pub fn credential(mut self, credential: Arc<dyn TokenCredential>) -> Self {
        self.credential = Some(Arc::new(UserCredential(credential)));
        self
    }

    /// The version of Key Vault's API. Defaults to 7.4, which all of Azure's clouds have.
    #[must_use]
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = Some(version.into());
        self
    }

    /// Sends requests to the vault, and those of the default credential, through `transport`, for
    /// roots or a proxy of your own. Defaults to [`ReqwestHttpClient`](passport_core::ReqwestHttpClient).
    #[must_use]
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = self.transport.transport(transport);
        self
    }

    /// Trusts the certificates in this PEM file beside the system's root certificates, for a vault
    /// behind a private endpoint or a proxy that inspects TLS. The file is read by
    /// [`build`](Self::build). Contradicts [`transport`](Self::transport), which has
    /// [`ReqwestHttpClient::with_ca`](passport_core::ReqwestHttpClient::with_ca).
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.transport = self.transport.ca_file(path);
        self
    }

    /// Builds the provider. Sends no request.
    ///
    /// # Errors
    /// When the vault is not the https URL of one, or the CA file cannot be read.
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

fn vault(text: &str) -> Result<Url, &'static str> {
    match Url::parse(text) {
        Ok(url) if url.path() == "/" => vault_at(&url),
        _ => Err("it is not the URL of a vault; write https://contoso.vault.azure.net"),
    }
}

impl fmt::Debug for AzureKeyVaultBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureKeyVaultBuilder").field("vault", &self.vault).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
