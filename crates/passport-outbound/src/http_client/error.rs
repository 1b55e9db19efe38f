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
/// `Debug` prints the message with the remedy and the causes, because Rust prints an error that
/// `main` returns with `Debug`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum HttpClientError {
    /// The request must not carry a token. Nothing was sent.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The path of the request was rejected, because a URL parser or a server would interpret it as
    /// another path. Nothing was sent.
    #[error(transparent)]
    InvalidPath(#[from] InvalidPath),
    /// The request cannot be built: its URL, a header or its body is invalid. Nothing was sent.
    #[error("invalid request: {0}")]
    InvalidRequest(#[source] BoxError),
    /// The scopes of the request are invalid, or scopes were set for a request with a caller's
    /// token. The scopes of a caller's token cannot be changed. Nothing was sent.
    #[error(transparent)]
    InvalidScopes(ConfigError),
    /// The status of the response is neither a success (2xx) nor an error (4xx, 5xx). Usually it is
    /// the status of a redirect that was not followed. Only
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
    /// reqwest failed to send the request or to read the response. The methods that return JSON
    /// also return this error if the status is an error (4xx, 5xx), or if the body is not the
    /// expected JSON.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

/// Prints the message with the remedy and the causes, in one line.
impl fmt::Debug for HttpClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => fmt::Debug::fmt(error, f),
            other => f.write_str(&with_causes(other)),
        }
    }
}

impl HttpClientError {
    /// Converts an error of the middleware to a variant: `Attach` for an [`AttachError`], `Token`
    /// for a [`TokenError`], `Http` for an error of reqwest, and `InvalidRequest` for any other
    /// error.
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
