use super::destination::Destination;
use crate::identity::CallerTokenError;
#[cfg(feature = "reqwest")]
use crate::token::TokenError;

/// The error of the middleware, boxed: its own errors and those of the client have different types.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The reason why a request must not have a token. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AttachError {
    /// The request carries an `Authorization` header already.
    #[error(
        "the request carries an Authorization header already; remove it, or tell the layer what to do with it (existing_authorization)"
    )]
    AuthorizationPresent,
    /// The token of the caller has expired. The caller has to call again with a new one.
    #[error("the caller's token has expired, so nothing can be done in the caller's name any more")]
    CallerTokenExpired,
    /// There is no caller in whose name the request could be sent.
    #[error(
        "there is no caller in whose name the request could go; hand a CallerToken on, or name an identity to use instead (CallerIdentity::or)"
    )]
    MissingCallerToken,
    /// The caller was expected in the extensions of a `reqwest::Request`, which reqwest does not
    /// expose.
    #[error(
        "the caller was to be found in the request's extensions, and reqwest shows nobody those; name the caller (ManagedIdentityRequest::caller, CallerIdentity::from_token), or take CallerIdentity::from_task_local"
    )]
    ExtensionsUnavailable,
    /// Its origin is not among the [`AllowedOrigins`](crate::AllowedOrigins).
    #[error("{origin} is not among the allowed origins, so the token does not go there")]
    DestinationNotAllowed {
        /// Scheme, host and port of the request.
        origin: String,
    },
    /// Its URI names no origin.
    #[error(
        "the request's URI names no origin, so it cannot be seen where the token would go; above a tonic Channel, use AllowedOrigins::channel"
    )]
    NoOrigin,
    /// Its `Host` header names another host or port than the origin that it goes to. Virtual hosts
    /// and proxies choose the receiver by it
    /// ([RFC 9110, section 7.2](https://www.rfc-editor.org/rfc/rfc9110#section-7.2)).
    #[error(
        "the request's Host header names another host or port than the origin that it goes to, and could lead the token there; remove the header, or put that host into the URI and allow its origin"
    )]
    HostMismatch,
    /// It has more than one `Host` header.
    #[error("the request has more than one Host header; remove them: the client derives one from the URI")]
    DuplicateHost,
    /// Its URI carries a user name or a password. Beside a token they are one credential too many.
    #[error("the request's URI carries user information (user:password@host); take it out")]
    UserInfoPresent,
}

impl AttachError {
    /// Returns the error of a request to a `destination` that is not allowed.
    pub(crate) fn not_allowed(destination: &Destination<'_>) -> Self {
        match *destination {
            Destination::Absolute { scheme, host, port } => {
                let port = port.map(|port| format!(":{port}")).unwrap_or_default();
                Self::DestinationNotAllowed { origin: format!("{scheme}://{host}{port}") }
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

/// An error of a call through the middleware, by its origin.
#[cfg(feature = "reqwest")]
pub(crate) enum CallError {
    Attach(AttachError),
    Token(TokenError),
    /// An error of the client.
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
