//! `POST /passport/token` ([RFC 6749, section
//! 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)).

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    client_auth,
    form::Form,
    oauth_error::{NO_STORE, OAuthError},
};
use crate::{jwt::TestJwtBuilder, server_state::ServerState};

/// The scope that is granted if a token request has no scope.
pub(super) const DEFAULT_SCOPE: &str = "openid roles";

/// The supported scopes. A token request with another scope is rejected.
pub(super) const SCOPES: [&str; 5] = ["openid", "profile", "email", "roles", "tenant"];

/// Handles a token request.
pub(super) async fn issue(
    State(state): State<Arc<ServerState>>,
    headers: HeaderMap,
    form: Option<Form>,
) -> Response {
    issue_token(&state, &headers, form).map_or_else(IntoResponse::into_response, |(token, lifetime)| {
        let body = json!({ "access_token": token, "token_type": "Bearer", "expires_in": lifetime.as_secs() });
        (NO_STORE, Json(body)).into_response()
    })
}

/// Authenticates the client and issues a token. Returns the token and its lifetime.
fn issue_token(
    state: &ServerState,
    headers: &HeaderMap,
    form: Option<Form>,
) -> Result<(String, Duration), OAuthError> {
    let form = form.ok_or(OAuthError::INVALID_FORM)?;
    let grant = form.get("grant_type").ok_or(OAuthError::invalid_request("missing grant_type"))?;
    let mut registry = state.registry();
    let client = client_auth::authenticate(state, &mut registry, headers, &form)?;
    if grant != "client_credentials" {
        return Err(OAuthError {
            code: "unsupported_grant_type",
            description: "the only supported grant_type is client_credentials",
        });
    }
    // An empty parameter counts as omitted (RFC 6749, section 3.2).
    let scope = form.get("scope").filter(|scope| !scope.is_empty()).unwrap_or(DEFAULT_SCOPE);
    if !scope.split(' ').all(|scope| SCOPES.contains(&scope)) {
        return Err(OAuthError {
            code: "invalid_scope",
            description: "unknown scope; the scopes are openid, profile, email, roles and tenant",
        });
    }
    let identity = registry.get(&client.client_id).ok_or(OAuthError::INVALID_CLIENT)?;
    let token = TestJwtBuilder::for_managed_identity(state, identity);
    registry.record_issued(&client.client_id, &client.secret_id, token.jti());
    drop(registry);
    Ok((token.build(), state.settings().token_lifetime))
}
