//! Code that all handlers on axum share.

use http::StatusCode;

/// Returns the status for a caller that the contender identified as `subject`.
pub fn respond(subject: &str) -> StatusCode {
    if subject.is_empty() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
}
