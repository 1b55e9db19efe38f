//! OAuth2 error responses of the endpoints that authenticate their clients.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// An OAuth2 error ([RFC 6749, section
/// 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
#[derive(Debug)]
pub(super) struct OAuthError {
    pub(super) code: &'static str,
    pub(super) description: &'static str,
}

impl OAuthError {
    /// The error of a client that could not be authenticated.
    pub(super) const INVALID_CLIENT: Self = Self {
        code: "invalid_client",
        description: "unknown or disabled client, or its secret or assertion is invalid",
    };

    /// The error of a request without a form, or with a repeated field.
    pub(super) const INVALID_FORM: Self =
        Self::invalid_request("the body must be application/x-www-form-urlencoded, without repeated fields");

    /// Creates the error `invalid_request`. `description` says what is wrong with the request.
    pub(super) const fn invalid_request(description: &'static str) -> Self {
        Self { code: "invalid_request", description }
    }
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.code, "error_description": self.description }));
        let challenge = |value| [(header::WWW_AUTHENTICATE, HeaderValue::from_static(value))];
        match self.code {
            "invalid_client" => {
                (StatusCode::UNAUTHORIZED, NO_STORE, challenge("Basic realm=\"passport\""), body)
                    .into_response()
            }
            "invalid_token" => {
                let challenge = challenge("Bearer realm=\"passport\", error=\"invalid_token\"");
                (StatusCode::UNAUTHORIZED, NO_STORE, challenge, body).into_response()
            }
            "access_denied" => (StatusCode::FORBIDDEN, NO_STORE, body).into_response(),
            _ => (StatusCode::BAD_REQUEST, NO_STORE, body).into_response(),
        }
    }
}

/// The response headers that forbid HTTP caches to store the response.
pub(super) const NO_STORE: [(HeaderName, HeaderValue); 2] = [
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::PRAGMA, HeaderValue::from_static("no-cache")),
];
