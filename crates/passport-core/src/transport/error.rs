use std::{error::Error, fmt, io, sync::Arc};

use super::TlsFailure;
use crate::error_chain::chain;

/// An HTTP exchange that produced no complete response.
///
/// `Display` shows the kind and, for a connection that failed, the operating system's reason.
#[derive(Clone, Debug)]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The reason for a [`TransportError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The connection was closed or reset before the response was complete.
    #[error("the connection broke off before the response was complete")]
    ConnectionClosed,
    /// No TCP connection: refused, unreachable, or not within the time for a connection.
    #[error("no connection could be made")]
    Connect,
    /// The host name does not resolve.
    #[error("the host name could not be resolved")]
    Dns,
    /// The response has a `Content-Encoding` although none was accepted. The value is the encoding.
    #[error(
        "the response is compressed ({0}), although the request accepts only identity; configure the server, or the proxy in front of it, to honor Accept-Encoding"
    )]
    UnexpectedEncoding(&'static str),
    /// The server answers with something other than HTTP/1.1.
    #[error("the server's answer is not HTTP/1.1; check the scheme and the port of the URL")]
    NotHttp,
    /// The proxy on the way wants credentials, or other ones.
    #[error("the proxy on the way requires authentication (407); put credentials into the proxy's URL")]
    ProxyAuthentication,
    /// The HTTP client could not be built, or it cannot send the request.
    #[error("the HTTP request cannot be made; check the URL, and the proxy and certificate settings")]
    Setup,
    /// No complete response within [`ResponseLimits::timeout`](super::ResponseLimits::timeout).
    #[error("no complete response within the time limit")]
    Timeout,
    /// TLS failed: an untrusted certificate, for example.
    #[error("{0}")]
    Tls(TlsFailure),
    /// The response body is larger than [`ResponseLimits::max_body`](super::ResponseLimits::max_body).
    #[error("the response is larger than allowed; check the URL")]
    TooLarge,
}

impl TransportErrorKind {
    /// Whether the server has answered over HTTP, with a response that is of no use.
    #[must_use]
    pub fn is_response(self) -> bool {
        matches!(self, Self::UnexpectedEncoding(_) | Self::TooLarge)
    }
}

impl TransportError {
    /// Creates an error of `kind`.
    #[must_use]
    pub fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// Adds the cause, which `Display` of an error chain prints: it must not hold a secret.
    #[must_use]
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// Returns the reason.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// Returns the transport error that `error` is or is caused by, if there is one.
    ///
    /// Libraries of others that run over a [`Transport`](super::Transport) wrap its errors.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        chain(error).find_map(|error| error.downcast_ref())
    }

    /// Whether the failure may pass by itself.
    ///
    /// TLS failures, a server that does not speak HTTP/1.1 and a client that cannot be set up do
    /// not: a certificate, a URL or this machine has to be changed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        !matches!(
            self.kind,
            TransportErrorKind::UnexpectedEncoding(_)
                | TransportErrorKind::NotHttp
                | TransportErrorKind::ProxyAuthentication
                | TransportErrorKind::Setup
                | TransportErrorKind::Tls(_)
                | TransportErrorKind::TooLarge
        )
    }

    /// Returns the operating system's reason for a connection that failed: a text without
    /// addresses.
    fn reason(&self) -> Option<io::ErrorKind> {
        if !matches!(self.kind, TransportErrorKind::ConnectionClosed | TransportErrorKind::Connect) {
            return None;
        }
        let source: &(dyn Error + 'static) = self.source.as_deref()?;
        let mut reasons = chain(source).filter_map(|error| error.downcast_ref()).map(io::Error::kind);
        let is_timeout = || source.downcast_ref().is_some_and(reqwest::Error::is_timeout);
        reasons
            .find(|reason| *reason != io::ErrorKind::Other)
            .or_else(|| is_timeout().then_some(io::ErrorKind::TimedOut))
    }

    /// Whether a second request on a fresh connection may have another outcome.
    pub(super) fn may_pass_on_another_connection(&self) -> bool {
        matches!(
            self.kind,
            TransportErrorKind::ConnectionClosed | TransportErrorKind::Connect | TransportErrorKind::Timeout
        )
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.kind, f)?;
        match self.reason() {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
