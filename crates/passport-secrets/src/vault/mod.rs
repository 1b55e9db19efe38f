//! HashiCorp Vault and OpenBao, by their key-value engine.

mod api;
mod auth;
mod builder;
mod failure;
mod reference;
mod session;

use std::{fmt, sync::Arc};

use passport_core::{ResolvedSecret, Secret, SecretError, SecretErrorKind, SecretProvider, SecretRef};

use self::{
    api::{Api, Fields, Versioned},
    failure::VaultError,
    reference::SecretPath,
    session::{Session, Sessions},
};
pub use self::{
    auth::VaultAuth,
    builder::{HashiCorpVaultBuilder, KvVersion},
};
use crate::deadline::within_deadline;

/// The secrets of HashiCorp Vault, or of OpenBao, which speaks the same.
///
/// A reference is a secret's path in the key-value engine, and the field there: `team/payroll#client_secret`. Of a secret with one
/// field that is enough without it.
///
/// A token that Vault has granted is renewed while it can be, in a task of the tokio runtime that asks; when it cannot, or Vault
/// refuses it, another one is got by the same [`VaultAuth`].
///
/// Asks once; put it into [`CachedSecrets`](crate::CachedSecrets), which asks again.
///
/// ```
/// use passport_core::{SecretProviders, SecretSource};
/// use passport_secrets::{CachedSecrets, HashiCorpVault, VaultAuth};
///
/// let auth = VaultAuth::app_role("payroll", SecretSource::file("/run/secrets/vault-secret-id"));
/// let vault = HashiCorpVault::builder("https://vault.example.com:8200", auth).build()?;
/// let providers = SecretProviders::default().with("hashicorp_vault", CachedSecrets::new(vault));
/// # Ok::<(), passport_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct HashiCorpVault(Arc<KvEngine>);

struct KvEngine {
    api: Api,
    mount: String,
    version: KvVersion,
    sessions: Sessions,
}

impl HashiCorpVault {
    /// Creates a builder for the Vault at `address` (`https://vault.example.com:8200`; `http` for an
    /// Agent on this machine only, unless
    /// [`danger_plain_http`](HashiCorpVaultBuilder::danger_plain_http) is set), with the auth method
    /// `auth`. See [`HashiCorpVaultBuilder`].
    pub fn builder(address: impl Into<String>, auth: VaultAuth) -> HashiCorpVaultBuilder {
        HashiCorpVaultBuilder::new(address.into(), auth)
    }

    /// What is at `path`; with another token, if the one there was is not good any more.
    async fn read(&self, path: &SecretPath<'_>) -> Result<ResolvedSecret, VaultError> {
        let sessions = &self.0.sessions;
        let mut session = sessions.current().await?;
        let mut read = self.read_with(path, session.token()).await;
        if read.as_ref().is_err_and(is_forbidden)
            && let Some(another) = sessions.replaced(&session).await?
        {
            read = self.read_with(path, another.token()).await;
            session = another;
        }
        read.map_err(|failure| doubted(failure, &session))
    }

    async fn read_with(
        &self,
        path: &SecretPath<'_>,
        token: Option<&Secret>,
    ) -> Result<ResolvedSecret, VaultError> {
        let segments = |middle: Option<&'static str>| {
            self.0.mount.split('/').chain(middle).chain(path.path.iter().copied())
        };
        match self.0.version {
            KvVersion::V1 => {
                let fields = self.0.api.read(segments(None), token).await?;
                Ok(ResolvedSecret::new(value(&fields, path.field)?))
            }
            KvVersion::V2 => {
                let Versioned { data, metadata } = self.0.api.read(segments(Some("data")), token).await?;
                let secret = ResolvedSecret::new(value(&data, path.field)?);
                let secret = secret.with_version(metadata.version.to_string());
                let deletion_time = humantime::parse_rfc3339(&metadata.deletion_time).ok();
                Ok(deletion_time.into_iter().fold(secret, ResolvedSecret::with_expiry))
            }
        }
    }
}

fn is_forbidden(failure: &VaultError) -> bool {
    failure.kind == SecretErrorKind::Forbidden
}

/// It may be the token that is not good, and not the secret that is not for us.
fn doubted(failure: VaultError, session: &Session) -> VaultError {
    if is_forbidden(&failure) && !session.is_vouched() { failure.of_login() } else { failure }
}

/// Returns the text in the field of that name, or in the only one.
fn value(fields: &Fields, name: Option<&str>) -> Result<Secret, VaultError> {
    let unreadable = |reason| VaultError::new(SecretErrorKind::Unreadable, reason);
    let (field, missing) = match name {
        Some(name) => (fields.get(name), "the secret is there, but has no such field"),
        None => (
            fields.values().next().filter(|_| fields.len() == 1),
            "the secret has not just one field; write which one: path#field",
        ),
    };
    let field = field.ok_or_else(|| unreadable(missing))?;
    let text: Result<String, _> = serde_json::from_str(field.get());
    text.map(Secret::from).map_err(|_| unreadable("the field is not a text"))
}

impl SecretProvider for HashiCorpVault {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let path = SecretPath::parse(reference.path())
            .map_err(|wrong| VaultError::new(SecretErrorKind::Unreadable, wrong).concerning(reference))?;
        let read = async { self.read(&path).await.map_err(|failure| failure.concerning(reference)) };
        within_deadline(reference, read).await
    }
}

impl fmt::Debug for HashiCorpVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashiCorpVault")
            .field("address", &self.0.api.address.as_str())
            .field("mount", &self.0.mount)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
