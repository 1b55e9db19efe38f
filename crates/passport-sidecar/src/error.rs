//! What whoever asks is told when there is nothing for them: an error of OAuth2, with a code that does not change
//! ([RFC 6749, section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use passport_outbound::{ManagedIdentity, TokenError, TokenErrorKind};
use serde_json::{Value, json};

/// Nothing in it is of a secret or a token.
#[derive(Clone, Debug)]
pub(crate) struct ErrorResponse {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    description: String,
    retry_after: Option<Duration>,
    challenge: Option<&'static str>,
}

/// On each of our refusals, with its code, so that none is taken for an upstream's.
pub(crate) const REFUSED_HEADER: HeaderName = HeaderName::from_static("passport-sidecar-refused");

impl ErrorResponse {
    pub(crate) fn new(status: StatusCode, code: &'static str, description: impl Into<String>) -> Self {
        Self { status, code, description: description.into(), retry_after: None, challenge: None }
    }

    /// The request makes no sense; it will not when it is sent again.
    pub(crate) fn invalid(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    /// Whoever asks has to show something, in the way that `challenge` names
    /// ([RFC 9110, section 11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1)).
    pub(crate) fn unauthorized(challenge: &'static str, code: &'static str, description: &str) -> Self {
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, code, description) }
    }

    pub(crate) fn challenge(self, challenge: &'static str) -> Self {
        Self { challenge: self.challenge.map(|_| challenge), ..self }
    }

    /// No such endpoint, or no such upstream for this caller.
    pub(crate) fn not_found() -> Self {
        let description = "there is no such endpoint, or no such upstream; see docs/sidecar.md";
        Self::new(StatusCode::NOT_FOUND, "not_found", description)
    }

    pub(crate) fn forbidden(description: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "access_denied", description)
    }

    pub(crate) fn unavailable(description: impl Into<String>, wait: Duration) -> Self {
        let wait = wait.max(Duration::from_secs(1));
        Self {
            retry_after: Some(wait),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", description)
        }
    }

    /// The caller has as much on its way as it may have.
    pub(crate) fn too_many_requests(description: impl Into<String>) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, ..Self::unavailable(description, Duration::ZERO) }
    }

    /// There is no token for `identity`.
    pub(crate) fn token_unavailable(identity: &ManagedIdentity, error: &TokenError) -> Self {
        let status = identity.status();
        let wait = status.next_attempt_at().and_then(|at| at.duration_since(now()).ok()).unwrap_or_default();
        if error.is_transient() {
            return Self::unavailable(description(error), wait);
        }
        // It is ours that was refused, and not what is asked of us.
        Self::new(StatusCode::BAD_GATEWAY, "server_error", description(error))
    }
}

/// Where a secret is, and what is unusual about it, is for operators: the log has it.
fn description(error: &TokenError) -> String {
    match (error.hint(), error.kind()) {
        (None, _) => error.to_string(),
        (Some(_), TokenErrorKind::Secret) => {
            "the client secret of this identity cannot be read; the sidecar's log says why".to_owned()
        }
        (Some(_), _) => "Passport refused this identity; the sidecar's log says what to check".to_owned(),
    }
}

fn now() -> std::time::SystemTime {
    passport_core::Clock::now(&passport_core::SystemClock)
}

impl ErrorResponse {
    /// Returns the refusal as a whole response of HTTP/1.1, for a connection that is not served.
    pub(crate) fn to_http1(&self) -> Vec<u8> {
        let (status, body) = (self.status, self.body().to_string());
        let (code, length) = (self.code, body.len());
        format!(
            "HTTP/1.1 {status}\r\n{REFUSED_HEADER}: {code}\r\ncontent-type: application/json\r\n\
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
        headers.insert(REFUSED_HEADER, HeaderValue::from_static(self.code));
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(wait) = self.retry_after {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
            );
        }
        response
    }
}

/// The code, for the log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorCode(pub(crate) &'static str);
