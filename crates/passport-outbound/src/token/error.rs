use std::{borrow::Cow, error::Error, fmt, sync::Arc, time::Duration};

use http::StatusCode;
use passport_core::{ClientId, SecretError, TlsFailure, with_causes};
use tokio::time::error::Elapsed;

use super::fetch_failure::FetchFailure;

/// The reason why there is no token.
///
/// All callers that waited for an attempt share its error, so it is cheap to clone. An
/// [`AttachTokenLayer`](crate::AttachTokenLayer) returns it as a boxed error; downcast it. It
/// contains the client id and the remedy, and neither the secret nor anything of the response's
/// body.
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
    /// The attempt was dropped: there is no tokio runtime, or it has ended; a secret provider
    /// panicked; the machine slept while the caller waited.
    Canceled,
    /// The request cannot be sent, or the server does not speak HTTP/1.1: the scheme or port of the
    /// URL, or a setting of the HTTP client, is wrong.
    Misconfigured,
    /// Passport rejected the request: wrong or revoked secret, disabled identity, unknown scope.
    /// The next attempt is made after 10 s at the earliest.
    Rejected,
    /// Passport returned the current token, though it was to be replaced.
    Unchanged,
    /// The client secret could not be read within the time limit of the attempt.
    SecretUnavailable,
    /// The identity was shut down.
    ShutDown,
    /// The TLS handshake with Passport failed, for example because its certificate is not trusted,
    /// or this machine has no root certificates. A certificate, a URL or this machine has to be
    /// changed.
    Tls(TlsFailure),
    /// Passport cannot be reached in time, or reports that it is unavailable (408, 429, 5xx).
    Unavailable,
    /// The response is not a usable token response: a redirect, a web page, more than 64 KiB, a
    /// token of another type, with invalid characters, or without any lifetime left. The message
    /// names what is wrong.
    InvalidResponse,
}

impl TokenError {
    pub(crate) fn new(client_id: &ClientId, failure: FetchFailure) -> Self {
        Self(Arc::new(TokenErrorDetails { client_id: client_id.clone(), failure }))
    }

    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> TokenErrorKind {
        self.0.failure.kind
    }

    /// Returns the status of Passport's response, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.failure.status
    }

    /// Returns the OAuth2 error code of Passport's response, such as `invalid_client` ([RFC 6749,
    /// section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
    #[must_use]
    pub fn oauth_error(&self) -> Option<&str> {
        self.0.failure.oauth_error.as_deref()
    }

    /// Returns the `Retry-After` of the response ([RFC 9110, section
    /// 10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)). It is obeyed for an hour at
    /// most.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.failure.retry_after
    }

    /// Returns what else operators should check: the reference of a secret, and why it could not be
    /// read or what is unusual about it. It is a part of the message; a server that shows the
    /// message to its clients leaves it out.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.failure.hint.as_deref()
    }

    /// Returns whether the failure is transient: Passport is down, a proxy answers instead, an
    /// attempt was dropped. The others ([`Rejected`](TokenErrorKind::Rejected),
    /// [`SecretUnavailable`](TokenErrorKind::SecretUnavailable), [`Tls`](TokenErrorKind::Tls),
    /// [`Misconfigured`](TokenErrorKind::Misconfigured), [`ShutDown`](TokenErrorKind::ShutDown))
    /// usually need an operator; except after a shutdown, the identity retries.
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

    /// Returns whether an attempt within the next second is likely to have another result.
    pub(crate) fn may_pass_soon(&self) -> bool {
        match self.kind() {
            TokenErrorKind::Unavailable => true,
            TokenErrorKind::SecretUnavailable => {
                let cause = self.0.failure.source.as_deref();
                cause.and_then(|cause| cause.downcast_ref()).is_some_and(SecretError::is_transient)
            }
            _ => false,
        }
    }

    /// Returns whether both are the same error, not only equal.
    #[cfg(test)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns what to do, unless the cause says so.
    fn remedy(&self) -> Option<Cow<'static, str>> {
        let remedy = match (self.kind(), self.oauth_error()) {
            (TokenErrorKind::Rejected, Some("invalid_scope")) => {
                "check the scopes that are asked for, and that the identity may have them"
            }
            (TokenErrorKind::Rejected, Some("unauthorized_client" | "unsupported_grant_type")) => {
                "allow the client credentials grant for this client in Passport"
            }
            (TokenErrorKind::Rejected, code) => return Some(self.client_remedy(code.is_none()).into()),
            (TokenErrorKind::Unchanged, _) => {
                "it will be asked again; an issuer that repeats its tokens until they expire leaves a gap between them"
            }
            (TokenErrorKind::SecretUnavailable, _) => "check the place of the client secret",
            (TokenErrorKind::ShutDown, _) => "build another identity to go on",
            (TokenErrorKind::Unavailable, _) => {
                "it will be asked again; check that Passport is up and reachable"
            }
            (TokenErrorKind::InvalidResponse, _) if self.0.failure.source.is_none() => {
                "check that the issuer's URL is a Passport"
            }
            (TokenErrorKind::Misconfigured | TokenErrorKind::Tls(_) | TokenErrorKind::InvalidResponse, _) => {
                return None;
            }
            (TokenErrorKind::Canceled, _) => {
                "the tokio runtime is shutting down or missing, the secret provider has panicked, or the machine has slept"
            }
        };
        Some(remedy.into())
    }

    /// Returns what to do about a client that was rejected.
    fn client_remedy(&self, is_without_code: bool) -> String {
        let firewall = "the response has no OAuth error code, so a firewall or proxy in front of Passport may have \
             refused the request: check its rules, the client id, ";
        let first = if is_without_code { firewall } else { "check the client id, " };
        let authentication =
            self.0.failure.authentication_remedy.map_or_else(String::new, |remedy| format!("{remedy}, "));
        format!("{first}that the secret is active, {authentication}and that the identity is enabled")
    }

    /// Returns what failed, unless the cause says so.
    fn problem(&self) -> Option<&'static str> {
        let problem = match self.kind() {
            TokenErrorKind::Canceled => "the attempt was aborted",
            TokenErrorKind::Misconfigured => "Passport cannot be asked",
            TokenErrorKind::Rejected => "Passport refused",
            TokenErrorKind::Unchanged => "Passport handed out the token that was to be replaced",
            TokenErrorKind::SecretUnavailable
                if self.source().is_some_and(<dyn Error>::is::<SecretError>) =>
            {
                return None;
            }
            TokenErrorKind::SecretUnavailable => "the client secret could not be read",
            TokenErrorKind::ShutDown => "the identity was shut down",
            TokenErrorKind::Tls(_) => return None,
            TokenErrorKind::Unavailable => "Passport is unavailable",
            TokenErrorKind::InvalidResponse => "Passport's answer is not a usable token response",
        };
        Some(problem)
    }

    fn cause(&self) -> Option<String> {
        match (self.kind(), self.source()) {
            (TokenErrorKind::Tls(TlsFailure::BadCertificate), Some(cause)) => Some(with_causes(cause)),
            (TokenErrorKind::Tls(failure), _) => Some(failure.to_string()),
            (_, Some(cause)) if cause.is::<Elapsed>() => Some("no result within the time limit".to_owned()),
            (_, cause) => cause.map(ToString::to_string),
        }
    }
}

/// The failure with the status of the response, the direct cause, and the remedy.
impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no token for `{}`", self.0.client_id)?;
        if let (TokenErrorKind::SecretUnavailable, Some(hint)) = (self.kind(), &self.0.failure.hint) {
            return write!(f, ": {hint}");
        }
        self.problem().map_or(Ok(()), |problem| write!(f, ": {problem}"))?;
        match (self.status(), self.oauth_error()) {
            (Some(status), Some(code)) => write!(f, " ({} {code})", status.as_u16())?,
            (Some(status), None) => write!(f, " ({})", status.as_u16())?,
            (None, _) => {}
        }
        self.cause().map_or(Ok(()), |cause| write!(f, ": {cause}"))?;
        self.remedy().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))?;
        match &self.0.failure.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenError")
            .field("client_id", &self.0.client_id)
            .field("kind", &self.0.failure.kind)
            .field("status", &self.0.failure.status)
            .field("oauth_error", &self.0.failure.oauth_error)
            .field("retry_after", &self.0.failure.retry_after)
            .field("source", &self.0.failure.source)
            .finish()
    }
}

impl Error for TokenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.failure.source.as_deref().map(|source| source as _)
    }
}
