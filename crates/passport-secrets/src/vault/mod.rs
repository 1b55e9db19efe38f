//! HashiCorp Vault and OpenBao, through their key-value engine.

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

/// A secret provider for the key-value engine of HashiCorp Vault or OpenBao. Both have the same
/// API.
///
/// # References
/// The path of a reference is the path of a secret in the engine, followed by `#` and a field:
/// `team/payroll#client_secret`. The field can be omitted if the secret has only one.
///
/// # Tokens
/// At the first read, the provider obtains a token by its [`VaultAuth`]. A task on the tokio
/// runtime of the first read renews the token while Vault allows it. When the token expires, or
/// when Vault rejects the token, the provider logs in again. The token needs the capability
/// `read` on the path: `secret/data/team/payroll`, or `secret/team/payroll` in an engine of
/// version 1.
///
/// # Retries
/// Reading a secret takes at most 9 s, and transient errors are not retried. Wrap the provider
/// in [`CachedSecrets`](crate::CachedSecrets), which retries with a backoff.
///
/// # Example
/// ```
/// use passport_core::{SecretProviders, SecretSource};
/// use passport_secrets::{CachedSecrets, HashiCorpVault, VaultAuth};
///
/// let secret_id = SecretSource::file("/run/secrets/vault-secret-id");
/// let auth = VaultAuth::app_role("payroll", secret_id);
/// let vault = HashiCorpVault::builder("https://vault.example.com:8200", auth).build()?;
/// let secrets = CachedSecrets::new(vault);
/// let providers = SecretProviders::default().with("hashicorp_vault", secrets);
/// # Ok::<(), passport_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct HashiCorpVault(Arc<KvEngine>);

/// A key-value engine, and the session with the Vault server. All clones of a provider share
/// this value.
struct KvEngine {
    api: Api,
    mount: String,
    version: KvVersion,
    sessions: Sessions,
}

impl HashiCorpVault {
    /// Creates a builder for the Vault at `address`, such as `https://vault.example.com:8200`, with
    /// the auth method `auth`. An `http` address must be a loopback address, unless
    /// [`danger_plain_http`](HashiCorpVaultBuilder::danger_plain_http) is set.
    pub fn builder(address: impl Into<String>, auth: VaultAuth) -> HashiCorpVaultBuilder {
        HashiCorpVaultBuilder::new(address.into(), auth)
    }

    /// Reads the secret at `path`. If Vault rejects the token, logs in again and retries once with
    /// the new token.
    async fn read(&self, path: &SecretPath<'_>) -> Result<ResolvedSecret, VaultError> {
        let sessions = &self.0.sessions;
        let mut session = sessions.current().await?;
        let mut read = self.read_with(path, session.token()).await;
        if read.as_ref().is_err_and(is_forbidden)
            && let Some(another) = sessions.replace_rejected(&session).await?
        {
            read = self.read_with(path, another.token()).await;
            session = another;
        }
        read.map_err(|error| attribute(error, &session))
    }

    /// Reads the secret at `path` with one request. The request has `token`; `None` means that an
    /// Agent adds the token.
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

/// Returns whether Vault responded with status 403. This means that the token is invalid, or
/// that the token lacks the permission for the secret.
fn is_forbidden(error: &VaultError) -> bool {
    error.kind == SecretErrorKind::Forbidden
}

/// Converts a `Forbidden` error into an error of the login if Vault has not confirmed the token
/// of `session`. The token may then be invalid, instead of lacking the permission for the
/// secret. Returns any other error unchanged.
fn attribute(error: VaultError, session: &Session) -> VaultError {
    if is_forbidden(&error) && !session.is_confirmed() { error.into_login_error() } else { error }
}

/// Returns the string in the field `name`. If `name` is `None`, returns the string in the only
/// field.
///
/// # Errors
/// Returns an error with the reason and the remedy if
///
/// - there is no field `name`;
/// - `name` is `None`, and there is not exactly one field;
/// - the field is not a string.
fn value(fields: &Fields, name: Option<&str>) -> Result<Secret, VaultError> {
    let unreadable = |reason| VaultError::new(SecretErrorKind::Unreadable, reason);
    let (field, missing) = match name {
        Some(name) => {
            (fields.get(name), "the secret has no such field; check the text behind # in the reference")
        }
        None => (
            fields.values().next().filter(|_| fields.len() == 1),
            "the secret does not have exactly one field; append the field to the reference: path#field",
        ),
    };
    let field = field.ok_or_else(|| unreadable(missing))?;
    let text: Result<String, _> = serde_json::from_str(field.get());
    text.map(Secret::from).map_err(|_| unreadable("the field is not a string; store it as a string"))
}

impl SecretProvider for HashiCorpVault {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let path = SecretPath::parse(reference.path()).map_err(|reason| {
            VaultError::new(SecretErrorKind::Unreadable, reason).into_secret_error(reference)
        })?;
        let read = async { self.read(&path).await.map_err(|error| error.into_secret_error(reference)) };
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
