//! The error of a token fetch, and its message.

use std::{borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

use http::StatusCode;
use passport_core::{ClientId, SecretError, TlsFailure, with_causes};
use tokio::time::error::Elapsed;

use super::fetch_failure::FetchFailure;

/// The error of a call that got no token.
///
/// The error is cheap to clone: all calls that waited for a failed token fetch share one error.
/// An [`AttachTokenLayer`](crate::AttachTokenLayer) returns a `TokenError` as a boxed error,
/// which can be downcast.
///
/// `Display` prints the client id, what failed, the cause and the remedy. `Debug` prints the
/// same and all further causes, because a `main` that returns the error prints the error with
/// `Debug`. Neither output contains the secret, or any part of the response body except a
/// well-formed OAuth2 error code.
#[derive(Clone)]
pub struct TokenError(Arc<TokenErrorDetails>);

struct TokenErrorDetails {
    client_id: ClientId,
    failure: FetchFailure,
}

/// The kind of a [`TokenError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenErrorKind {
    /// The token fetch ended without a result. Possible causes:
    /// - There is no tokio runtime, or the tokio runtime was shut down.
    /// - A secret provider or the HTTP transport panicked.
    /// - The machine was suspended while the caller waited.
    Canceled,
    /// The token request cannot be sent, or the server does not speak HTTP/1.1. The scheme or the
    /// port of the token URL, or a setting of the HTTP client, is wrong.
    Misconfigured,
    /// Passport rejected the token request: the secret is wrong or revoked, the identity is
    /// disabled, or a scope is unknown. The next token fetch starts after 10 s at the earliest.
    Rejected,
    /// Passport returned the token that was to be replaced, instead of a new token. Some issuers
    /// return the same token until it expires.
    Unchanged,
    /// The client secret could not be read within the time limit of the token fetch, or the secret
    /// was read but cannot be used.
    SecretUnavailable,
    /// The identity was shut down, and fetches no more tokens.
    ShutDown,
    /// The TLS handshake with Passport failed, for example because Passport's certificate is not
    /// trusted, or because this machine has no root certificates. Retries do not help;
    /// [`TlsFailure`] names the remedy.
    Tls(TlsFailure),
    /// Passport is unreachable, did not respond in time, or responded with status 408, 429 or 5xx.
    Unavailable,
    /// The response is not a valid token response. The message states the problem:
    /// - The response is a redirect, or longer than 64 KiB.
    /// - The body is not a JSON object with a token, but for example a web page.
    /// - The token is not a bearer token, contains invalid characters, or has expired.
    InvalidResponse,
}

impl TokenError {
    /// Creates the error of a failed token fetch for `client_id`.
    pub(crate) fn new(client_id: &ClientId, failure: FetchFailure) -> Self {
        Self(Arc::new(TokenErrorDetails { client_id: client_id.clone(), failure }))
    }

    /// Returns the kind of the failure.
    #[must_use]
    pub fn kind(&self) -> TokenErrorKind {
        self.0.failure.kind
    }

    /// Returns the HTTP status of Passport's response. `None` if there was no response.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.failure.status
    }

    /// Returns the OAuth2 error code of Passport's response, such as `invalid_client` ([RFC 6749,
    /// section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)). `None` if there was no
    /// response, or if it has no well-formed code.
    #[must_use]
    pub fn oauth_error(&self) -> Option<&str> {
        self.0.failure.oauth_error.as_deref()
    }

    /// Returns the delay in the `Retry-After` header of Passport's response ([RFC 9110, section
    /// 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)). `None` without the header.
    ///
    /// The identity waits at least that long before the next token fetch. If the delay is longer
    /// than one hour, the identity waits one hour. The returned delay is not limited.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.failure.retry_after
    }

    /// Returns a hint about the client secret. The hint names the reference of the secret, and
    /// states why the secret could not be read or what is unusual about it. `None` without such a
    /// problem.
    ///
    /// The hint is part of the message. It is meant for operators: a server should not send it in a
    /// response.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.failure.hint.as_deref()
    }

    /// Returns whether the failure is transient. Examples: Passport is down, a proxy responded
    /// instead, or the token fetch was canceled.
    ///
    /// These failures are not transient, and usually need an operator:
    /// - the kinds [`Rejected`](TokenErrorKind::Rejected),
    ///   [`SecretUnavailable`](TokenErrorKind::SecretUnavailable), [`Tls`](TokenErrorKind::Tls),
    ///   [`Misconfigured`](TokenErrorKind::Misconfigured) and
    ///   [`ShutDown`](TokenErrorKind::ShutDown);
    /// - the kind [`InvalidResponse`](TokenErrorKind::InvalidResponse), if the response stays the
    ///   same until a URL or a server is changed.
    ///
    /// The identity retries after each failure, except after a shutdown.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.kind() {
            TokenErrorKind::Canceled | TokenErrorKind::Unchanged | TokenErrorKind::Unavailable => true,
            TokenErrorKind::InvalidResponse => !self.0.failure.is_permanent,
            TokenErrorKind::Misconfigured
            | TokenErrorKind::Rejected
            | TokenErrorKind::SecretUnavailable
            | TokenErrorKind::ShutDown
            | TokenErrorKind::Tls(_) => false,
        }
    }

    /// Returns whether a retry is likely to succeed within a second. If so, calls without a valid
    /// token wait for the retry instead of failing.
    pub(crate) fn is_worth_waiting(&self) -> bool {
        match self.kind() {
            TokenErrorKind::Unavailable => true,
            TokenErrorKind::SecretUnavailable => {
                let cause = self.0.failure.source.as_deref();
                cause.and_then(|cause| cause.downcast_ref()).is_some_and(SecretError::is_transient)
            }
            _ => false,
        }
    }

    /// Returns whether `self` and `other` are clones of the same error.
    #[cfg(test)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns the message without the client id, for log events that have the client id as a
    /// field.
    pub(crate) fn reason(&self) -> impl fmt::Display {
        Reason(self)
    }

    /// Returns what to do or to check. `None` if the text of the cause contains the remedy.
    fn remedy(&self) -> Option<Cow<'static, str>> {
        let remedy = match (self.kind(), self.oauth_error()) {
            (TokenErrorKind::Rejected, Some("invalid_scope")) => {
                "check the requested scopes, and that the identity is allowed to have them"
            }
            (TokenErrorKind::Rejected, Some("unauthorized_client" | "unsupported_grant_type")) => {
                "allow the client credentials grant for this client in Passport"
            }
            (TokenErrorKind::Rejected, code) => return Some(self.client_remedy(code.is_none()).into()),
            (TokenErrorKind::Unchanged, _) => {
                "the fetch will be retried; if the issuer returns the same token until it expires, calls fail for a short time after that"
            }
            (TokenErrorKind::SecretUnavailable, _) => {
                "check the reference and the content of the client secret"
            }
            (TokenErrorKind::ShutDown, _) => "build a new identity",
            (TokenErrorKind::Unavailable, _) => {
                "the fetch will be retried; check that Passport is up and reachable"
            }
            (TokenErrorKind::InvalidResponse, _) if self.0.failure.source.is_none() => {
                "check that the issuer URL is that of a Passport"
            }
            (TokenErrorKind::Misconfigured | TokenErrorKind::Tls(_) | TokenErrorKind::InvalidResponse, _) => {
                return None;
            }
            (TokenErrorKind::Canceled, _) => {
                "check that the tokio runtime is running and that the secret provider does not panic; the machine may also have been suspended"
            }
        };
        Some(remedy.into())
    }

    /// Returns what to check after Passport rejected the client. If `is_without_code` is true, the
    /// response has no OAuth2 error code, so a firewall or proxy can have sent it.
    fn client_remedy(&self, is_without_code: bool) -> String {
        let firewall = "the response has no OAuth error code, so a firewall or proxy in front of Passport may have \
             rejected the request: check its rules, the client id, ";
        let first = if is_without_code { firewall } else { "check the client id, " };
        let authentication =
            self.0.failure.authentication_remedy.map_or_else(String::new, |remedy| format!("{remedy}, "));
        format!("{first}that the secret is active, {authentication}and that the identity is enabled")
    }

    /// Returns what failed. `None` if the text of the cause states what failed.
    fn problem(&self) -> Option<&'static str> {
        let problem = match self.kind() {
            TokenErrorKind::Canceled => "the token fetch was canceled",
            TokenErrorKind::Misconfigured => "the token request failed",
            TokenErrorKind::Rejected => "Passport rejected the token request",
            TokenErrorKind::Unchanged => "Passport returned the token that was to be replaced",
            TokenErrorKind::SecretUnavailable
                if self.source().is_some_and(<dyn Error>::is::<SecretError>) =>
            {
                return None;
            }
            TokenErrorKind::SecretUnavailable => "the client secret cannot be used",
            TokenErrorKind::ShutDown => "the identity was shut down",
            TokenErrorKind::Tls(_) => return None,
            TokenErrorKind::Unavailable => "Passport is unavailable",
            TokenErrorKind::InvalidResponse => "Passport's response is not a valid token response",
        };
        Some(problem)
    }

    /// Returns the text of the direct cause for the message. `None` without a cause.
    fn cause_text(&self) -> Option<String> {
        match (self.kind(), self.source()) {
            (TokenErrorKind::Tls(TlsFailure::BadCertificate), Some(cause)) => Some(with_causes(cause)),
            (TokenErrorKind::Tls(failure), _) => Some(failure.to_string()),
            (_, Some(cause)) if cause.is::<Elapsed>() => Some("no result within the time limit".to_owned()),
            (_, cause) => cause.map(ToString::to_string),
        }
    }
}

/// Prints a [`TokenError`] without the client id: what failed, the status of the response, the
/// direct cause, and the remedy.
struct Reason<'a>(&'a TokenError);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        let hint = error.hint();
        if let (TokenErrorKind::SecretUnavailable, Some(hint)) = (error.kind(), hint) {
            return f.write_str(hint);
        }
        let cause = error.cause_text();
        let separator = if let Some(problem) = error.problem() {
            f.write_str(problem)?;
            ": "
        } else {
            ""
        };
        match (error.status(), error.oauth_error()) {
            (Some(status), Some(code)) => write!(f, " ({} {code})", status.as_u16())?,
            (Some(status), None) => write!(f, " ({})", status.as_u16())?,
            (None, _) => {}
        }
        cause.map_or(Ok(()), |cause| write!(f, "{separator}{cause}"))?;
        error.remedy().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))?;
        hint.map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no token for `{}`: {}", self.0.client_id, self.reason())
    }
}

/// Prints the message and its causes instead of the fields, because a `main` that returns the
/// error prints the error with `Debug`.
impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = self.to_string();
        match self.source().map(with_causes) {
            Some(causes) if !message.contains(&causes) => write!(f, "{message} (caused by: {causes})"),
            _ => f.write_str(&message),
        }
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.failure.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
#[path = "error/tests.rs"]
mod tests;
