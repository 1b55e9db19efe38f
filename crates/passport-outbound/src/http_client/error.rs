//! The error of the typed HTTP client.

use std::fmt;

use http::StatusCode;
use passport_core::with_causes;

use super::InvalidPath;
use crate::{
    AttachError, ConfigError, TokenError,
    attach::{BoxError, CallError},
};

/// The error of a request of a [`ManagedIdentityHttpClient`](crate::ManagedIdentityHttpClient).
///
/// `Debug` prints the message with its remedy and its causes: a `main` that returns the error
/// prints it with `Debug`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum HttpClientError {
    /// The request must not carry a token. Nothing was sent.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The path of the request was rejected, because URL parsers or servers would interpret it as
    /// another path. Nothing was sent.
    #[error(transparent)]
    InvalidPath(#[from] InvalidPath),
    /// The request cannot be built: its URL, a header or its body is invalid. Nothing was sent.
    #[error("invalid request: {0}")]
    InvalidRequest(#[source] BoxError),
    /// The scopes of the request are invalid, or were set for a request with a caller's token,
    /// whose scopes cannot be changed. Nothing was sent.
    #[error(transparent)]
    InvalidScopes(ConfigError),
    /// The status of the response is neither a success (2xx) nor an error (4xx, 5xx). Usually, it
    /// is a redirect that is not followed. Only
    /// [`receive_json`](crate::ManagedIdentityRequest::receive_json), `get_json` and `post_json`
    /// return this error.
    #[error(
        "the service responded with status {0}: expected a success (2xx); redirects to another origin are not \
         followed"
    )]
    Status(StatusCode),
    /// No token could be fetched. Nothing was sent.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// reqwest failed to send the request or to read the response. Where JSON is expected, also:
    /// the status is an error (4xx, 5xx), or the body is not the expected JSON.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

/// The message with its remedy and its causes, in one line.
impl fmt::Debug for HttpClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => fmt::Debug::fmt(error, f),
            other => f.write_str(&with_causes(other)),
        }
    }
}

impl HttpClientError {
    /// Converts an error of the middleware to the variant of its cause.
    pub(super) fn of(error: BoxError) -> Self {
        match CallError::from(error) {
            CallError::Attach(error) => Self::Attach(error),
            CallError::Token(error) => Self::Token(error),
            CallError::Client(error) => match error.downcast::<reqwest::Error>() {
                Ok(error) => Self::Http(*error),
                Err(error) => Self::InvalidRequest(error),
            },
        }
    }
}

#[cfg(test)]
mod tests;
