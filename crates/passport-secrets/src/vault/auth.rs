//! The auth methods of Vault.

use passport_core::{Secret, SecretError, SecretErrorKind, SecretSource};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    api::{Api, GrantedToken, TokenLease},
    failure::VaultError,
};

/// The file in which Kubernetes mounts the token of a pod's service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// An auth method of Vault, and its credentials.
#[derive(Clone, Debug)]
pub struct VaultAuth(AuthKind);

#[derive(Clone, Debug)]
enum AuthKind {
    Agent,
    Token(SecretSource),
    AppRole { mount: String, role_id: String, secret_id: SecretSource },
    Kubernetes { mount: String, role: String, jwt: SecretSource },
}

impl VaultAuth {
    /// Uses an existing token, for example from the sink file of a Vault Agent. The token is
    /// renewed if it is renewable, and read again from its source if Vault rejects it.
    #[must_use]
    pub fn token(token: SecretSource) -> Self {
        Self(AuthKind::Token(token))
    }

    /// Logs in with an [AppRole](https://developer.hashicorp.com/vault/docs/auth/approle). The
    /// secret id is read at each login. Because tokens are renewed, there is about one login per
    /// maximum lifetime of a token.
    #[must_use]
    pub fn app_role(role_id: impl Into<String>, secret_id: SecretSource) -> Self {
        Self(AuthKind::AppRole { mount: "approle".to_owned(), role_id: role_id.into(), secret_id })
    }

    /// Logs in with the
    /// [service account](https://developer.hashicorp.com/vault/docs/auth/kubernetes) of the pod, in
    /// the Vault role `role`. Its token is read at each login, because Kubernetes rotates it.
    #[must_use]
    pub fn kubernetes(role: impl Into<String>) -> Self {
        let jwt = SecretSource::file(SERVICE_ACCOUNT);
        Self(AuthKind::Kubernetes { mount: "kubernetes".to_owned(), role: role.into(), jwt })
    }

    /// Sends no token, for a Vault Agent or Vault Proxy that adds its token to requests.
    #[must_use]
    pub fn agent() -> Self {
        Self(AuthKind::Agent)
    }

    /// Sets the mount path of the auth method below `auth/`. Defaults to `approle` or `kubernetes`.
    /// Has no effect on [`token`](Self::token) and [`agent`](Self::agent).
    #[must_use]
    pub fn mount(mut self, path: impl Into<String>) -> Self {
        if let AuthKind::AppRole { mount, .. } | AuthKind::Kubernetes { mount, .. } = &mut self.0 {
            *mount = path.into();
        }
        self
    }

    /// Sets the source of the service account's token, for a projected volume at another path.
    /// Defaults to `/var/run/secrets/kubernetes.io/serviceaccount/token`. Only affects
    /// [`kubernetes`](Self::kubernetes).
    #[must_use]
    pub fn service_account_token(mut self, token: SecretSource) -> Self {
        if let AuthKind::Kubernetes { jwt, .. } = &mut self.0 {
            *jwt = token;
        }
        self
    }

    /// Returns the mount path of the auth method. `None` if there is no login.
    pub(super) fn login_mount(&self) -> Option<&str> {
        match &self.0 {
            AuthKind::AppRole { mount, .. } | AuthKind::Kubernetes { mount, .. } => Some(mount),
            AuthKind::Agent | AuthKind::Token(_) => None,
        }
    }

    /// Returns a token, or `None` for an Agent. Reads the credentials, and reads them again if they
    /// are rejected, because they may have been rotated.
    pub(super) async fn log_in(&self, api: &Api) -> Result<Option<GrantedToken>, VaultError> {
        let credentials = match &self.0 {
            AuthKind::Agent => return Ok(None),
            AuthKind::Token(credentials)
            | AuthKind::AppRole { secret_id: credentials, .. }
            | AuthKind::Kubernetes { jwt: credentials, .. } => credentials,
        };
        let unreadable =
            |error: SecretError| VaultError::new(error.kind(), error.to_string()).into_login_error();
        let read = credentials.resolve().await.map_err(unreadable)?;
        match self.log_in_with(api, read.secret()).await {
            Err(rejected) if rejected.kind == SecretErrorKind::Unauthenticated => {
                match credentials.refresh(&read).await {
                    Ok(another) if !another.has_same_secret(&read) => {
                        self.log_in_with(api, another.secret()).await
                    }
                    _ => Err(rejected),
                }
            }
            outcome => outcome,
        }
        .map(Some)
    }

    async fn log_in_with(&self, api: &Api, credentials: &Secret) -> Result<GrantedToken, VaultError> {
        let secret = credentials.expose();
        let (mount, body) = match &self.0 {
            AuthKind::Agent | AuthKind::Token(_) => return configured_token(api, credentials.clone()).await,
            AuthKind::AppRole { mount, role_id, .. } => {
                (mount, LoginBody::AppRole { role_id, secret_id: secret })
            }
            AuthKind::Kubernetes { mount, role, .. } => (mount, LoginBody::Kubernetes { role, jwt: secret }),
        };
        let invalid = |_| VaultError::new(SecretErrorKind::Unreadable, "the login request cannot be encoded");
        let body = Zeroizing::new(serde_json::to_string(&body).map_err(invalid)?);
        api.login(mount, body).await.map_err(VaultError::into_login_error)
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum LoginBody<'a> {
    AppRole { role_id: &'a str, secret_id: &'a str },
    Kubernetes { role: &'a str, jwt: &'a str },
}

/// Returns the configured token with its lease. A token that cannot be looked up is returned
/// without a confirmation: it may be valid, and only lack the permission for `lookup-self`.
async fn configured_token(api: &Api, token: Secret) -> Result<GrantedToken, VaultError> {
    match api.look_up(&token).await {
        Ok(lease) => Ok(GrantedToken { token, lease, is_confirmed: true }),
        Err(failure) if failure.is_transient() => Err(failure.into_login_error()),
        Err(_) => Ok(GrantedToken { token, lease: TokenLease::default(), is_confirmed: false }),
    }
}
