use std::time::{SystemTime, UNIX_EPOCH};

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use passport_core::{Clock, SystemClock};
use passport_outbound::AccessToken;
use serde_json::json;

/// Returns a token response of OAuth2
/// ([RFC 6749, section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)), with the remaining
/// and the absolute time of its expiry.
pub(super) fn token(token: &AccessToken, granted: &str) -> Response {
    let end = token.expires_at();
    let seconds = |time: SystemTime| end.duration_since(time).unwrap_or_default().as_secs();
    let body = json!({
        "access_token": token.expose(),
        "token_type": "Bearer",
        "expires_in": seconds(SystemClock.now()),
        "expires_on": seconds(UNIX_EPOCH),
        "scope": granted,
    });
    let mut response = Json(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
