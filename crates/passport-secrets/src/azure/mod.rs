//! Azure Key Vault, through Microsoft's SDK.

mod builder;
mod credential;
mod failure;
pub(crate) mod http;
mod identifier;
mod identity;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use azure_core::credentials::TokenCredential;
use azure_security_keyvault_secrets::{
    SecretClient, SecretClientOptions,
    models::{Secret, SecretClientGetSecretOptions},
};
use passport_core::{ResolvedSecret, SecretError, SecretErrorKind, SecretProvider, SecretRef, Transport};
use url::Url;

pub use self::builder::AzureKeyVaultBuilder;
use self::identifier::Identifier;
use crate::deadline::within_deadline;

/// A secret provider for Azure Key Vault, based on Microsoft's SDK.
///
/// # References
/// The path of a reference is the identifier of a secret
/// (`https://contoso.vault.azure.net/secrets/payroll`), or the name of a secret if a default
/// [vault](AzureKeyVaultBuilder::vault) is set. Both the identifier and the name can end with a
/// version (`payroll/0a1b...`). Omit the version: a reference with a version always returns that
/// version, even after a rotation.
///
/// # Credentials
/// By default, the environment determines the credential:
///
/// 1. `AZURE_FEDERATED_TOKEN_FILE` is set: a Kubernetes workload identity,
/// 2. `AZURE_CLIENT_SECRET` is set: an application with a client secret,
/// 3. otherwise the managed identity of App Service, Functions or the machine. `AZURE_CLIENT_ID`
///    selects one of several managed identities.
///
/// A workload identity and an application also need `AZURE_TENANT_ID` and `AZURE_CLIENT_ID`. If
/// the selected credential fails, no other credential is tried, because another credential would
/// have other permissions. Any other `TokenCredential` can be set by
/// [`credential`](AzureKeyVaultBuilder::credential). The identity needs the role Key Vault
/// Secrets User on the secret, or the secret permission Get in a vault with access policies.
///
/// # Retries
/// Reading a secret takes at most 9 s, and transient errors are not retried. Wrap the provider
/// in [`CachedSecrets`](crate::CachedSecrets), which retries with a backoff.
///
/// # Example
/// ```
/// use passport_core::SecretProviders;
/// use passport_secrets::{AzureKeyVault, CachedSecrets};
///
/// let vault = AzureKeyVault::builder().vault("https://contoso.vault.azure.net").build()?;
/// let secrets = CachedSecrets::new(vault);
/// let providers = SecretProviders::default().with("azure_key_vault", secrets);
/// # Ok::<(), passport_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct AzureKeyVault(Arc<KeyVault>);

/// The settings and the clients that all clones of a provider share.
struct KeyVault {
    /// The default vault, for references that are names.
    vault: Option<Url>,
    /// The credential that the program set. `None` for the default credential.
    credential: Option<Arc<dyn TokenCredential>>,
    api_version: String,
    transport: Transport,
    created: Mutex<SdkClients>,
}

/// The clients of the SDK, and the default credential. The first read creates them, because
/// files with credentials can be mounted after the start.
#[derive(Default)]
struct SdkClients {
    /// The default credential. `None` before the first read, and after the vault rejected a token
    /// of the default credential.
    credential: Option<Arc<dyn TokenCredential>>,
    /// The clients by the URL of the vault. Each vault has its own client, because a client caches
    /// the authentication challenge of its vault.
    clients: HashMap<Url, Arc<SecretClient>>,
}

impl AzureKeyVault {
    /// Creates a builder. All settings have defaults.
    #[must_use]
    pub fn builder() -> AzureKeyVaultBuilder {
        AzureKeyVaultBuilder::default()
    }

    /// Reads the secret `identifier`. If the vault rejects the token of the default credential,
    /// creates the credential and the client again, and retries once.
    async fn read(&self, identifier: &Identifier) -> azure_core::Result<Secret> {
        let client = self.client(&identifier.vault)?;
        match get(&client, identifier).await {
            // The credential caches tokens. Without a new credential, a revoked token would be sent
            // until it expires.
            Err(error) if failure::is_unauthorized(&error) && self.0.credential.is_none() => {
                self.drop_client(&identifier.vault, &client);
                get(&*self.client(&identifier.vault)?, identifier).await
            }
            outcome => outcome,
        }
    }

    /// Returns the client of `vault`. If there is no client of this vault, creates one.
    fn client(&self, vault: &Url) -> azure_core::Result<Arc<SecretClient>> {
        let mut created = self.created();
        if let Some(client) = created.clients.get(vault) {
            return Ok(Arc::clone(client));
        }
        let credential = match self.0.credential.as_ref().or(created.credential.as_ref()) {
            Some(credential) => Arc::clone(credential),
            None => Arc::clone(created.credential.insert(credential::from_environment(&self.0.transport)?)),
        };
        let options = SecretClientOptions {
            api_version: self.0.api_version.clone(),
            client_options: http::without_retry(&self.0.transport),
            // Verifies that the challenge is for the domain of the vault, so that a server that is
            // not a vault does not get a token for another resource.
            verify_challenge_resource: Some(true),
        };
        let client = Arc::new(SecretClient::new(vault.as_str(), credential, Some(options))?);
        created.clients.insert(vault.clone(), Arc::clone(&client));
        Ok(client)
    }

    /// Removes the default credential and `client`, the client of `vault`. Does nothing if another
    /// call has already replaced `client`. Clients of other vaults are kept.
    fn drop_client(&self, vault: &Url, client: &Arc<SecretClient>) {
        let mut created = self.created();
        if created.clients.get(vault).is_some_and(|current| Arc::ptr_eq(current, client)) {
            created.clients.remove(vault);
            created.credential = None;
        }
    }

    /// Locks and returns the clients and the default credential.
    fn created(&self) -> MutexGuard<'_, SdkClients> {
        self.0.created.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Requests the secret `identifier` from its vault.
async fn get(client: &SecretClient, identifier: &Identifier) -> azure_core::Result<Secret> {
    let options = SecretClientGetSecretOptions {
        secret_version: identifier.version.clone(),
        ..SecretClientGetSecretOptions::default()
    };
    client.get_secret(&identifier.name, Some(options)).await?.into_model()
}

impl SecretProvider for AzureKeyVault {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let error = |kind, reason: &str| SecretError::new(kind, reference.clone(), reason);
        let identifier = Identifier::parse(reference.path(), self.0.vault.as_ref());
        let identifier = identifier.map_err(|reason| error(SecretErrorKind::Unreadable, reason))?;
        let host = identifier.vault.host_str().unwrap_or_default();
        let error_of = |error| failure::secret_error(reference, host, &error);
        let read = async { self.read(&identifier).await.map_err(error_of) };
        let secret = within_deadline(reference, read).await?;
        let value = secret
            .value
            .ok_or_else(|| error(SecretErrorKind::Empty, "the vault returned no value; store one"))?;
        let mut resolved = ResolvedSecret::new(value.into());
        if let Some(version) = secret.id.as_deref().and_then(|id| id.rsplit('/').next()) {
            resolved = resolved.with_version(crate::sanitize::one_line(version));
        }
        let expiry = secret.attributes.and_then(|attributes| attributes.expires);
        Ok(expiry.map(SystemTime::from).into_iter().fold(resolved, ResolvedSecret::with_expiry))
    }
}

impl fmt::Debug for AzureKeyVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let vault = self.0.vault.as_ref().map(Url::as_str);
        f.debug_struct("AzureKeyVault").field("vault", &vault).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
