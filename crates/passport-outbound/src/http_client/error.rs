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
/// `Debug` prints the message with its remedy and its causes: it is what a `main` that returns
/// the error shows.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum HttpClientError {
    /// The request must not carry a token. Nothing was sent.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The request would be sent to another path than the given one. Nothing was sent.
    #[error(transparent)]
    InvalidPath(#[from] InvalidPath),
    /// The request cannot be built: its URL, a header or its body is invalid. Nothing was sent.
    #[error("invalid request: {0}")]
    InvalidRequest(#[source] BoxError),
    /// The scopes of the request are invalid, or the request uses a caller's token: the scopes of a
    /// caller's token cannot be changed. Nothing was sent.
    #[error(transparent)]
    InvalidScopes(ConfigError),
    /// The response is neither a success nor an error, but usually a redirect that is not followed.
    /// Only [`receive_json`](crate::ManagedIdentityRequest::receive_json), `get_json` and
    /// `post_json` require a success.
    #[error(
        "the response has status {0}, which is not a success; redirects to another origin are not followed"
    )]
    Status(StatusCode),
    /// No token could be fetched. Nothing was sent.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No response was received, or the response was not the expected one: see [`reqwest::Error`].
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
    /// Converts an error of the middleware.
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
