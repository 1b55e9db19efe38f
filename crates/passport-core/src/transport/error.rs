use std::{error::Error, sync::Arc};

use super::{TlsFailure, causes::causes};

/// An HTTP exchange that produced no complete response.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind}")]
pub struct TransportError {
    kind: TransportErrorKind,
    #[source]
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The reason for a [`TransportError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The connection was closed or reset before the response was complete.
    #[error("the connection broke off before the response was complete")]
    Broken,
    /// No TCP connection: refused, unreachable, or not within the time for a connection.
    #[error("no connection could be made")]
    Connect,
    /// The host name does not resolve.
    #[error("the host name could not be resolved")]
    Dns,
    /// The response has a `Content-Encoding` although none was accepted. The value is the encoding.
    #[error("the response is encoded with {0}, although only identity was accepted")]
    Encoded(&'static str),
    /// The server answers with something other than HTTP/1.1.
    #[error("the server's answer is not HTTP/1.1; check the scheme and the port of the URL")]
    NotHttp,
    /// The HTTP client could not be built, or it cannot send the request.
    #[error("the HTTP client could not be set up")]
    Setup,
    /// No complete response within [`Limits::timeout`](super::Limits::timeout).
    #[error("no complete response within the time limit")]
    Timeout,
    /// TLS failed: an untrusted certificate, for example.
    #[error("{0}")]
    Tls(TlsFailure),
    /// The response body is larger than [`Limits::max_body`](super::Limits::max_body).
    #[error("the response is larger than allowed")]
    TooLarge,
}

impl TransportError {
    /// Creates an error of `kind`.
    #[must_use]
    pub fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// Adds the cause, which `Display` of an error chain prints: it must not hold a secret.
    #[must_use]
    pub fn caused_by(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// Returns the reason.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// Returns the TLS failure in this error or in its causes, if there is one.
    ///
    /// Libraries of others that run over a [`Transport`](super::Transport) wrap its errors.
    #[must_use]
    pub fn tls_failure_in(error: &(dyn Error + 'static)) -> Option<TlsFailure> {
        causes(error).find_map(|cause| match cause.downcast_ref() {
            Some(Self { kind: TransportErrorKind::Tls(failure), .. }) => Some(*failure),
            _ => None,
        })
    }

    /// Whether a second request on a fresh connection may have another outcome.
    pub(super) fn may_pass_on_another_connection(&self) -> bool {
        matches!(
            self.kind,
            TransportErrorKind::Broken | TransportErrorKind::Connect | TransportErrorKind::Timeout
        )
    }
}
