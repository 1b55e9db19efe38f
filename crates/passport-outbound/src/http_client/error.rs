use http::StatusCode;

use super::InvalidPath;
use crate::{
    AttachError, ConfigError, TokenError,
    attach::{BoxError, CallError},
};

/// The error of a request of a [`ManagedIdentityHttpClient`](crate::ManagedIdentityHttpClient).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpClientError {
    /// The request must not have a token. Nothing was sent.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The path, or the URL, is not what a request would be sent to. Nothing was sent.
    #[error(transparent)]
    InvalidPath(#[from] InvalidPath),
    /// The request cannot be built: its URL, a header or its body is invalid. Nothing was sent.
    #[error("this is not a request that can be sent: {0}")]
    InvalidRequest(#[source] BoxError),
    /// The scopes of the request are invalid, or it uses a caller's token, whose scopes cannot be
    /// changed.
    #[error(transparent)]
    InvalidScopes(ConfigError),
    /// The response is neither a success nor an error, but usually a redirect that is not followed.
    /// Only [`receive_json`](crate::ManagedIdentityRequest::receive_json) and its short forms
    /// require a success.
    #[error(
        "the answer has the status {0}, which is no success; a redirect to another origin is not followed"
    )]
    Status(StatusCode),
    /// There is no token. Nothing was sent.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// There was no response, or not the expected one: see [`reqwest::Error`].
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

impl HttpClientError {
    /// Returns the error of a call through the middleware.
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
