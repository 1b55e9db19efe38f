//! A local server with the protocols of Azure Key Vault, Entra ID and managed identities. Tests
//! need it because Azure has no servers that a test can install. The server follows Microsoft's
//! documentation, and `tests/vaults/azure.rs` checks the server with Microsoft's own clients.
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
/// The id of the only tenant of the test Entra ID.
pub const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
/// The client id of the only application in the tenant.
pub const APPLICATION: &str = "1950a258-227b-4e31-a9cf-717495945fc2";
/// The client secret of the application.
pub const APPLICATION_SECRET: &str = "EntraSecretOfTheApplication";
/// The `client_assertion` that the test Entra ID accepts from the application.
pub const CLIENT_ASSERTION: &str = "eyJhbGciOiJSUzI1NiJ9.the-pod.signature";
/// The value that the test App Service requires in the header `X-Identity-Header`.
pub const IDENTITY_HEADER: &str = "of-the-app-service";

/// The resource that a token request must name, so that the token is valid for Key Vault.
const RESOURCE: &str = "https://vault.azure.net";

/// A running server of Key Vault and Entra ID. Clones share the state of the server.
#[derive(Clone)]
pub struct KeyVault {
    state: Arc<Mutex<VaultState>>,
    /// The address at which both the vault and Entra ID listen.
    pub address: SocketAddr,
    /// The certificate (PEM) of the authority that issued the server's certificate. Clients must
    /// trust this authority.
    pub ca_pem: String,
}

/// The secrets, the issued tokens and the recorded requests of a server.
#[derive(Default)]
struct VaultState {
    /// The versions of each secret, oldest first. The key is the name of the secret.
    secrets: BTreeMap<String, Vec<Version>>,
    /// The access tokens that were issued and not revoked. The vault accepts all these tokens.
    tokens: BTreeSet<String>,
    /// The number of issued access tokens, including revoked tokens.
    issued: usize,
    /// The number of requests to the vault with a valid token.
    reads: usize,
    /// The error response to requests with a valid token. If `None`, the response is normal.
    fault: Option<VaultFault>,
    /// The parameters of the challenge in 401 responses. `None` for the parameters that Key Vault
    /// sends.
    challenge: Option<&'static str>,
    /// The parameter `api-version` of each request to the vault, without repetitions.
    api_versions: BTreeSet<String>,
    /// The parameter `client_id` of each token request of a managed identity, in order.
    identities: Vec<Option<String>>,
}

/// A version of a secret in the vault.
struct Version {
    id: String,
    value: String,
    is_enabled: bool,
    /// When the version expires, as Unix time in seconds.
    expires_at: Option<i64>,
}

/// An error response of the vault, injected with [`KeyVault::inject`].
#[derive(Clone, Copy, Debug)]
pub struct VaultFault {
    /// The HTTP status of the response.
    pub status: u16,
    /// The error code in the body (`error.code`).
    pub code: &'static str,
    /// The code of the inner error in the body (`error.innererror.code`). `None` for no inner
    /// error.
    pub inner_code: Option<&'static str>,
    /// The `Retry-After` of the response, in seconds. `None` for no such header.
    pub retry_after: Option<u32>,
}

impl KeyVault {
    /// Starts Key Vault and Entra ID, over TLS, on a free loopback port.
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

    /// Serves the managed identities of App Service (`/msi/token`) and of virtual machines
    /// (`/metadata/identity/oauth2/token`) over plain HTTP, and returns the base URL.
    pub async fn serve_managed_identities(&self) -> String {
        let router = Router::new()
            .route("/msi/token", get(entra::app_service_identity))
            .route("/metadata/identity/oauth2/token", get(entra::machine_identity))
            .with_state(Arc::clone(&self.state));
        serve(router).await
    }

    /// Returns the identifier (URL) of the secret `name`, without a version.
    pub fn identifier(&self, name: &str) -> String {
        format!("https://{VAULT_HOST}:{}/secrets/{name}", self.address.port())
    }

    /// Returns the base URL of Entra ID, for `AZURE_AUTHORITY_HOST`.
    pub fn authority(&self) -> String {
        format!("https://{ENTRA_HOST}:{}", self.address.port())
    }

    /// Adds a version with the text `value` to the secret `name`, and makes it the current version.
    /// Returns the id of the added version.
    pub fn put(&self, name: &str, value: &str) -> String {
        self.state().put(name, value)
    }

    /// Sets the expiry of the current version of the secret `name`, as Unix time in seconds.
    pub fn expire_at(&self, name: &str, unix_seconds: i64) {
        if let Some(version) = self.state().current(name) {
            version.expires_at = Some(unix_seconds);
        }
    }

    /// Disables the current version of the secret `name`.
    pub fn disable(&self, name: &str) {
        if let Some(version) = self.state().current(name) {
            version.is_enabled = false;
        }
    }

    /// Makes requests with a valid token fail with `fault`. If `fault` is `None`, such requests
    /// succeed again.
    pub fn inject(&self, fault: Option<VaultFault>) {
        self.state().fault = fault;
    }

    /// Sets the parameters of the challenge (`WWW-Authenticate`) in 401 responses of the vault.
    pub fn challenge_with(&self, parameters: &'static str) {
        self.state().challenge = Some(parameters);
    }

    /// Returns the parameter `api-version` of each request to the vault, without repetitions.
    pub fn api_versions(&self) -> Vec<String> {
        self.state().api_versions.iter().cloned().collect()
    }

    /// Returns the parameter `client_id` of each token request of a managed identity, in order.
    pub fn identities(&self) -> Vec<Option<String>> {
        self.state().identities.clone()
    }

    /// Revokes all issued access tokens. The vault then rejects these tokens.
    pub fn revoke_tokens(&self) {
        self.state().tokens.clear();
    }

    /// Issues an access token that the vault accepts, without a request to Entra ID.
    pub fn issue_token(&self) -> String {
        self.state().issue_token()
    }

    /// Returns the number of issued access tokens, and the number of requests to the vault with a
    /// valid token.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.state();
        (state.issued, state.reads)
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
        versions.push(Version {
            id: id.clone(),
            value: value.to_owned(),
            is_enabled: true,
            expires_at: None,
        });
        id
    }

    /// Returns the current version of the secret `name`, which is the newest version. Returns
    /// `None` if there is no such secret.
    fn current(&mut self, name: &str) -> Option<&mut Version> {
        self.secrets.get_mut(name)?.last_mut()
    }

    fn issue_token(&mut self) -> String {
        self.issued += 1;
        let token = format!("token-of-entra-{}", self.issued);
        self.tokens.insert(token.clone());
        token
    }
}

/// The extractor of the server's state.
type SharedState = State<Arc<Mutex<VaultState>>>;
/// The parameters of a query or of a form.
type Fields = BTreeMap<String, String>;

fn locked(state: &Mutex<VaultState>) -> MutexGuard<'_, VaultState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
