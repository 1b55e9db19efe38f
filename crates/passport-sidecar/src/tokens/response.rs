//! Token responses.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::header;
use passport_core::{Clock, SystemClock, unix_millis};
use passport_outbound::AccessToken;
use serde_json::json;

/// Returns an OAuth2 token response ([RFC 6749, section
/// 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)). It contains `token`, the remaining
/// lifetime of the token in seconds, the expiry of the token as Unix time, and the granted
/// scopes.
pub(super) fn token(token: &AccessToken, granted: &str) -> Response {
    let expires_at = token.expires_at();
    let remaining = expires_at.duration_since(SystemClock.now()).unwrap_or_default();
    let body = json!({
        "access_token": token.expose(),
        "token_type": "Bearer",
        "expires_in": remaining.as_secs(),
        "expires_on": unix_millis(expires_at) / 1000,
        "scope": granted,
    });
    ([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], Json(body)).into_response()
}
