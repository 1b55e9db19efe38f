use http::StatusCode;

use super::InvalidPath;
use crate::{
    AttachError, ConfigError, TokenError,
    attach::{BoxError, CallError},
};

/// Why a request of a [`ManagedIdentityHttpClient`](crate::ManagedIdentityHttpClient) brought
/// nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpClientError {
    /// The request must not have a token. Nothing was sent.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The path, or the URL, is not what a request would be sent to. Nothing was sent.
    #[error(transparent)]
    InvalidPath(#[from] InvalidPath),
    /// What was put together is not a request: its URL, a header, its body. Nothing was sent.
    #[error("this is not a request that can be sent: {0}")]
    InvalidRequest(#[source] BoxError),
    /// The scopes that the request asks for are not valid, or it goes out in the caller's name,
    /// whose token is what it is.
    #[error(transparent)]
    InvalidScopes(ConfigError),
    /// The answer is neither a success nor an error: a redirect that is not followed, as a rule.
    /// Only [`receive_json`](crate::ManagedIdentityRequest::receive_json) and what is made of it
    /// ask for a success.
    #[error(
        "the answer has the status {0}, which is no success; a redirect to another origin is not followed"
    )]
    Status(StatusCode),
    /// There is no token. Nothing was sent.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No answer, or not the one that was asked for: [`reqwest::Error`] tells.
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
