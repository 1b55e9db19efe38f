//! Azure Key Vault, through Microsoft's own client.

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

/// The secrets of Azure Key Vault, read by Microsoft's client.
///
/// A reference is a secret's identifier (`https://contoso.vault.azure.net/secrets/payroll`), or, if the builder was told a
/// [vault](AzureKeyVaultBuilder::vault), its name. Behind either there may be a version (`payroll/0a1b...`), which pins the secret
/// and so its rotation: leave it out.
///
/// The credential is that of the environment: a workload identity of Kubernetes (`AZURE_FEDERATED_TOKEN_FILE`), the secret of an
/// application (`AZURE_CLIENT_SECRET`, both with `AZURE_TENANT_ID` and `AZURE_CLIENT_ID`), or else the managed identity of App
/// Service, Functions or the machine (`AZURE_CLIENT_ID` says which, if it has several). The first that is there is taken,
/// whether it works or not. Any other `TokenCredential` is handed to the [builder](AzureKeyVaultBuilder::credential).
///
/// Asks once; put it into [`CachedSecrets`](crate::CachedSecrets), which asks again.
///
/// ```
/// use passport_secrets::{AzureKeyVault, CachedSecrets};
///
/// let vault = AzureKeyVault::builder().vault("https://contoso.vault.azure.net").build()?;
/// let providers = passport_core::SecretProviders::default().with("azure_key_vault", CachedSecrets::new(vault));
/// # Ok::<(), passport_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct AzureKeyVault(Arc<KeyVault>);

struct KeyVault {
    /// Where names are, that name no vault.
    vault: Option<Url>,
    credential: Option<Arc<dyn TokenCredential>>,
    api_version: String,
    transport: Transport,
    created: Mutex<SdkClients>,
}

/// Created when first needed: the files of a credential may be mounted late.
#[derive(Default)]
struct SdkClients {
    credential: Option<Arc<dyn TokenCredential>>,
    /// A vault's client knows what its vault wants to be shown.
    clients: HashMap<Url, Arc<SecretClient>>,
}

impl AzureKeyVault {
    /// See [`AzureKeyVaultBuilder`].
    #[must_use]
    pub fn builder() -> AzureKeyVaultBuilder {
        AzureKeyVaultBuilder::default()
    }

    async fn read(&self, identifier: &Identifier) -> azure_core::Result<Secret> {
        let client = self.client(&identifier.vault)?;
        match get(&client, identifier).await {
            // Its credential keeps tokens, and shows one that was revoked for as long as it would have lived.
            Err(error) if failure::is_unauthorized(&error) && self.0.credential.is_none() => {
                self.forget(&identifier.vault, &client);
                get(&*self.client(&identifier.vault)?, identifier).await
            }
            outcome => outcome,
        }
    }

    fn client(&self, vault: &Url) -> azure_core::Result<Arc<SecretClient>> {
        let mut created = self.created();
        if let Some(client) = created.clients.get(vault) {
            return Ok(Arc::clone(client));
        }
        let credential = match self.0.credential.as_ref().or(created.credential.as_ref()) {
            Some(credential) => Arc::clone(credential),
            None => Arc::clone(created.credential.insert(credential::of_the_environment(&self.0.transport)?)),
        };
        let options = SecretClientOptions {
            api_version: self.0.api_version.clone(),
            client_options: http::without_retry(&self.0.transport),
            // A vault that is none may not ask for tokens of others.
            verify_challenge_resource: Some(true),
        };
        let client = Arc::new(SecretClient::new(vault.as_str(), credential, Some(options))?);
        created.clients.insert(vault.clone(), Arc::clone(&client));
        Ok(client)
    }

    /// Drops the vault's client and the credential, unless they were replaced since. Clients of other
    /// vaults are kept.
    fn forget(&self, vault: &Url, client: &Arc<SecretClient>) {
        let mut created = self.created();
        if created.clients.get(vault).is_some_and(|current| Arc::ptr_eq(current, client)) {
            created.clients.remove(vault);
            created.credential = None;
        }
    }

    fn created(&self) -> MutexGuard<'_, SdkClients> {
        self.0.created.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
        let identifier = identifier.map_err(|wrong| error(SecretErrorKind::Unreadable, wrong))?;
        let read = async { self.read(&identifier).await.map_err(|error| failure::of(reference, &error)) };
        let secret = within_deadline(reference, read).await?;
        let value = secret.value.ok_or_else(|| error(SecretErrorKind::Empty, "the vault gave no value"))?;
        let mut resolved = ResolvedSecret::new(value.into());
        if let Some(version) = secret.id.as_deref().and_then(|id| id.rsplit('/').next()) {
            resolved = resolved.with_version(crate::sanitize::shown(version));
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
