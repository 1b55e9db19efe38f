//! The credential of the environment.

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

const AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";

const CLIENT_ID: &str = "AZURE_CLIENT_ID";
const CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
const TENANT_ID: &str = "AZURE_TENANT_ID";
const FEDERATED_TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// The kind of credential that the environment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CredentialKind {
    /// A Kubernetes service account.
    Workload,
    /// The managed identity of the machine or the app.
    Managed,
    /// A secret of an application in Entra.
    Secret,
}

impl CredentialKind {
    /// Returns the variable that selects the kind.
    fn variable(self) -> &'static str {
        match self {
            Self::Workload => FEDERATED_TOKEN_FILE,
            Self::Secret => CLIENT_SECRET,
            Self::Managed => CLIENT_ID,
        }
    }
}

/// Returns the first kind for which the environment has something, else a managed identity: that of
/// a machine is behind an address that is the same everywhere, so only a request shows whether there
/// is one.
///
/// The environment decides, not what works at the moment: a fallback to another identity would have
/// other rights, and "forbidden" would end a secret that is still good.
fn credential_kind(is_set: impl Fn(&str) -> bool) -> CredentialKind {
    if is_set(FEDERATED_TOKEN_FILE) {
        CredentialKind::Workload
    } else if is_set(CLIENT_SECRET) {
        CredentialKind::Secret
    } else {
        CredentialKind::Managed
    }
}

pub(super) fn of_the_environment(transport: &Transport) -> Result<Arc<dyn TokenCredential>> {
    let set = |name: &str| {
        let value = env::var(name).ok()?;
        // As all secrets and references, without the line break of an `echo`.
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
        return Err(wrong(problem.to_owned()));
    }
    let needed = |name: &str| {
        let problem = || wrong(format!("{name} is not set, but {} is; set both", kind.variable()));
        set(name).ok_or_else(problem)
    };
    let (tenant, client) = (needed(TENANT_ID)?, needed(CLIENT_ID)?);
    if kind == CredentialKind::Workload {
        let token = FederatedToken(SecretSource::file(needed(FEDERATED_TOKEN_FILE)?));
        let options = ClientAssertionCredentialOptions { client_options };
        return Ok(ClientAssertionCredential::new(tenant, client, token, Some(options))?);
    }
    let secret = needed(CLIENT_SECRET)?;
    let options = ClientSecretCredentialOptions { client_options };
    Ok(ClientSecretCredential::new(&tenant, client, secret.into(), Some(options))?)
}

fn wrong(problem: String) -> Error {
    Error::with_message(ErrorKind::Credential, problem)
}

/// Returns what is wrong with the URL of Entra. It is not shown, as people mix up variables.
fn authority_problem(host: &str) -> Option<&'static str> {
    match host.split_once("://") {
        None => Some(
            "AZURE_AUTHORITY_HOST has no scheme; write it as a URL, such as https://login.microsoftonline.com",
        ),
        Some((scheme, _)) if !scheme.eq_ignore_ascii_case("https") => {
            Some("AZURE_AUTHORITY_HOST is no https URL; write it as https://login.microsoftonline.com")
        }
        Some(_) if url::Url::parse(host).is_err() => Some("AZURE_AUTHORITY_HOST is no URL"),
        Some(_) => None,
    }
}

/// A credential of the user's, whose errors are told apart from the vault's.
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
        token.map_err(|error| Error::with_error(ErrorKind::Credential, error, "the credential gave none"))
    }
}

#[cfg(test)]
mod tests;
