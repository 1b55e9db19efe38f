//! The endpoints of Key Vault. They return and store secrets.

use std::sync::{Mutex, MutexGuard};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{Fields, RESOURCE, SharedState, TENANT, VAULT_HOST, VaultState, Version, locked};

/// Returns an error response in the format of Key Vault.
fn error(status: u16, code: &str, inner_code: Option<&str>, message: &str) -> (StatusCode, Json<Value>) {
    let inner = inner_code.map(|code| json!({ "code": code }));
    let body = json!({ "error": { "code": code, "message": message, "innererror": inner } });
    (StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT), Json(body))
}

/// Checks the API version and the token of a request, and returns the locked state. Returns an
/// error response if the API version is missing, if the token is missing or invalid, or if a
/// fault is injected.
#[expect(clippy::result_large_err, reason = "the error is the HTTP response")]
fn authorize<'a>(
    state: &'a Mutex<VaultState>,
    headers: &HeaderMap,
    query: &Fields,
) -> Result<MutexGuard<'a, VaultState>, Response> {
    let mut vault = locked(state);
    match query.get("api-version") {
        Some(version) => vault.api_versions.insert(version.clone()),
        None => {
            return Err(error(400, "BadParameter", None, "api-version must be specified").into_response());
        }
    };
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer "));
    if token.is_none_or(|token| !vault.tokens.contains(token)) {
        let default = format!(r#"authorization="https://login.windows.net/{TENANT}", resource="{RESOURCE}""#);
        let challenge = format!("Bearer {}", vault.challenge.unwrap_or(&default));
        let message = "AKV10000: Request is missing a Bearer or PoP token.";
        let response = error(401, "Unauthorized", None, message);
        return Err(([(header::WWW_AUTHENTICATE, challenge)], response).into_response());
    }
    vault.reads += 1;
    match vault.fault {
        None => Ok(vault),
        Some(fault) => {
            let retry_after = fault.retry_after.map(|seconds| [(header::RETRY_AFTER, seconds.to_string())]);
            let response = error(fault.status, fault.code, fault.inner_code, "on purpose");
            Err(retry_after.map_or_else(
                || response.clone().into_response(),
                |header| (header, response.clone()).into_response(),
            ))
        }
    }
}

/// Returns the body of the response for `version`, a version of the secret `name`.
fn secret_json(name: &str, version: &Version) -> Value {
    json!({
        "value": version.value,
        "id": format!("https://{VAULT_HOST}/secrets/{name}/{}", version.id),
        "attributes": {
            "enabled": version.is_enabled, "created": 1_750_000_000, "updated": 1_750_000_000,
            "exp": version.expires_at, "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90,
        },
    })
}

/// The headers and the query of a request.
type RequestParts<'a> = (&'a HeaderMap, &'a Fields);

/// Returns the response to a request for the version `version_id` of the secret `name`. If
/// `version_id` is `None`, the request is for the current version.
fn read(
    state: &Mutex<VaultState>,
    (headers, query): RequestParts<'_>,
    name: &str,
    version_id: Option<&str>,
) -> Response {
    let vault = match authorize(state, headers, query) {
        Ok(vault) => vault,
        Err(response) => return response,
    };
    let versions = vault.secrets.get(name).map(Vec::as_slice).unwrap_or_default();
    let version = match version_id {
        None => versions.last(),
        Some(id) => versions.iter().find(|version| version.id == id),
    };
    let message = format!("A secret with (name/id) {name} was not found in this key vault.");
    match version {
        None => error(404, "SecretNotFound", None, &message).into_response(),
        Some(version) if !version.is_enabled => {
            let message = "Operation get is not allowed on a disabled secret.";
            error(403, "Forbidden", Some("SecretDisabled"), message).into_response()
        }
        Some(version) => Json(secret_json(name, version)).into_response(),
    }
}

/// Handles a request for the current version of a secret.
pub(super) async fn read_current(
    State(state): SharedState,
    Path(name): Path<String>,
    Query(query): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    read(&state, (&headers, &query), &name, None)
}

/// Handles a request for one version of a secret.
pub(super) async fn read_version(
    State(state): SharedState,
    Path((name, version)): Path<(String, String)>,
    Query(query): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    read(&state, (&headers, &query), &name, Some(&version))
}

/// Handles a request that adds a version of a secret. The added version becomes the current
/// version.
pub(super) async fn put(
    State(state): SharedState,
    Path(name): Path<String>,
    Query(query): Query<Fields>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut vault = match authorize(&state, &headers, &query) {
        Ok(vault) => vault,
        Err(response) => return response,
    };
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let Some(value) = body["value"].as_str() else {
        return error(400, "BadParameter", None, "value is required").into_response();
    };
    vault.put(&name, value);
    let version = vault.current(&name).map(|version| secret_json(&name, version));
    Json(version).into_response()
}

/// Handles a request that enables or disables a version of a secret, depending on the body
/// (`attributes.enabled`). The response does not contain the secret.
pub(super) async fn update(
    State(state): SharedState,
    Path((name, id)): Path<(String, String)>,
    Query(query): Query<Fields>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut vault = match authorize(&state, &headers, &query) {
        Ok(vault) => vault,
        Err(response) => return response,
    };
    let body: Value = serde_json::from_str(&body).unwrap_or_default();
    let versions = vault.secrets.entry(name.clone()).or_default();
    let Some(version) = versions.iter_mut().find(|version| version.id == id) else {
        return error(404, "SecretNotFound", None, "unknown version").into_response();
    };
    version.is_enabled = body["attributes"]["enabled"].as_bool().unwrap_or(version.is_enabled);
    let mut body = secret_json(&name, version);
    body["value"].take();
    Json(body).into_response()
}
