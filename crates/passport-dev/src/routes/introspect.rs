//! `POST /passport/token/introspect` ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)), with
//! signed responses on request ([RFC 9701](https://www.rfc-editor.org/rfc/rfc9701)).

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    active_token::active_claims, client_auth, form::Form, oauth_error::OAuthError, token::DEFAULT_SCOPE,
};
use crate::{
    jwt::{sign_statement, unix_seconds},
    server_state::ServerState,
};

/// The claims of an active token that the response contains, as Passport documents the response.
const RETURNED_CLAIMS: [&str; 7] = ["sub", "exp", "iat", "iss", "email", "roles", "tenant_id"];

/// The media type of a signed response. Without `application/`, it is the `typ` of the response.
const SIGNED: &str = "application/token-introspection+jwt";

/// Handles an introspection request. Authenticates the client, and returns whether the token is
/// active. The response is signed if the client accepts a signed response.
pub(super) async fn introspect(
    State(state): State<Arc<ServerState>>,
    headers: HeaderMap,
    form: Option<Form>,
) -> Response {
    let introspect = || {
        let form = form.ok_or(OAuthError::INVALID_FORM)?;
        let client = client_auth::authenticate(&state, &mut state.registry(), &headers, &form)?;
        let token = form.get("token").ok_or(OAuthError::invalid_request("missing token"))?;
        let claims = active_claims(&state, token);
        let reply = claims.map_or_else(|| json!({ "active": false }), |claims| reply(&claims));
        Ok::<_, OAuthError>((client.client_id, reply))
    };
    match introspect() {
        Err(error) => error.into_response(),
        Ok((client_id, reply)) if accepts_signed(&headers) => {
            ([(header::CONTENT_TYPE, SIGNED)], signed(&state, &client_id, &reply)).into_response()
        }
        Ok((_, reply)) => Json(reply).into_response(),
    }
}

/// Returns whether an `Accept` header names the media type of signed responses.
fn accepts_signed(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(',')).map(|range| range.split(';').next());
    types.any(|name| name.is_some_and(|name| name.trim().eq_ignore_ascii_case(SIGNED)))
}

/// Returns a signed response for the client `client_id` (RFC 9701, section 5). It has no `sub` and
/// no `exp`, so that it cannot be used as an access token.
fn signed(state: &ServerState, client_id: &str, reply: &Value) -> String {
    let claims = json!({
        "iss": state.issuer(),
        "aud": client_id,
        "iat": unix_seconds(state.clock.now()),
        "token_introspection": reply,
    });
    sign_statement(state, SIGNED.trim_start_matches("application/"), &claims)
}

/// Returns the body of the response for an active token with `claims`. For a token of a managed
/// identity, the `client_id` in the body is the `sub` of the token. For a token of a user, it is
/// the `aud` of the token.
fn reply(claims: &Map<String, Value>) -> Value {
    let client = if claims.contains_key("managed_identity_id") { "sub" } else { "aud" };
    let scope = claims.get("scope").cloned().unwrap_or_else(|| DEFAULT_SCOPE.into());
    let mut reply = json!({ "active": true, "client_id": claims.get(client), "scope": scope });
    for name in RETURNED_CLAIMS.into_iter().filter(|name| claims.contains_key(*name)) {
        reply[name] = claims[name].clone();
    }
    reply
}

#[cfg(test)]
mod tests;
