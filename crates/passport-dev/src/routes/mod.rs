//! The HTTP endpoints, as Passport documents them.

mod active_token;
mod assertion;
mod client_auth;
mod form;
mod introspect;
mod oauth_error;
mod poll;
mod revoke;
mod token;

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{jwt, server_state::ServerState};

/// Returns the routes of all endpoints.
pub(crate) fn router(state: Arc<ServerState>) -> Router {
    Router::new()
        .route("/passport/.well-known/openid-configuration", get(discovery))
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/passport/.well-known/jwks.json", get(jwks))
        .route("/.well-known/jwks.json", get(jwks))
        .route("/passport/token", post(token::issue))
        .route("/passport/token/introspect", post(introspect::introspect))
        .route("/passport/token/revoke", post(revoke::revoke))
        .route("/passport/events/poll", post(poll::poll))
        .with_state(state)
}

/// Returns the discovery document.
async fn discovery(State(state): State<Arc<ServerState>>) -> Json<Value> {
    let (issuer, base) = (state.issuer(), state.base());
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/passport/authorize"),
        "token_endpoint": format!("{base}/passport/token"),
        "userinfo_endpoint": format!("{base}/passport/userinfo"),
        "jwks_uri": format!("{base}/passport/.well-known/jwks.json"),
        "end_session_endpoint": format!("{base}/passport/logout"),
        "response_types_supported": ["code", "token", "id_token"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": token::SCOPES,
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "email", "name", "given_name", "family_name", "roles", "tenant_id",
            "permissions",
        ],
        "token_endpoint_auth_methods_supported": client_auth::METHODS,
        "code_challenge_methods_supported": ["S256"],
    }))
}

/// Returns the JWKS with an `ETag`, and with a `Date` from the configured clock. If the client
/// already has the current JWKS (`If-None-Match`), returns status 304 without a body.
async fn jwks(State(state): State<Arc<ServerState>>, headers: HeaderMap) -> Response {
    let body = state.keys().jwks().to_string();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
    let tag = format!("\"{}\"", jwt::base64(&digest.as_ref()[..12]));
    let is_unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|sent| *sent == *tag);
    let mut response = if is_unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    };
    let date = httpdate::fmt_http_date(state.clock.now());
    let cache_control = state.settings().jwks_cache_control.clone();
    let values =
        [(header::ETAG, HeaderValue::try_from(tag).ok()), (header::DATE, HeaderValue::try_from(date).ok())];
    for (name, value) in values.into_iter().chain([(header::CACHE_CONTROL, cache_control)]) {
        response.headers_mut().extend(value.map(|value| (name, value)));
    }
    response
}

#[cfg(test)]
mod tests;
