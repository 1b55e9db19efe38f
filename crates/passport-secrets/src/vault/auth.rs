//! The auth methods of Vault.

use passport_core::{Secret, SecretError, SecretErrorKind, SecretSource};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    api::{Api, GrantedToken, TokenLease},
    failure::VaultError,
};

/// The file in which Kubernetes mounts the token of a pod's service account.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// An auth method of Vault, with its credentials. It determines how a
/// [`HashiCorpVault`](super::HashiCorpVault) gets the token that it sends to Vault.
#[derive(Clone, Debug)]
pub struct VaultAuth(AuthKind);

/// The auth method, with the sources of its credentials.
#[derive(Clone, Debug)]
enum AuthKind {
    Agent,
    Token(SecretSource),
    AppRole { mount: String, role_id: String, secret_id: SecretSource },
    Kubernetes { mount: String, role: String, jwt: SecretSource },
}

impl VaultAuth {
    /// Uses an existing token, for example from the sink file of a Vault Agent. If Vault allows it,
    /// the provider renews the token. If Vault rejects the token, the provider reads the token
    /// again from its source.
    #[must_use]
    pub fn token(token: SecretSource) -> Self {
        Self(AuthKind::Token(token))
    }

    /// Logs in with an [AppRole](https://developer.hashicorp.com/vault/docs/auth/approle). The
    /// provider reads the secret id at each login. Between logins it renews the token, so it needs
    /// about one login in each maximum lifetime (`token_max_ttl`) of a token.
    #[must_use]
    pub fn app_role(role_id: impl Into<String>, secret_id: SecretSource) -> Self {
        Self(AuthKind::AppRole { mount: "approle".to_owned(), role_id: role_id.into(), secret_id })
    }

    /// Logs in with the [service
    /// account](https://developer.hashicorp.com/vault/docs/auth/kubernetes) of the pod, in the
    /// Vault role `role`. The provider reads the token of the service account from its file at each
    /// login, because Kubernetes rotates that token.
    #[must_use]
    pub fn kubernetes(role: impl Into<String>) -> Self {
        let jwt = SecretSource::file(SERVICE_ACCOUNT_TOKEN);
        Self(AuthKind::Kubernetes { mount: "kubernetes".to_owned(), role: role.into(), jwt })
    }

    /// Sends no token. Use this for a Vault Agent or Vault Proxy that adds its own token to
    /// requests.
    #[must_use]
    pub fn agent() -> Self {
        Self(AuthKind::Agent)
    }

    /// Sets the mount path of the auth method, below `auth/`. Defaults to `approle` for
    /// [`app_role`](Self::app_role), and to `kubernetes` for [`kubernetes`](Self::kubernetes). Has
    /// no effect on [`token`](Self::token) and [`agent`](Self::agent), because these methods do not
    /// log in.
    #[must_use]
    pub fn mount(mut self, path: impl Into<String>) -> Self {
        if let AuthKind::AppRole { mount, .. } | AuthKind::Kubernetes { mount, .. } = &mut self.0 {
            *mount = path.into();
        }
        self
    }

    /// Sets the source of the service account's token for [`kubernetes`](Self::kubernetes), for
    /// example a file in a projected volume with a token for the audience of Vault. Defaults to the
    /// file `/var/run/secrets/kubernetes.io/serviceaccount/token`. Has no effect on the other auth
    /// methods.
    #[must_use]
    pub fn service_account_token(mut self, token: SecretSource) -> Self {
        if let AuthKind::Kubernetes { jwt, .. } = &mut self.0 {
            *jwt = token;
        }
        self
    }

    /// Returns the mount path of the auth method. `None` for a method without a login (token,
    /// Agent).
    pub(super) fn login_mount(&self) -> Option<&str> {
        match &self.0 {
            AuthKind::AppRole { mount, .. } | AuthKind::Kubernetes { mount, .. } => Some(mount),
            AuthKind::Agent | AuthKind::Token(_) => None,
        }
    }

    /// Reads the credentials and logs in. Returns the token of Vault, or `None` if an Agent adds
    /// the token to requests.
    ///
    /// If Vault rejects the credentials, reads the credentials again, because they may have been
    /// rotated. If the credentials have changed, logs in again.
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

    /// Logs in once with `credentials`: an existing token, a secret id, or the token of a service
    /// account, depending on the auth method.
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

/// The body of a login request.
#[derive(Serialize)]
#[serde(untagged)]
enum LoginBody<'a> {
    AppRole { role_id: &'a str, secret_id: &'a str },
    Kubernetes { role: &'a str, jwt: &'a str },
}

/// Requests the lease of the configured `token` from Vault (`lookup-self`), and returns the
/// token with its lease. If Vault rejects the `lookup-self` request, returns the token without a
/// lease and unconfirmed: the token may be valid, and only lack the permission for
/// `lookup-self`. A transient error is returned as an error.
async fn configured_token(api: &Api, token: Secret) -> Result<GrantedToken, VaultError> {
    match api.look_up(&token).await {
        Ok(lease) => Ok(GrantedToken { token, lease, is_confirmed: true }),
        Err(failure) if failure.is_transient() => Err(failure.into_login_error()),
        Err(_) => Ok(GrantedToken { token, lease: TokenLease::default(), is_confirmed: false }),
    }
}
