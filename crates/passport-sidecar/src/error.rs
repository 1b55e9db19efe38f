//! Error responses of OAuth2, with stable codes
//! ([RFC 6749, section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use passport_core::{Clock, SystemClock, retry_after_seconds};
use passport_outbound::{ManagedIdentity, TokenError, TokenErrorKind};
use serde_json::{Value, json};

/// An error response of the sidecar. It contains nothing of a secret or a token.
#[derive(Clone, Debug)]
pub(crate) struct ErrorResponse {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    description: String,
    retry_after: Option<Duration>,
    challenge: Option<&'static str>,
}

/// The header that tells an error response of the sidecar from an upstream's. Its value is the
/// code.
pub(crate) const ERROR_HEADER: HeaderName = HeaderName::from_static("passport-sidecar-error");

impl ErrorResponse {
    pub(crate) fn new(status: StatusCode, code: &'static str, description: impl Into<String>) -> Self {
        Self { status, code, description: description.into(), retry_after: None, challenge: None }
    }

    /// Creates a 400: the request is malformed, and a retry would fail as well.
    pub(crate) fn invalid(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// Creates a 401 with a challenge, which names the expected credentials
    /// ([RFC 9110, section 11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1)).
    pub(crate) fn unauthorized(challenge: &'static str, code: &'static str, description: &str) -> Self {
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, code, description) }
    }

    /// Replaces the challenge, if there is one.
    pub(crate) fn challenge(self, challenge: &'static str) -> Self {
        Self { challenge: self.challenge.map(|_| challenge), ..self }
    }

    /// Creates a 404: no such endpoint, or no such upstream for this caller.
    pub(crate) fn not_found() -> Self {
        let description = "there is no such endpoint, or no such upstream; see docs/sidecar.md";
        Self::new(StatusCode::NOT_FOUND, "not_found", description)
    }

    /// Creates a 403.
    pub(crate) fn forbidden(description: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "access_denied", description)
    }

    /// Creates a 503. The client should retry after `wait`, or a second if that is less.
    pub(crate) fn unavailable(description: impl Into<String>, wait: Duration) -> Self {
        let wait = wait.max(Duration::from_secs(1));
        Self {
            retry_after: Some(wait),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", description)
        }
    }

    /// Creates a 429: the caller has reached one of its limits.
    pub(crate) fn too_many_requests(description: impl Into<String>) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, ..Self::unavailable(description, Duration::ZERO) }
    }

    /// Creates the response to a failed token request of `identity`.
    pub(crate) fn token_unavailable(identity: &ManagedIdentity, error: &TokenError) -> Self {
        let status = identity.status();
        let wait = status
            .next_attempt_at()
            .and_then(|at| at.duration_since(SystemClock.now()).ok())
            .unwrap_or_default();
        if error.is_transient() {
            return Self::unavailable(description(error), wait);
        }
        // Passport rejected the credentials of the sidecar, not those of the caller.
        Self::new(StatusCode::BAD_GATEWAY, "server_error", description(error))
    }
}

/// Describes a failure without the reference of a secret and hints for operators, which are logged.
fn description(error: &TokenError) -> String {
    match (error.hint(), error.kind()) {
        (None, _) => error.to_string(),
        (Some(_), TokenErrorKind::SecretUnavailable) => {
            "the client secret of this identity cannot be read; the sidecar's log says why".to_owned()
        }
        (Some(_), _) => "Passport refused this identity; the sidecar's log says what to check".to_owned(),
    }
}

impl ErrorResponse {
    /// Returns a whole HTTP/1.1 response, for a connection that is not served.
    pub(crate) fn to_http1(&self) -> Vec<u8> {
        let (status, body) = (self.status, self.body().to_string());
        let (code, length) = (self.code, body.len());
        format!(
            "HTTP/1.1 {status}\r\n{ERROR_HEADER}: {code}\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }

    fn body(&self) -> Value {
        json!({ "error": self.code, "error_description": self.description })
    }
}

impl IntoResponse for ErrorResponse {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.body())).into_response();
        response.extensions_mut().insert(ErrorCode(self.code));
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(ERROR_HEADER, HeaderValue::from_static(self.code));
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds(wait)));
        }
        response
    }
}

/// The code of an error response, as an extension for the access log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorCode(pub(crate) &'static str);
