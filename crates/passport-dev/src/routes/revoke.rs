//! `POST /passport/token/revoke` ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)). As in
//! Passport's documentation, the discovery document does not name this endpoint.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    client_auth,
    form::Form,
    oauth_error::{NO_STORE, OAuthError},
};
use crate::{
    jwt::{own_claims, token_id},
    server_state::ServerState,
};

/// Handles a revocation request. The response to an authenticated client has status 200, also if
/// the token is unknown or is not revoked.
pub(super) async fn revoke(
    State(state): State<Arc<ServerState>>,
    headers: HeaderMap,
    form: Option<Form>,
) -> Response {
    let revoke = || {
        let form = form.ok_or(OAuthError::INVALID_FORM)?;
        let client = client_auth::authenticate(&state, &mut state.registry(), &headers, &form)?;
        let token = form.get("token").ok_or(OAuthError::invalid_request("missing token"))?;
        revoke_for(&state, &client.client_id, token);
        Ok::<_, OAuthError>(())
    };
    match revoke() {
        Err(error) => error.into_response(),
        Ok(()) => (StatusCode::OK, NO_STORE).into_response(),
    }
}

/// Revokes `token` for the client `client_id`. Has no effect if this Passport has not signed the
/// token, or if it is a token of another managed identity. Any client can revoke the token of a
/// user, because the dev Passport does not register the applications of users.
fn revoke_for(state: &ServerState, client_id: &str, token: &str) {
    let Some(claims) = own_claims(state, token) else {
        return;
    };
    let is_user = !claims.contains_key("managed_identity_id");
    if is_user || claims.get("sub").and_then(Value::as_str) == Some(client_id) {
        state.registry().revoke_token(token_id(token, &claims));
    }
}

#[cfg(test)]
mod tests;
