//! A stand-in for Azure Key Vault, Entra ID and the managed identities of App Service, for there is none that can be had: the
//! protocol as Microsoft documents it and its clients speak it. Microsoft's own clients judge it (`azure.rs`).
//!
//! - <https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses>
//! - <https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret>
//! - <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>
//! - <https://learn.microsoft.com/azure/app-service/overview-managed-identity>

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Form, Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::tls::Authority;

pub(crate) const VAULT_HOST: &str = "contoso.vault.azure.net";
pub(crate) const ENTRA_HOST: &str = "login.microsoftonline.com";
pub(crate) const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
pub(crate) const APPLICATION: &str = "1950a258-227b-4e31-a9cf-717495945fc2";
pub(crate) const APPLICATION_SECRET: &str = "EntraSecretOfTheApplication";
pub(crate) const WORKLOAD_ASSERTION: &str = "eyJhbGciOiJSUzI1NiJ9.the-pod.signature";
pub(crate) const IDENTITY_HEADER: &str = "of-the-app-service";

const RESOURCE: &str = "https://vault.azure.net";

/// Clones are one.
#[derive(Clone)]
pub(crate) struct KeyVault {
    shared: Arc<Mutex<World>>,
    /// Where both, vault and Entra, are served.
    pub(crate) address: SocketAddr,
    /// Whose certificates they have.
    pub(crate) ca_pem: String,
}

#[derive(Default)]
struct World {
    secrets: BTreeMap<String, Vec<Version>>,
    /// Those that are good.
    tokens: BTreeSet<String>,
    granted: usize,
    reads: usize,
    /// What the vault answers whoever has shown a good token.
    fault: Option<Fault>,
    /// What the vault wants to be shown, if not what vaults want.
    challenge: Option<&'static str>,
    /// Which versions of its API it was asked in.
    api_versions: BTreeSet<String>,
    /// For which of its identities a machine has asked.
    identities: Vec<Option<String>>,
}

struct Version {
    id: String,
    value: String,
    is_enabled: bool,
    ends_at: Option<i64>,
}

/// Something that goes wrong.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) inner_code: Option<&'static str>,
    pub(crate) retry_after: Option<u32>,
}

impl KeyVault {
    pub(crate) async fn start() -> std::io::Result<Self> {
        let authority = Authority::new();
        let shared = Arc::new(Mutex::new(World::default()));
        let router = Router::new()
            .route("/{tenant}/oauth2/v2.0/token", post(token))
            .route("/{tenant}/v2.0/.well-known/openid-configuration", get(openid_configuration))
            .route("/secrets/{name}/", get(read_current).put(put))
            .route("/secrets/{name}", get(read_current).put(put))
            .route("/secrets/{name}/{version}", get(read_version).patch(update))
            .with_state(Arc::clone(&shared));
        let address = authority.serve(&[VAULT_HOST, ENTRA_HOST], router).await?;
        Ok(Self { shared, address, ca_pem: authority.pem })
    }

    /// The managed identities of App Service (`/msi/token`) and of machines, which are plain HTTP on the machine.
    pub(crate) async fn serve_managed_identities(&self) -> std::io::Result<String> {
        let router = Router::new()
            .route("/msi/token", get(of_app_service))
            .route("/metadata/identity/oauth2/token", get(of_a_machine))
            .with_state(Arc::clone(&self.shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async { axum::serve(listener, router).await });
        Ok(url)
    }

    pub(crate) fn identifier(&self, name: &str) -> String {
        format!("https://{VAULT_HOST}:{}/secrets/{name}", self.address.port())
    }

    pub(crate) fn authority(&self) -> String {
        format!("https://{ENTRA_HOST}:{}", self.address.port())
    }

    /// Another version of a secret, which is the current one from now on.
    pub(crate) fn put(&self, name: &str, value: &str) -> String {
        self.world().put(name, value)
    }

    pub(crate) fn let_end(&self, name: &str, unix_seconds: i64) {
        if let Some(version) = self.world().current(name) {
            version.ends_at = Some(unix_seconds);
        }
    }

    pub(crate) fn disable(&self, name: &str) {
        if let Some(version) = self.world().current(name) {
            version.is_enabled = false;
        }
    }

    pub(crate) fn fails(&self, fault: Option<Fault>) {
        self.world().fault = fault;
    }

    pub(crate) fn challenges_with(&self, parameters: &'static str) {
        self.world().challenge = Some(parameters);
    }

    pub(crate) fn api_versions(&self) -> Vec<String> {
        self.world().api_versions.iter().cloned().collect()
    }

    pub(crate) fn identities(&self) -> Vec<Option<String>> {
        self.world().identities.clone()
    }

    pub(crate) fn revoke_tokens(&self) {
        self.world().tokens.clear();
    }

    /// A token as Entra grants it.
    pub(crate) fn grant_token(&self) -> String {
        self.world().grant()
    }

    /// How many tokens were granted, and how many secrets read.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let world = self.world();
        (world.granted, world.reads)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.shared)
    }
}

impl std::fmt::Debug for KeyVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyVault").field("address", &self.address).finish_non_exhaustive()
    }
}

impl World {
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

type Shared = State<Arc<Mutex<World>>>;
type Texts = BTreeMap<String, String>;

fn locked(shared: &Mutex<World>) -> MutexGuard<'_, World> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Entra's token endpoint.
async fn token(State(shared): Shared, Path(tenant): Path<String>, Form(form): Form<Texts>) -> Response {
    let mut world = locked(&shared);
    let has = |key: &str, value: &str| form.get(key).is_some_and(|given| given == value);
    let is_proven = has("client_secret", APPLICATION_SECRET)
        || (has("client_assertion", WORKLOAD_ASSERTION)
            && has("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
    let is_for_vaults = form
        .get("scope")
        .is_some_and(|scope| scope.split(' ').any(|scope| scope.strip_suffix("/.default") == Some(RESOURCE)));
    let refusal = if tenant != TENANT {
        Some((400, "invalid_request", 90_002, "Tenant not found."))
    } else if !has("grant_type", "client_credentials") {
        Some((400, "unsupported_grant_type", 70_003, "The app requested an unsupported grant type."))
    } else if !has("client_id", APPLICATION) {
        Some((400, "unauthorized_client", 700_016, "Application was not found in the directory."))
    } else if !is_proven {
        Some((401, "invalid_client", 7_000_215, "Invalid client secret provided."))
    } else if !is_for_vaults {
        Some((400, "invalid_scope", 70_011, "The provided value for scope is not valid."))
    } else {
        None
    };
    if let Some((status, error, code, description)) = refusal {
        let body = json!({
            "error": error, "error_description": format!("AADSTS{code}: {description}"), "error_codes": [code],
        });
        return (StatusCode::from_u16(status).unwrap_or_default(), Json(body)).into_response();
    }
    let body = json!({
        "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": world.grant(),
    });
    Json(body).into_response()
}

async fn openid_configuration(Path(tenant): Path<String>, headers: HeaderMap) -> Json<Value> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or(ENTRA_HOST);
    Json(json!({
        "token_endpoint": format!("https://{host}/{tenant}/oauth2/v2.0/token"),
        "authorization_endpoint": format!("https://{host}/{tenant}/oauth2/v2.0/authorize"),
        "issuer": format!("https://{host}/{tenant}/v2.0"),
    }))
}

async fn of_app_service(shared: Shared, Query(query): Query<Texts>, headers: HeaderMap) -> Response {
    let is_known = headers.get("x-identity-header").is_some_and(|header| header == IDENTITY_HEADER);
    managed_identity(&shared.0, &query, is_known && has_version(&query, "2019-08-01"))
}

/// No browser and no proxy sends the header.
async fn of_a_machine(shared: Shared, Query(query): Query<Texts>, headers: HeaderMap) -> Response {
    let is_marked = headers.get("metadata").is_some_and(|header| header == "true");
    managed_identity(&shared.0, &query, is_marked && query.contains_key("api-version"))
}

fn has_version(query: &Texts, version: &str) -> bool {
    query.get("api-version").is_some_and(|given| given == version)
}

fn managed_identity(shared: &Mutex<World>, query: &Texts, is_right: bool) -> Response {
    if !is_right || query.get("resource").is_none_or(|resource| resource != RESOURCE) {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_request" }))).into_response();
    }
    let mut world = locked(shared);
    world.identities.push(query.get("client_id").cloned());
    // Numbers are texts here.
    let body = json!({
        "access_token": world.grant(), "expires_on": "4102444800", "expires_in": "86399", "resource": RESOURCE,
        "token_type": "Bearer", "client_id": query.get("client_id"),
    });
    Json(body).into_response()
}

fn failure(status: u16, code: &str, inner_code: Option<&str>, message: &str) -> (StatusCode, Json<Value>) {
    let inner = inner_code.map(|code| json!({ "code": code }));
    let body = json!({ "error": { "code": code, "message": message, "innererror": inner } });
    (StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT), Json(body))
}

/// Who shows no good token is told where to get one.
#[expect(clippy::result_large_err, reason = "it is the response")]
fn admit<'a>(
    shared: &'a Mutex<World>,
    headers: &HeaderMap,
    query: &Texts,
) -> Result<MutexGuard<'a, World>, Response> {
    let mut world = locked(shared);
    match query.get("api-version") {
        Some(version) => world.api_versions.insert(version.clone()),
        None => {
            return Err(failure(400, "BadParameter", None, "api-version must be specified").into_response());
        }
    };
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer "));
    if shown.is_none_or(|token| !world.tokens.contains(token)) {
        let usual = format!(r#"authorization="https://login.windows.net/{TENANT}", resource="{RESOURCE}""#);
        let challenge = format!("Bearer {}", world.challenge.unwrap_or(&usual));
        let message = "AKV10000: Request is missing a Bearer or PoP token.";
        let answer = failure(401, "Unauthorized", None, message);
        return Err(([(header::WWW_AUTHENTICATE, challenge)], answer).into_response());
    }
    world.reads += 1;
    match world.fault {
        None => Ok(world),
        Some(fault) => {
            let wait = fault.retry_after.map(|seconds| [(header::RETRY_AFTER, seconds.to_string())]);
            let answer = failure(fault.status, fault.code, fault.inner_code, "on purpose");
            Err(wait.map_or_else(
                || answer.clone().into_response(),
                |wait| (wait, answer.clone()).into_response(),
            ))
        }
    }
}

fn shown(name: &str, version: &Version) -> Value {
    json!({
        "value": version.value,
        "id": format!("https://{VAULT_HOST}/secrets/{name}/{}", version.id),
        "attributes": {
            "enabled": version.is_enabled, "created": 1_750_000_000, "updated": 1_750_000_000,
            "exp": version.ends_at, "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
        },
    })
}

/// Who asks, in which version of the API.
type Asked<'a> = (&'a HeaderMap, &'a Texts);

fn read(shared: &Mutex<World>, (headers, query): Asked<'_>, name: &str, wanted: Option<&str>) -> Response {
    let world = match admit(shared, headers, query) {
        Ok(world) => world,
        Err(refusal) => return refusal,
    };
    let versions = world.secrets.get(name).map(Vec::as_slice).unwrap_or_default();
    let version = match wanted {
        None => versions.last(),
        Some(id) => versions.iter().find(|version| version.id == id),
    };
    let message = format!("A secret with (name/id) {name} was not found in this key vault.");
    match version {
        None => failure(404, "SecretNotFound", None, &message).into_response(),
        Some(version) if !version.is_enabled => {
            let message = "Operation get is not allowed on a disabled secret.";
            failure(403, "Forbidden", Some("SecretDisabled"), message).into_response()
        }
        Some(version) => Json(shown(name, version)).into_response(),
    }
}

async fn read_current(
    State(shared): Shared,
    Path(name): Path<String>,
    Query(query): Query<Texts>,
    headers: HeaderMap,
) -> Response {
    read(&shared, (&headers, &query), &name, None)
}

async fn read_version(
    State(shared): Shared,
    Path((name, version)): Path<(String, String)>,
    Query(query): Query<Texts>,
    headers: HeaderMap,
) -> Response {
    read(&shared, (&headers, &query), &name, Some(&version))
}

async fn put(
    State(shared): Shared,
    Path(name): Path<String>,
    Query(query): Query<Texts>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut world = match admit(&shared, &headers, &query) {
        Ok(world) => world,
        Err(refusal) => return refusal,
    };
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let Some(value) = body["value"].as_str() else {
        return failure(400, "BadParameter", None, "value is required").into_response();
    };
    world.put(&name, value);
    let version = world.current(&name).map(|version| shown(&name, version));
    Json(version).into_response()
}

/// The attributes of a version.
async fn update(
    State(shared): Shared,
    Path((name, id)): Path<(String, String)>,
    Query(query): Query<Texts>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut world = match admit(&shared, &headers, &query) {
        Ok(world) => world,
        Err(refusal) => return refusal,
    };
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let versions = world.secrets.entry(name.clone()).or_default();
    let Some(version) = versions.iter_mut().find(|version| version.id == id) else {
        return failure(404, "SecretNotFound", None, "there is no such version").into_response();
    };
    version.is_enabled = body["attributes"]["enabled"].as_bool().unwrap_or(version.is_enabled);
    let mut shown = shown(&name, version);
    shown["value"].take();
    Json(shown).into_response()
}
