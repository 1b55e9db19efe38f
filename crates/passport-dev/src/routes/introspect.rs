//! `POST /passport/token/introspect` ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)).

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{client_auth, form::Form, oauth_error::OAuthError, token::DEFAULT_SCOPE};
use crate::{
    jwt::{own_claims, unix_seconds},
    server_state::ServerState,
};

/// The claims of an active token that the response contains, as Passport documents the response.
const RETURNED_CLAIMS: [&str; 7] = ["sub", "exp", "iat", "iss", "email", "roles", "tenant_id"];

/// Handles an introspection request. Authenticates the client, and returns whether the token is
/// active.
pub(super) async fn introspect(
    State(state): State<Arc<ServerState>>,
    headers: HeaderMap,
    form: Option<Form>,
) -> Response {
    let introspect = || {
        let form = form.ok_or(OAuthError::invalid_request(
            "the body must be application/x-www-form-urlencoded, without repeated fields",
        ))?;
        client_auth::authenticate(&state, &mut state.registry(), &headers, &form)?;
        let token = form.get("token").ok_or(OAuthError::invalid_request("missing token"))?;
        Ok::<_, OAuthError>(active_claims(&state, token))
    };
    match introspect() {
        Err(error) => error.into_response(),
        Ok(None) => Json(json!({ "active": false })).into_response(),
        Ok(Some(claims)) => Json(reply(&claims)).into_response(),
    }
}

/// Returns the claims of `token` if the token is active: issued by this Passport, valid now, and
/// not revoked. Otherwise returns `None`.
fn active_claims(state: &Arc<ServerState>, token: &str) -> Option<Map<String, Value>> {
    let claims = own_claims(state, token)?;
    let now = unix_seconds(state.clock.now());
    let time = |name: &str| claims.get(name).and_then(Value::as_u64);
    let jti = claims.get("jti").and_then(Value::as_str).unwrap_or_default();
    let active = time("exp")? > now
        && time("nbf").is_none_or(|nbf| nbf <= now)
        && claims.get("iss").and_then(Value::as_str) == Some(state.issuer())
        && !state.registry().is_revoked(jti);
    active.then_some(claims)
}

/// Returns the body of the response for an active token with `claims`. For a token of a managed
/// identity, the `client_id` in the body is the `sub` of the token. For a token of a user, it is
/// the `aud` of the token.
fn reply(claims: &Map<String, Value>) -> Value {
    let client = if claims.contains_key("managed_identity_id") { "sub" } else { "aud" };
    let mut reply = json!({ "active": true, "client_id": claims.get(client), "scope": DEFAULT_SCOPE });
    for name in RETURNED_CLAIMS.into_iter().filter(|name| claims.contains_key(*name)) {
        reply[name] = claims[name].clone();
    }
    reply
}
