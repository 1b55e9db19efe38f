use passport_core::{Secret, SecretError, SecretErrorKind, SecretSource};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{
    api::{Api, GrantedToken, TokenLease},
    failure::VaultError,
};

/// Where Kubernetes mounts a pod's service account.
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
    /// A token, for example of a file that a Vault Agent writes (its sink). It is read again when Vault refuses it, and kept alive if
    /// it can be renewed.
    #[must_use]
    pub fn token(token: SecretSource) -> Self {
        Self(AuthKind::Token(token))
    }

    /// An [`AppRole`](https://developer.hashicorp.com/vault/docs/auth/approle). The secret id is read at each login: about once in the
    /// longest life of a token, because tokens are renewed.
    #[must_use]
    pub fn app_role(role_id: impl Into<String>, secret_id: SecretSource) -> Self {
        Self(AuthKind::AppRole { mount: "approle".to_owned(), role_id: role_id.into(), secret_id })
    }

    /// The [service account](https://developer.hashicorp.com/vault/docs/auth/kubernetes) of the pod, in `role`. Its token is read at
    /// each login, as Kubernetes replaces it.
    #[must_use]
    pub fn kubernetes(role: impl Into<String>) -> Self {
        let jwt = SecretSource::file(SERVICE_ACCOUNT);
        Self(AuthKind::Kubernetes { mount: "kubernetes".to_owned(), role: role.into(), jwt })
    }

    /// Sends no token: a Vault Agent or Proxy in front of Vault adds one of its own.
    #[must_use]
    pub fn agent() -> Self {
        Self(AuthKind::Agent)
    }

    /// Where the auth method is mounted, under `auth/`. Defaults to its name; a token has none.
    #[must_use]
    pub fn mounted_at(mut self, path: impl Into<String>) -> Self {
        if let AuthKind::AppRole { mount, .. } | AuthKind::Kubernetes { mount, .. } = &mut self.0 {
            *mount = path.into();
        }
        self
    }

    /// Where the service account's token is, if Kubernetes was told to mount it elsewhere. For
    /// [`kubernetes`](Self::kubernetes) only.
    #[must_use]
    pub fn service_account(mut self, token: SecretSource) -> Self {
        if let AuthKind::Kubernetes { jwt, .. } = &mut self.0 {
            *jwt = token;
        }
        self
    }

    /// Where there is a login; none if there is none.
    pub(super) fn mount(&self) -> Option<&str> {
        match &self.0 {
            AuthKind::AppRole { mount, .. } | AuthKind::Kubernetes { mount, .. } => Some(mount),
            AuthKind::Agent | AuthKind::Token(_) => None,
        }
    }

    /// A token, if one is needed. What it proves itself by is read at this moment, and once more if it is refused.
    pub(super) async fn log_in(&self, api: &Api) -> Result<Option<GrantedToken>, VaultError> {
        let proof = match &self.0 {
            AuthKind::Agent => return Ok(None),
            AuthKind::Token(proof)
            | AuthKind::AppRole { secret_id: proof, .. }
            | AuthKind::Kubernetes { jwt: proof, .. } => proof,
        };
        let unreadable = |error: SecretError| VaultError::new(error.kind(), error.to_string()).of_login();
        let read = proof.resolve().await.map_err(unreadable)?;
        match self.log_in_with(api, read.secret()).await {
            Err(refused) if refused.kind == SecretErrorKind::Unauthenticated => {
                match proof.refresh(&read).await {
                    Ok(another) if !another.has_same_secret(&read) => {
                        self.log_in_with(api, another.secret()).await
                    }
                    _ => Err(refused),
                }
            }
            outcome => outcome,
        }
        .map(Some)
    }

    async fn log_in_with(&self, api: &Api, proof: &Secret) -> Result<GrantedToken, VaultError> {
        let secret = proof.expose();
        let (mount, body) = match &self.0 {
            AuthKind::Agent | AuthKind::Token(_) => return configured_token(api, proof.clone()).await,
            AuthKind::AppRole { mount, role_id, .. } => {
                (mount, LoginBody::AppRole { role_id, secret_id: secret })
            }
            AuthKind::Kubernetes { mount, role, .. } => (mount, LoginBody::Kubernetes { role, jwt: secret }),
        };
        let wrong = |_| VaultError::new(SecretErrorKind::Unreadable, "no request can be made of it");
        let body = Zeroizing::new(serde_json::to_string(&body).map_err(wrong)?);
        api.login(mount, body).await.map_err(VaultError::of_login)
    }
}

#[derive(Serialize)]
#[serde(untagged)]
enum LoginBody<'a> {
    AppRole { role_id: &'a str, secret_id: &'a str },
    Kubernetes { role: &'a str, jwt: &'a str },
}

/// Returns a token that was configured. It may be good without the permission to look itself up.
async fn configured_token(api: &Api, token: Secret) -> Result<GrantedToken, VaultError> {
    match api.look_up(&token).await {
        Ok(lease) => Ok(GrantedToken { token, lease, is_vouched: true }),
        Err(failure) if failure.is_transient() => Err(failure.of_login()),
        Err(_) => Ok(GrantedToken { token, lease: TokenLease::default(), is_vouched: false }),
    }
}
