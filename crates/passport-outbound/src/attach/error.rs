//! The errors of the middleware.

use std::fmt;

use super::destination::Destination;
use crate::identity::CallerTokenError;
#[cfg(feature = "reqwest")]
use crate::token::TokenError;

/// The error type of the middleware: a boxed [`AttachError`], a boxed `TokenError`, or the boxed
/// error of the inner client.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The reason why a request must not carry a token. Nothing was sent.
///
/// `Debug` prints the same message as `Display`, with the remedy, because Rust prints an error
/// that `main` returns with `Debug`.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The request already has an `Authorization` header. See
    /// [`existing_authorization`](crate::AttachTokenLayer::existing_authorization).
    #[error(
        "the request already has an Authorization header; remove it, or set existing_authorization on the \
         layer"
    )]
    AuthorizationPresent,
    /// The caller's token has expired. The caller must send a new request with a new token.
    #[error("the caller's token has expired; the caller must send a new request with a new token")]
    CallerTokenExpired,
    /// The identity is a [`CallerIdentity`](crate::CallerIdentity), and no caller's token was
    /// found.
    #[error(
        "missing caller token; enable forward_token on the inbound AuthenticateLayer and pass the \
         CallerToken with the request, or set another identity with CallerIdentity::or"
    )]
    MissingCallerToken,
    /// The caller's token would have to be read from the extensions of a `reqwest::Request`, which
    /// reqwest does not expose.
    #[error(
        "cannot read the caller token: reqwest does not expose the extensions of a request; set the token \
         with ManagedIdentityRequest::caller or CallerIdentity::from_token, or use \
         CallerIdentity::from_task_local"
    )]
    ExtensionsUnavailable,
    /// The origin of the request is not in [`AllowedOrigins`](crate::AllowedOrigins).
    #[error(
        "origin not allowed: {origin}; add it to AllowedOrigins (also_allow of an HTTP client) if it may \
         receive the token"
    )]
    OriginNotAllowed {
        /// The scheme, host and port of the request's URI.
        origin: String,
    },
    /// The URI of the request has no origin: it is only a path, or has another form without a
    /// scheme and a host.
    #[error(
        "the request's URI has no origin; use an absolute URI, or AllowedOrigins::channel above a tonic Channel"
    )]
    NoOrigin,
    /// The `Host` header names another host or port than the URI. Virtual hosts and proxies choose
    /// the receiver by the `Host` header ([RFC 9110, section
    /// 7.2](https://www.rfc-editor.org/rfc/rfc9110#section-7.2)), so another server could receive
    /// the token.
    #[error(
        "the request's Host header names another host or port than its URI; remove the header, or put that \
         host into the URI and allow its origin"
    )]
    HostMismatch,
    /// The request has more than one `Host` header.
    #[error("the request has more than one Host header; remove them: the client derives one from the URI")]
    DuplicateHost,
    /// The URI contains a user name or a password, which would be a second credential in addition
    /// to the token.
    #[error("the request's URI contains user information (user:password@host); remove it")]
    UserInfoPresent,
}

/// Prints the same message as `Display`, with the remedy.
impl fmt::Debug for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl AttachError {
    /// Returns the error of a request to `destination`, which is not an allowed destination.
    pub(crate) fn not_allowed(destination: &Destination<'_>) -> Self {
        match *destination {
            Destination::Absolute { scheme, host, port } => {
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                Self::OriginNotAllowed { origin: format!("{scheme}://{host}{port}") }
            }
            Destination::WithUserInfo => Self::UserInfoPresent,
            Destination::PathOnly | Destination::Unclear => Self::NoOrigin,
        }
    }
}

impl From<CallerTokenError> for AttachError {
    fn from(error: CallerTokenError) -> Self {
        match error {
            CallerTokenError::Missing => Self::MissingCallerToken,
            CallerTokenError::Expired => Self::CallerTokenExpired,
            CallerTokenError::ExtensionsUnavailable => Self::ExtensionsUnavailable,
        }
    }
}

/// An error of a call through the middleware, sorted by the part that returned it.
#[cfg(feature = "reqwest")]
pub(crate) enum CallError {
    /// The request must not carry a token.
    Attach(AttachError),
    /// No token could be fetched.
    Token(TokenError),
    /// The inner client failed.
    Client(BoxError),
}

#[cfg(feature = "reqwest")]
impl From<BoxError> for CallError {
    fn from(error: BoxError) -> Self {
        let error = match error.downcast::<AttachError>() {
            Ok(error) => return Self::Attach(*error),
            Err(error) => error,
        };
        match error.downcast::<TokenError>() {
            Ok(error) => Self::Token(*error),
            Err(error) => Self::Client(error),
        }
    }
}

#[cfg(test)]
mod tests;
