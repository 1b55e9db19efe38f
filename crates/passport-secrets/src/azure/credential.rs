//! Who asks: what the environment says that this program is.

use std::{env, sync::Arc};

use azure_core::{
    Error, Result,
    credentials::{AccessToken, TokenCredential, TokenRequestOptions},
    error::ErrorKind,
};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential,
    WorkloadIdentityCredentialOptions,
};
use passport_core::Transport;

use super::http;

const CLIENT_ID: &str = "AZURE_CLIENT_ID";
const CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
const TENANT_ID: &str = "AZURE_TENANT_ID";
const FEDERATED_TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

/// A way to prove who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// A Kubernetes service account.
    Workload,
    /// What Azure runs the program as.
    Managed,
    /// A secret of an application in Entra.
    Secret,
}

/// The first way for which there is something in the environment. A managed identity is what is left: that of a machine is
/// behind an address that is the same everywhere, so whether there is one, nobody can tell without asking for it.
///
/// It is decided by what is there, and not by what works at the moment: an identity that takes another's place while that one
/// cannot be had has other rights, and "forbidden" would be the end of a secret that is still good.
fn way(is_set: impl Fn(&str) -> bool) -> Way {
    if is_set(FEDERATED_TOKEN_FILE) {
        Way::Workload
    } else if is_set(CLIENT_SECRET) {
        Way::Secret
    } else {
        Way::Managed
    }
}

pub(super) fn of_the_environment(transport: &Transport) -> Result<Arc<dyn TokenCredential>> {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    match way(|name| set(name).is_some()) {
        Way::Workload => {
            let credential_options =
                ClientAssertionCredentialOptions { client_options: http::patient(transport) };
            let options = WorkloadIdentityCredentialOptions { credential_options, ..Default::default() };
            Ok(WorkloadIdentityCredential::new(Some(options))?)
        }
        Way::Secret => {
            let options = ClientSecretCredentialOptions { client_options: http::patient(transport) };
            let [tenant, client, secret] =
                [TENANT_ID, CLIENT_ID, CLIENT_SECRET].map(|name| set(name).unwrap_or_default());
            Ok(ClientSecretCredential::new(&tenant, client, secret.into(), Some(options))?)
        }
        Way::Managed => {
            let user_assigned_id = set(CLIENT_ID).map(UserAssignedId::ClientId);
            let client_options = http::patient(transport);
            let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options };
            Ok(ManagedIdentityCredential::new(Some(options))?)
        }
    }
}

/// Somebody's own credential, whose errors are told from the vault's.
#[derive(Debug)]
pub(super) struct Own(pub(super) Arc<dyn TokenCredential>);

#[async_trait::async_trait]
impl TokenCredential for Own {
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
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_who_asks() {
        for (set, expected) in [
            (&[FEDERATED_TOKEN_FILE, CLIENT_SECRET][..], Way::Workload),
            (&[CLIENT_SECRET, "IDENTITY_ENDPOINT"], Way::Secret),
            (&[CLIENT_ID], Way::Managed),
            (&[], Way::Managed),
        ] {
            assert_eq!(way(|name| set.contains(&name)), expected, "{set:?}");
        }
    }
}
