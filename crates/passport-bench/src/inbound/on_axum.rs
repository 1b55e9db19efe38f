//! What the handlers on axum share.

use http::StatusCode;

/// What a handler says to a caller of whom it was told that it is `subject`.
pub fn respond(subject: &str) -> StatusCode {
    if subject.is_empty() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
}
