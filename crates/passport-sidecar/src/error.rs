//! Error responses in the format of OAuth2, with stable error codes ([RFC 6749, section
//! 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use passport_core::{Clock, SystemClock, retry_after_seconds};
use passport_outbound::{ManagedIdentity, TokenError, TokenErrorKind};
use serde_json::{Value, json};

/// An error response of the sidecar. It contains no secret and no token.
#[derive(Clone, Debug)]
pub(crate) struct ErrorResponse {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    description: String,
    retry_after: Option<Duration>,
    challenge: Option<&'static str>,
}

/// The header that contains the error code of a response. Only error responses of the sidecar
/// have this header: the proxy removes it from the responses of upstreams.
pub(crate) const ERROR_HEADER: HeaderName = HeaderName::from_static("passport-sidecar-error");

impl ErrorResponse {
    /// Creates a response with an error code and a description for developers.
    pub(crate) fn new(status: StatusCode, code: &'static str, description: impl Into<String>) -> Self {
        Self { status, code, description: description.into(), retry_after: None, challenge: None }
    }

    /// Creates a 400 with the code `invalid_request`, for a malformed request. A retry of the same
    /// request would fail as well.
    pub(crate) fn invalid(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// Creates a 401 with a challenge (`WWW-Authenticate`) that names the expected credentials
    /// ([RFC 9110, section 11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1)).
    pub(crate) fn unauthorized(challenge: &'static str, code: &'static str, description: &str) -> Self {
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, code, description) }
    }

    /// Replaces the challenge (`WWW-Authenticate`) of a 401. Has no effect on other responses.
    pub(crate) fn challenge(self, challenge: &'static str) -> Self {
        Self { challenge: self.challenge.map(|_| challenge), ..self }
    }

    /// Creates a 404 for an unknown endpoint or upstream, or for an upstream that the caller is not
    /// allowed to use.
    pub(crate) fn not_found() -> Self {
        let description =
            "no such endpoint, or no such upstream for this caller: check the path and callers.*.identities";
        Self::new(StatusCode::NOT_FOUND, "not_found", description)
    }

    /// Creates a 403 with the code `access_denied`, for a request that failed a check of the
    /// sidecar.
    pub(crate) fn forbidden(description: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "access_denied", description)
    }

    /// Creates a 503 with the code `temporarily_unavailable`. Its `Retry-After` is `wait`, but at
    /// least one second.
    pub(crate) fn unavailable(description: impl Into<String>, wait: Duration) -> Self {
        let wait = wait.max(Duration::from_secs(1));
        Self {
            retry_after: Some(wait),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", description)
        }
    }

    /// Creates a 429 with the code `temporarily_unavailable` and `Retry-After: 1`, for a caller
    /// that has reached one of its limits.
    pub(crate) fn too_many_requests(description: impl Into<String>) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, ..Self::unavailable(description, Duration::ZERO) }
    }

    /// Creates the response to a request that failed because no token of `identity` was available.
    /// `error` is the reason. A transient error results in a 503 with `Retry-After`: the time until
    /// the identity retries the token fetch. Any other error results in a 502.
    pub(crate) fn token_unavailable(identity: &ManagedIdentity, error: &TokenError) -> Self {
        let status = identity.status();
        let wait =
            status.retry_at().and_then(|at| at.duration_since(SystemClock.now()).ok()).unwrap_or_default();
        if error.is_transient() {
            return Self::unavailable(description(error), wait);
        }
        // Not a 401, because Passport rejected the credentials of the identity, which the sidecar
        // holds. The credentials of the caller are valid.
        Self::new(StatusCode::BAD_GATEWAY, "server_error", description(error))
    }
}

/// Returns the description of a token error for the response to a caller. Two parts are left
/// out, and are only in the log: the reference of the client secret, and the hint for operators.
fn description(error: &TokenError) -> String {
    match (error.hint(), error.kind()) {
        (None, _) => error.to_string(),
        (Some(_), TokenErrorKind::SecretUnavailable) => {
            "the client secret of this identity cannot be read; see the sidecar's log".to_owned()
        }
        (Some(_), _) => "Passport rejected this identity; see the sidecar's log".to_owned(),
    }
}

impl ErrorResponse {
    /// Encodes the response as HTTP/1.1 bytes with `Connection: close`, for a connection that is
    /// rejected without parsing its request.
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

/// The error code of an error response. It is stored as an extension of the response. The access
/// log reads the code from this extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorCode(pub(crate) &'static str);
