//! A stand-in for HashiCorp Vault, which Debian does not package. It implements the part of the
//! HTTP API that a service and its operator need
//! (<https://developer.hashicorp.com/vault/api-docs>). The client hvac checks it
//! (`hashicorp.rs`).

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use passport_test_support::{certificates::Authority, servers::serve_tls};
use serde_json::{Value, json};

pub(crate) const HOST: &str = "vault.example.com";
pub(crate) const ROLE_ID: &str = "675a50e7-cfe0-be76-e35f-49ec009731ea";
pub(crate) const SECRET_ID: &str = "ed0a642f-2acf-c2da-232f-1b21300d5f29";
pub(crate) const POD: &str = "eyJhbGciOiJSUzI1NiJ9.of-the-pod.signature";

/// The stand-in. Clones share their state.
#[derive(Clone)]
pub(crate) struct VaultServer {
    shared: Arc<Mutex<VaultState>>,
    pub(crate) address: SocketAddr,
    pub(crate) ca_pem: String,
}

#[derive(Default)]
struct VaultState {
    /// The secrets of the KV engine, version 2, by path. A deleted version is `None`.
    versioned: BTreeMap<String, Vec<Option<Value>>>,
    /// The secrets of the KV engine, version 1.
    plain: BTreeMap<String, Value>,
    tokens: BTreeMap<String, u64>,
    granted: usize,
    logins: usize,
    /// The paths of the auth methods.
    mounts: BTreeMap<String, &'static str>,
    namespace: Option<&'static str>,
    /// The status of every response, if set.
    fault: Option<u16>,
    may_read: bool,
    seen: Vec<HeaderMap>,
}

type Shared = State<Arc<Mutex<VaultState>>>;

impl VaultServer {
    pub(crate) async fn start() -> Self {
        let authority = Authority::default();
        let shared = Arc::new(Mutex::new(VaultState {
            may_read: true,
            mounts: BTreeMap::from(["approle", "kubernetes"].map(|method| (method.to_owned(), method))),
            ..VaultState::default()
        }));
        let router = Router::new()
            .route("/v1/auth/{mount}/login", post(login))
            .route("/v1/auth/token/lookup-self", get(look_up))
            .route("/v1/auth/token/renew-self", post(renew))
            .route("/v1/secret/data/{*path}", get(read).post(write).put(write).delete(delete))
            .route("/v1/secret/{*path}", get(of_another_version))
            .route("/v1/plain/{*path}", get(read_plain))
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), faults))
            .with_state(Arc::clone(&shared));
        let address = serve_tls(authority.acceptor(&[HOST, "localhost"]), router).await;
        Self { shared, address, ca_pem: authority.pem }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{HOST}:{}", self.address.port())
    }

    pub(crate) fn put(&self, path: &str, fields: &Value) {
        self.world().versioned.entry(path.to_owned()).or_default().push(Some(fields.clone()));
    }

    pub(crate) fn put_plain(&self, path: &str, fields: &Value) {
        self.world().plain.insert(path.to_owned(), fields.clone());
    }

    pub(crate) fn delete(&self, path: &str) {
        if let Some(last) = self.world().versioned.get_mut(path).and_then(|versions| versions.last_mut()) {
            *last = None;
        }
    }

    /// Issues a token for an operator or an Agent.
    pub(crate) fn grant(&self) -> String {
        self.world().grant()
    }

    /// Mounts an auth method at an additional path.
    pub(crate) fn mount(&self, path: &str, method: &'static str) {
        self.world().mounts.insert(path.to_owned(), method);
    }

    /// Moves everything into this namespace.
    pub(crate) fn is_in(&self, namespace: &'static str) {
        self.world().namespace = Some(namespace);
    }

    pub(crate) fn revoke_tokens(&self) {
        self.world().tokens.clear();
    }

    pub(crate) fn fails(&self, status: Option<u16>) {
        self.world().fault = status;
    }

    /// Sets whether the policy of all tokens permits reading.
    pub(crate) fn let_read(&self, may_read: bool) {
        self.world().may_read = may_read;
    }

    pub(crate) fn logins(&self) -> usize {
        self.world().logins
    }

    /// Returns the values of a header in all requests.
    pub(crate) fn seen(&self, header: &str) -> Vec<String> {
        let text = |headers: &HeaderMap| Some(headers.get(header)?.to_str().ok()?.to_owned());
        self.world().seen.iter().map(|headers| text(headers).unwrap_or_default()).collect()
    }

    fn world(&self) -> MutexGuard<'_, VaultState> {
        locked(&self.shared)
    }
}

impl VaultState {
    fn grant(&mut self) -> String {
        self.granted += 1;
        let token = format!("hvs.token-of-vault-{}", self.granted);
        self.tokens.insert(token.clone(), 3600);
        token
    }
}

fn locked(shared: &Mutex<VaultState>) -> MutexGuard<'_, VaultState> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn errors(status: StatusCode, errors: &[&str]) -> Response {
    (status, Json(json!({ "errors": errors }))).into_response()
}

fn denied() -> Response {
    errors(StatusCode::FORBIDDEN, &["permission denied"])
}

fn answer(data: &Value, auth: &Value) -> Value {
    json!({
        "request_id": "9c3b1b2c-0000-4000-8000-000000000000", "lease_id": "", "renewable": false,
        "lease_duration": 0, "data": data, "wrap_info": null, "warnings": null, "auth": auth,
    })
}

fn granted(token: &str) -> Value {
    answer(
        &Value::Null,
        &json!({
            "client_token": token, "accessor": "0000", "policies": ["default", "payroll"], "metadata": {},
            "lease_duration": 3600, "renewable": true, "token_type": "service", "orphan": true,
        }),
    )
}

async fn faults(State(shared): Shared, request: Request, next: Next) -> Response {
    let fault = {
        let mut world = locked(&shared);
        world.seen.push(request.headers().clone());
        let namespace = request.headers().get("x-vault-namespace").and_then(|value| value.to_str().ok());
        let is_elsewhere = namespace != world.namespace;
        world.fault.or(is_elsewhere.then_some(404))
    };
    match fault {
        None => next.run(request).await,
        Some(429) => (
            [(RETRY_AFTER, "17")],
            errors(StatusCode::TOO_MANY_REQUESTS, &["request path: rate limit quota exceeded"]),
        )
            .into_response(),
        Some(404) => errors(StatusCode::NOT_FOUND, &["no handler for route. route entry not found."]),
        Some(status) => errors(StatusCode::from_u16(status).unwrap(), &["Vault is sealed"]),
    }
}

async fn login(State(shared): Shared, Path(mount): Path<String>, body: String) -> Response {
    let proof: Value = serde_json::from_str(&body).unwrap_or_default();
    let method = locked(&shared).mounts.get(&mount).copied();
    let is_proven = match method {
        Some("approle") => proof["role_id"] == ROLE_ID && proof["secret_id"] == SECRET_ID,
        Some(_) => proof["role"] == "payroll" && proof["jwt"] == POD,
        None => {
            return errors(StatusCode::NOT_FOUND, &["no handler for route \"auth\". route entry not found."]);
        }
    };
    let mut world = locked(&shared);
    if !is_proven && method == Some("kubernetes") {
        return denied();
    }
    if !is_proven {
        return errors(StatusCode::BAD_REQUEST, &["invalid role or secret ID"]);
    }
    world.logins += 1;
    let token = world.grant();
    Json(granted(&token)).into_response()
}

fn shown(headers: &HeaderMap) -> &str {
    headers.get("x-vault-token").and_then(|token| token.to_str().ok()).unwrap_or_default()
}

async fn look_up(State(shared): Shared, headers: HeaderMap) -> Response {
    match locked(&shared).tokens.get(shown(&headers)) {
        None => denied(),
        Some(ttl) => {
            let data = json!({ "id": shown(&headers), "ttl": ttl, "renewable": true, "type": "service" });
            Json(answer(&data, &Value::Null)).into_response()
        }
    }
}

async fn renew(State(shared): Shared, headers: HeaderMap) -> Response {
    let is_good = locked(&shared).tokens.contains_key(shown(&headers));
    if is_good { Json(granted(shown(&headers))).into_response() } else { denied() }
}

#[expect(clippy::result_large_err, reason = "it is the response")]
fn admit<'a>(
    shared: &'a Mutex<VaultState>,
    headers: &HeaderMap,
) -> Result<MutexGuard<'a, VaultState>, Response> {
    let world = locked(shared);
    let is_good = world.may_read && world.tokens.contains_key(shown(headers));
    if is_good { Ok(world) } else { Err(denied()) }
}

fn metadata(version: usize, is_deleted: bool) -> Value {
    let deletion_time = if is_deleted { "2026-01-02T03:04:05.678901234Z" } else { "" };
    json!({
        "created_time": "2026-01-01T03:04:05.678901234Z", "custom_metadata": null,
        "deletion_time": deletion_time, "destroyed": false, "version": version,
    })
}

async fn read(State(shared): Shared, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let world = match admit(&shared, &headers) {
        Ok(world) => world,
        Err(refusal) => return refusal,
    };
    let versions = world.versioned.get(&path).map(Vec::as_slice).unwrap_or_default();
    match versions.last() {
        None => errors(StatusCode::NOT_FOUND, &[]),
        Some(last) => {
            let status = if last.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
            let data = json!({ "data": last, "metadata": metadata(versions.len(), last.is_none()) });
            (status, Json(answer(&data, &Value::Null))).into_response()
        }
    }
}

async fn write(
    State(shared): Shared,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut world = match admit(&shared, &headers) {
        Ok(world) => world,
        Err(refusal) => return refusal,
    };
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let versions = world.versioned.entry(path).or_default();
    versions.push(Some(body["data"].clone()));
    Json(answer(&metadata(versions.len(), false), &Value::Null)).into_response()
}

async fn delete(State(shared): Shared, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let mut world = match admit(&shared, &headers) {
        Ok(world) => world,
        Err(refusal) => return refusal,
    };
    if let Some(last) = world.versioned.entry(path).or_default().last_mut() {
        *last = None;
    }
    StatusCode::NO_CONTENT.into_response()
}

/// Responds as engine version 2 does to a client of version 1.
async fn of_another_version() -> Response {
    let warning = "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use.";
    let mut body = answer(&Value::Null, &Value::Null);
    body["warnings"] = json!([warning]);
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

async fn read_plain(State(shared): Shared, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let world = match admit(&shared, &headers) {
        Ok(world) => world,
        Err(refusal) => return refusal,
    };
    match world.plain.get(&path) {
        None => errors(StatusCode::NOT_FOUND, &[]),
        Some(fields) => Json(answer(fields, &Value::Null)).into_response(),
    }
}
