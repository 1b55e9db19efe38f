//! The endpoints of Entra ID and of managed identities. They issue access tokens for the vault.

use std::sync::Mutex;

use axum::{
    Form, Json,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::{
    APPLICATION, APPLICATION_SECRET, CLIENT_ASSERTION, ENTRA_HOST, Fields, IDENTITY_HEADER, RESOURCE,
    SharedState, TENANT, VaultState, locked,
};

/// Handles a token request at Entra ID. The request must use the client credentials grant, with
/// a secret or an assertion.
pub(super) async fn token(
    State(state): SharedState,
    Path(tenant): Path<String>,
    Form(form): Form<Fields>,
) -> Response {
    let mut vault = locked(&state);
    let has = |key: &str, value: &str| form.get(key).is_some_and(|given| given == value);
    let is_authenticated = has("client_secret", APPLICATION_SECRET)
        || (has("client_assertion", CLIENT_ASSERTION)
            && has("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
    let is_for_vaults = form
        .get("scope")
        .is_some_and(|scope| scope.split(' ').any(|scope| scope.strip_suffix("/.default") == Some(RESOURCE)));
    let error = if tenant != TENANT {
        Some((400, "invalid_request", 90_002, "Tenant not found."))
    } else if !has("grant_type", "client_credentials") {
        Some((400, "unsupported_grant_type", 70_003, "The app requested an unsupported grant type."))
    } else if !has("client_id", APPLICATION) {
        Some((400, "unauthorized_client", 700_016, "Application was not found in the directory."))
    } else if !is_authenticated {
        Some((401, "invalid_client", 7_000_215, "Invalid client secret provided."))
    } else if !is_for_vaults {
        Some((400, "invalid_scope", 70_011, "The provided value for scope is not valid."))
    } else {
        None
    };
    if let Some((status, name, code, description)) = error {
        let body = json!({
            "error": name, "error_description": format!("AADSTS{code}: {description}"), "error_codes": [code],
        });
        return (StatusCode::from_u16(status).unwrap_or_default(), Json(body)).into_response();
    }
    let body = json!({
        "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": vault.issue_token(),
    });
    Json(body).into_response()
}

/// Returns the discovery document of the tenant `tenant` of Entra ID.
pub(super) async fn openid_configuration(Path(tenant): Path<String>, headers: HeaderMap) -> Json<Value> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or(ENTRA_HOST);
    Json(json!({
        "token_endpoint": format!("https://{host}/{tenant}/oauth2/v2.0/token"),
        "authorization_endpoint": format!("https://{host}/{tenant}/oauth2/v2.0/authorize"),
        "issuer": format!("https://{host}/{tenant}/v2.0"),
    }))
}

/// Handles a token request of a managed identity in App Service. The request must have the
/// header `X-Identity-Header` with the value [`IDENTITY_HEADER`].
pub(super) async fn app_service_identity(
    state: SharedState,
    Query(query): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    let is_known = headers.get("x-identity-header").is_some_and(|header| header == IDENTITY_HEADER);
    managed_identity(&state.0, &query, is_known && has_version(&query, "2019-08-01"))
}

/// Handles a token request of a managed identity on a virtual machine. The request must have the
/// header `Metadata: true`, which browsers and proxies do not send.
pub(super) async fn machine_identity(
    state: SharedState,
    Query(query): Query<Fields>,
    headers: HeaderMap,
) -> Response {
    let is_marked = headers.get("metadata").is_some_and(|header| header == "true");
    managed_identity(&state.0, &query, is_marked && query.contains_key("api-version"))
}

/// Returns whether the parameter `api-version` of the request is `version`.
fn has_version(query: &Fields, version: &str) -> bool {
    query.get("api-version").is_some_and(|given| given == version)
}

/// Issues a token to a managed identity. Responds with status 400 if `is_valid` is false, or if
/// the requested resource is not Key Vault.
fn managed_identity(state: &Mutex<VaultState>, query: &Fields, is_valid: bool) -> Response {
    if !is_valid || query.get("resource").is_none_or(|resource| resource != RESOURCE) {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_request" }))).into_response();
    }
    let mut vault = locked(state);
    vault.identities.push(query.get("client_id").cloned());
    // The numbers in the body are strings, as in responses of Azure.
    let body = json!({
        "access_token": vault.issue_token(), "expires_on": "4102444800", "expires_in": "86399", "resource": RESOURCE,
        "token_type": "Bearer", "client_id": query.get("client_id"),
    });
    Json(body).into_response()
}
