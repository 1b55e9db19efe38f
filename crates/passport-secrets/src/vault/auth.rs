use passport_core::{Secret, SecretSource};
use serde_json::json;

use super::{
    api::{Api, Granted, Lease},
    failure::Failure,
};

/// Where Kubernetes mounts a pod's service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// How Vault is told who asks: one of its auth methods.
#[derive(Clone, Debug)]
pub struct VaultAuth(Method);

#[derive(Clone, Debug)]
enum Method {
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
        Self(Method::Token(token))
    }

    /// An [`AppRole`](https://developer.hashicorp.com/vault/docs/auth/approle). The secret id is read at each login: about once in the
    /// longest life of a token, because tokens are renewed.
    #[must_use]
    pub fn app_role(role_id: impl Into<String>, secret_id: SecretSource) -> Self {
        Self(Method::AppRole { mount: "approle".to_owned(), role_id: role_id.into(), secret_id })
    }

    /// The [service account](https://developer.hashicorp.com/vault/docs/auth/kubernetes) of the pod, in `role`. Its token is read at
    /// each login, as Kubernetes replaces it.
    #[must_use]
    pub fn kubernetes(role: impl Into<String>) -> Self {
        let jwt = SecretSource::file(SERVICE_ACCOUNT);
        Self(Method::Kubernetes { mount: "kubernetes".to_owned(), role: role.into(), jwt })
    }

    /// Nothing: a Vault Agent or Proxy stands before Vault, and adds a token of its own.
    #[must_use]
    pub fn agent() -> Self {
        Self(Method::Agent)
    }

    /// Where the auth method is mounted, under `auth/`. Defaults to its name; a token has none.
    #[must_use]
    pub fn mounted_at(mut self, path: impl Into<String>) -> Self {
        if let Method::AppRole { mount, .. } | Method::Kubernetes { mount, .. } = &mut self.0 {
            *mount = path.into();
        }
        self
    }

    /// Where the service account's token is, if Kubernetes was told to mount it elsewhere. For
    /// [`kubernetes`](Self::kubernetes) only.
    #[must_use]
    pub fn service_account(mut self, token: SecretSource) -> Self {
        if let Method::Kubernetes { jwt, .. } = &mut self.0 {
            *jwt = token;
        }
        self
    }

    pub(super) fn mount(&self) -> Option<&str> {
        match &self.0 {
            Method::AppRole { mount, .. } | Method::Kubernetes { mount, .. } => Some(mount),
            Method::Agent | Method::Token(_) => None,
        }
    }

    /// A token, if one is needed. What it proves itself by is read at this moment.
    pub(super) async fn log_in(&self, api: &Api) -> Result<Option<Granted>, Failure> {
        let (mount, proof) = match &self.0 {
            Method::Agent => return Ok(None),
            Method::Token(token) => {
                let token = read(token).await?;
                return known(api, token).await.map(Some);
            }
            Method::AppRole { mount, role_id, secret_id } => {
                (mount, json!({ "role_id": role_id, "secret_id": read(secret_id).await?.expose() }))
            }
            Method::Kubernetes { mount, role, jwt } => {
                (mount, json!({ "role": role, "jwt": read(jwt).await?.expose() }))
            }
        };
        api.login(mount, &proof).await.map(Some).map_err(Failure::of_login)
    }
}

async fn read(source: &SecretSource) -> Result<Secret, Failure> {
    match source.resolve().await {
        Ok(read) => Ok(read.secret().clone()),
        Err(error) => Err(Failure::new(error.kind(), error.to_string()).of_login()),
    }
}

/// A token that somebody else has got. It may not be allowed to look itself up, and do all the same.
async fn known(api: &Api, token: Secret) -> Result<Granted, Failure> {
    match api.look_up(&token).await {
        Ok(lease) => Ok(Granted { token, lease, is_vouched: true }),
        Err(failure) if failure.is_transient() => Err(failure.of_login()),
        Err(_) => Ok(Granted { token, lease: Lease::default(), is_vouched: false }),
    }
}
