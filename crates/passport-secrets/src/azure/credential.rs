//! The default credential. Environment variables select a workload identity, a client secret or
//! a managed identity.

use std::{env, sync::Arc};

use azure_core::{
    Error, Result,
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
    http::ClientOptions,
};
use azure_identity::{
    ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId,
};
use passport_core::{SecretSource, Transport};

use super::{
    http,
    identity::{FederatedToken, TimeLimited},
};
use crate::last_failure::LastFailure;

/// The environment variable with the URL of Entra ID, for other clouds than the public one.
const AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";

const CLIENT_ID: &str = "AZURE_CLIENT_ID";
const CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
const TENANT_ID: &str = "AZURE_TENANT_ID";
const FEDERATED_TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// The kind of the default credential, which the environment variables select.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CredentialKind {
    /// A workload identity: the token of a Kubernetes service account.
    Workload,
    /// The managed identity of the machine or the app.
    Managed,
    /// An application in Entra ID with a client secret.
    Secret,
}

impl CredentialKind {
    /// Returns the environment variable that selects this kind of credential. For a managed
    /// identity, returns the variable that selects one of several identities.
    fn variable(self) -> &'static str {
        match self {
            Self::Workload => FEDERATED_TOKEN_FILE,
            Self::Secret => CLIENT_SECRET,
            Self::Managed => CLIENT_ID,
        }
    }
}

/// Returns the kind of the default credential. `is_set` returns whether an environment variable
/// has a value. If neither the variable of a workload identity nor the variable of a client
/// secret is set, the kind is a managed identity. No variable announces a managed identity,
/// because its endpoint has the same address on all machines.
///
/// The choice does not depend on which credential works. A fallback to another credential would
/// use an identity with other permissions. The `Forbidden` error of that identity would remove a
/// valid secret from the cache.
fn credential_kind(is_set: impl Fn(&str) -> bool) -> CredentialKind {
    if is_set(FEDERATED_TOKEN_FILE) {
        CredentialKind::Workload
    } else if is_set(CLIENT_SECRET) {
        CredentialKind::Secret
    } else {
        CredentialKind::Managed
    }
}

/// Creates the default credential from the environment variables. The credential sends its
/// requests through `transport`.
///
/// # Errors
/// Returns an error that names a missing or invalid variable.
pub(super) fn from_environment(transport: &Transport) -> Result<Arc<dyn TokenCredential>> {
    let set = |name: &str| {
        let value = env::var(name).ok()?;
        // A line break at the end (from `echo`) is removed, as for all secrets.
        Some(value.trim_end_matches(['\r', '\n']).to_owned()).filter(|value| !value.is_empty())
    };
    let last_failure = LastFailure::default();
    let client_options = http::retrying(transport, &last_failure);
    let credential = credential(&set, client_options)?;
    Ok(Arc::new(TimeLimited { credential, last_failure }))
}

fn credential(
    set: &impl Fn(&str) -> Option<String>,
    client_options: ClientOptions,
) -> Result<Arc<dyn TokenCredential>> {
    let kind = credential_kind(|name| set(name).is_some());
    if kind == CredentialKind::Managed {
        let user_assigned_id = set(CLIENT_ID).map(UserAssignedId::ClientId);
        let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options };
        return Ok(ManagedIdentityCredential::new(Some(options))?);
    }
    if let Some(problem) = set(AUTHORITY_HOST).as_deref().and_then(authority_problem) {
        return Err(credential_error(problem.to_owned()));
    }
    let required = |name: &str| {
        let problem = || credential_error(format!("{name} is not set, but {} is; set both", kind.variable()));
        set(name).ok_or_else(problem)
    };
    let (tenant, client) = (required(TENANT_ID)?, required(CLIENT_ID)?);
    if kind == CredentialKind::Workload {
        let token = FederatedToken(SecretSource::file(required(FEDERATED_TOKEN_FILE)?));
        let options = ClientAssertionCredentialOptions { client_options };
        return Ok(ClientAssertionCredential::new(tenant, client, token, Some(options))?);
    }
    let secret = required(CLIENT_SECRET)?;
    let options = ClientSecretCredentialOptions { client_options };
    Ok(ClientSecretCredential::new(&tenant, client, secret.into(), Some(options))?)
}

/// Creates the error of an environment variable that is missing or invalid.
fn credential_error(problem: String) -> Error {
    Error::with_message(ErrorKind::Credential, problem)
}

/// Returns what is wrong with `host`, the value of `AZURE_AUTHORITY_HOST`, or `None` if it is an
/// `https` URL. The value is not quoted, because it may be a secret that was assigned by
/// mistake.
fn authority_problem(host: &str) -> Option<&'static str> {
    match host.split_once("://") {
        None => Some(
            "AZURE_AUTHORITY_HOST has no scheme; write it as a URL, such as https://login.microsoftonline.com",
        ),
        Some((scheme, _)) if !scheme.eq_ignore_ascii_case("https") => {
            Some("AZURE_AUTHORITY_HOST is not an https URL; write it as https://login.microsoftonline.com")
        }
        Some(_) if url::Url::parse(host).is_err() => {
            Some("AZURE_AUTHORITY_HOST is not a URL; write it as https://login.microsoftonline.com")
        }
        Some(_) => None,
    }
}

/// A wrapper for the credential that a program set. Errors of the credential get
/// [`ErrorKind::Credential`], so that they are not taken for errors of the vault.
#[derive(Debug)]
pub(super) struct UserCredential(pub(super) Arc<dyn TokenCredential>);

#[async_trait::async_trait]
impl TokenCredential for UserCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> Result<AccessToken> {
        let token = self.0.get_token(scopes, options).await;
        token.map_err(|error| {
            Error::with_error(ErrorKind::Credential, error, "the credential returned no token")
        })
    }
}

#[cfg(test)]
mod tests;
