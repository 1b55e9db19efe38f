//! The responses to pushed statements. Pure.

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER},
};
use http_body_util::Full;
use passport_core::retry_after_seconds;
use serde_json::json;

use super::error::{ErrorCode, EventError};

/// The names of the members of an error body.
#[derive(Clone, Copy, Debug)]
pub(super) enum ErrorFormat {
    /// Those of OAuth2, which back-channel logout uses.
    Logout,
    /// Those of [RFC 8935, section 2.3](https://www.rfc-editor.org/rfc/rfc8935#section-2.3).
    Event,
}

/// Returns the response to a logout token ([OpenID Connect Back-Channel Logout 1.0, section
/// 2.8](https://openid.net/specs/openid-connect-backchannel-1_0.html#BCResponse)). A logout that
/// can succeed later gets status 503, so that an issuer can send it again.
pub(super) fn of_logout(result: Result<(), EventError>) -> Response<Full<Bytes>> {
    let mut response = match result {
        Ok(()) => empty(StatusCode::OK),
        Err(error) => of_error(&error, ErrorFormat::Logout),
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Returns the response to a security event token ([RFC 8935, sections 2.2 and
/// 2.3](https://www.rfc-editor.org/rfc/rfc8935#section-2.2)).
pub(super) fn of_event(result: Result<(), EventError>) -> Response<Full<Bytes>> {
    match result {
        Ok(()) => empty(StatusCode::ACCEPTED),
        Err(error) => of_error(&error, ErrorFormat::Event),
    }
}

/// Returns the response to a request that is not a delivery.
pub(super) fn of_invalid_request(
    status: StatusCode,
    description: &'static str,
    format: ErrorFormat,
) -> Response<Full<Bytes>> {
    let mut response = with_body(status, ErrorCode::Request, description, format);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Returns the response to a request for another path.
pub(super) fn not_found() -> Response<Full<Bytes>> {
    empty(StatusCode::NOT_FOUND)
}

fn of_error(error: &EventError, format: ErrorFormat) -> Response<Full<Bytes>> {
    match error {
        EventError::Rejected(code, problem) => {
            with_body(StatusCode::BAD_REQUEST, *code, &problem.to_string(), format)
        }
        EventError::Unavailable(wait) => {
            let mut response = empty(StatusCode::SERVICE_UNAVAILABLE);
            response.headers_mut().insert(RETRY_AFTER, retry_after_seconds(*wait).into());
            response
        }
    }
}

fn with_body(
    status: StatusCode,
    code: ErrorCode,
    description: &str,
    format: ErrorFormat,
) -> Response<Full<Bytes>> {
    let body = match format {
        ErrorFormat::Logout => json!({ "error": code.as_str(), "error_description": description }),
        ErrorFormat::Event => json!({ "err": code.as_str(), "description": description }),
    };
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    response
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
