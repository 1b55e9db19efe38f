//! A stand-in for Azure Key Vault, Entra ID and the managed identities of App Service, none of
//! which can be installed: the protocol as Microsoft documents it and its clients speak it.
//! Microsoft's own clients check it (`tests/vaults/azure.rs`).
//!
//! - <https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses>
//! - <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret>
//! - <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>
//! - <https://learn.microsoft.com/azure/app-service/overview-managed-identity>

mod entra;
mod secrets;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    extract::State,
    routing::{get, post},
};

use crate::{
    certificates::Authority,
    servers::{serve, serve_tls},
};

/// The host name of the vault.
pub const VAULT_HOST: &str = "contoso.vault.azure.net";
/// The host name of Entra ID.
pub const ENTRA_HOST: &str = "login.microsoftonline.com";
/// The id of the only tenant.
pub const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
/// The client id of the only application.
pub const APPLICATION: &str = "1950a258-227b-4e31-a9cf-717495945fc2";
/// The client secret of the application.
pub const APPLICATION_SECRET: &str = "EntraSecretOfTheApplication";
/// The assertion of the application's workload identity.
pub const WORKLOAD_ASSERTION: &str = "eyJhbGciOiJSUzI1NiJ9.the-pod.signature";
/// What App Service expects in the header `X-Identity-Header`.
pub const IDENTITY_HEADER: &str = "of-the-app-service";

const RESOURCE: &str = "https://vault.azure.net";

/// A running stand-in. Clones share its state.
#[derive(Clone)]
pub struct KeyVault {
    state: Arc<Mutex<VaultState>>,
    /// The address of the vault and of Entra ID.
    pub address: SocketAddr,
    /// The certificate of the authority that issued theirs.
    pub ca_pem: String,
}

#[derive(Default)]
struct VaultState {
    secrets: BTreeMap<String, Vec<Version>>,
    /// The valid access tokens.
    tokens: BTreeSet<String>,
    granted: usize,
    reads: usize,
    /// What the vault responds to a request with a valid token, if not a secret.
    fault: Option<Fault>,
    /// The parameters of its challenge, if not those of Key Vault.
    challenge: Option<&'static str>,
    /// The versions of the API that were requested.
    api_versions: BTreeSet<String>,
    /// The managed identities whose tokens were requested.
    identities: Vec<Option<String>>,
}

struct Version {
    id: String,
    value: String,
    is_enabled: bool,
    ends_at: Option<i64>,
}

/// An error response of the vault.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The HTTP status.
    pub status: u16,
    /// The error code.
    pub code: &'static str,
    /// The code of the inner error.
    pub inner_code: Option<&'static str>,
    /// The seconds in `Retry-After`.
    pub retry_after: Option<u32>,
}

impl KeyVault {
    /// Starts vault and Entra ID behind TLS.
    pub async fn start() -> Self {
        let authority = Authority::default();
        let state = Arc::new(Mutex::new(VaultState::default()));
        let router = Router::new()
            .route("/{tenant}/oauth2/v2.0/token", post(entra::token))
            .route("/{tenant}/v2.0/.well-known/openid-configuration", get(entra::openid_configuration))
            .route("/secrets/{name}/", get(secrets::read_current).put(secrets::put))
            .route("/secrets/{name}", get(secrets::read_current).put(secrets::put))
            .route("/secrets/{name}/{version}", get(secrets::read_version).patch(secrets::update))
            .with_state(Arc::clone(&state));
        let address = serve_tls(authority.acceptor(&[VAULT_HOST, ENTRA_HOST]), router).await;
        Self { state, address, ca_pem: authority.pem }
    }

    /// Serves the managed identities of App Service (`/msi/token`) and of machines over plain HTTP,
    /// and returns the base URL.
    pub async fn serve_managed_identities(&self) -> String {
        let router = Router::new()
            .route("/msi/token", get(entra::app_service_identity))
            .route("/metadata/identity/oauth2/token", get(entra::machine_identity))
            .with_state(Arc::clone(&self.state));
        serve(router).await
    }

    /// Returns the identifier of the current version of a secret.
    pub fn identifier(&self, name: &str) -> String {
        format!("https://{VAULT_HOST}:{}/secrets/{name}", self.address.port())
    }

    /// Returns the base URL of Entra ID.
    pub fn authority(&self) -> String {
        format!("https://{ENTRA_HOST}:{}", self.address.port())
    }

    /// Adds a version of a secret, which becomes the current one, and returns its id.
    pub fn put(&self, name: &str, value: &str) -> String {
        self.state().put(name, value)
    }

    /// Sets the expiry of the current version of a secret.
    pub fn expire_at(&self, name: &str, unix_seconds: i64) {
        if let Some(version) = self.state().current(name) {
            version.ends_at = Some(unix_seconds);
        }
    }

    /// Disables the current version of a secret.
    pub fn disable(&self, name: &str) {
        if let Some(version) = self.state().current(name) {
            version.is_enabled = false;
        }
    }

    /// Sets the response to requests with a valid token, or with `None` serves secrets again.
    pub fn inject(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    /// Sets the parameters of the challenge.
    pub fn challenge_with(&self, parameters: &'static str) {
        self.state().challenge = Some(parameters);
    }

    /// Returns the versions of the API that were requested.
    pub fn api_versions(&self) -> Vec<String> {
        self.state().api_versions.iter().cloned().collect()
    }

    /// Returns the client ids of the managed identities whose tokens were requested.
    pub fn identities(&self) -> Vec<Option<String>> {
        self.state().identities.clone()
    }

    /// Revokes all access tokens.
    pub fn revoke_tokens(&self) {
        self.state().tokens.clear();
    }

    /// Issues an access token, as Entra ID does.
    pub fn grant_token(&self) -> String {
        self.state().grant()
    }

    /// Returns the number of tokens that were issued, and of secrets that were read.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.granted, state.reads)
    }

    fn state(&self) -> MutexGuard<'_, VaultState> {
        locked(&self.state)
    }
}

impl std::fmt::Debug for KeyVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyVault").field("address", &self.address).finish_non_exhaustive()
    }
}

impl VaultState {
    fn put(&mut self, name: &str, value: &str) -> String {
        let versions = self.secrets.entry(name.to_owned()).or_default();
        let id = format!("{:032x}", versions.len() + 1);
        versions.push(Version { id: id.clone(), value: value.to_owned(), is_enabled: true, ends_at: None });
        id
    }

    fn current(&mut self, name: &str) -> Option<&mut Version> {
        self.secrets.get_mut(name)?.last_mut()
    }

    fn grant(&mut self) -> String {
        self.granted += 1;
        let token = format!("token-of-entra-{}", self.granted);
        self.tokens.insert(token.clone());
        token
    }
}

type SharedState = State<Arc<Mutex<VaultState>>>;
type Fields = BTreeMap<String, String>;

fn locked(state: &Mutex<VaultState>) -> MutexGuard<'_, VaultState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
