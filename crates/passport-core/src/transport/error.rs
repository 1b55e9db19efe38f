use std::{error::Error, fmt, io, sync::Arc};

use super::TlsFailure;
use crate::error_chain::{chain, with_causes};

/// The error of an HTTP request without a complete and usable response.
///
/// `Display` shows the kind and, for a connection that failed, the operating system's reason.
/// `Debug` adds the causes.
#[derive(Clone)]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// The kind of a [`TransportError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The connection was closed or reset before the response was complete.
    #[error("the connection was closed before the response was complete")]
    ConnectionClosed,
    /// No TCP connection was established: the connection was refused, the host is unreachable, or
    /// the time limit for connecting has elapsed.
    #[error("no connection could be made")]
    Connect,
    /// The host name does not resolve.
    #[error("the host name could not be resolved")]
    Dns,
    /// The response has a `Content-Encoding` although the request accepts only `identity`. The
    /// value is the encoding.
    #[error(
        "the response is compressed ({0}), although the request accepts only identity; configure the \
         server, or the proxy in front of it, to honor Accept-Encoding"
    )]
    UnexpectedEncoding(&'static str),
    /// The response is not HTTP/1.1.
    #[error("the server's response is not HTTP/1.1; check the scheme and the port of the URL")]
    NotHttp,
    /// The proxy requires credentials, or has rejected the credentials that were sent.
    #[error("the proxy requires authentication (407); put valid credentials into the proxy's URL")]
    ProxyAuthentication,
    /// The HTTP client cannot be built, or the request is not valid.
    #[error("the HTTP request cannot be made; check the URL, and the proxy and certificate settings")]
    Setup,
    /// No complete response was received within
    /// [`ResponseLimits::timeout`](super::ResponseLimits::timeout).
    #[error("no complete response within the time limit")]
    Timeout,
    /// The TLS handshake failed, for example because of an untrusted certificate.
    #[error("{0}")]
    Tls(TlsFailure),
    /// The response body is larger than
    /// [`ResponseLimits::max_body`](super::ResponseLimits::max_body).
    #[error("the response is larger than allowed; check the URL")]
    TooLarge,
}

impl TransportErrorKind {
    /// Returns whether the server sent an HTTP response that cannot be used, because it is
    /// compressed or too large.
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

    /// Sets the cause of the error. The cause is displayed with the error, so it must not contain a
    /// secret.
    #[must_use]
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// Returns the kind of failure.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// Returns the first [`TransportError`] among `error` and its causes, or `None` if there is
    /// none.
    ///
    /// Third-party libraries that send requests with a [`Transport`](super::Transport) wrap the
    /// errors of the transport.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        chain(error).find_map(|error| error.downcast_ref())
    }

    /// Returns whether the failure can resolve itself, so that a retry makes sense.
    ///
    /// Returns false for a permanent failure, for which a certificate, a URL, a server, a proxy or
    /// this machine has to be changed:
    /// - a TLS failure
    /// - a response that is not HTTP/1.1, is compressed or is too large
    /// - a proxy that requires other credentials
    /// - a client that cannot be built, or a request that is not valid
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

    /// Returns the operating system's reason for a failed connection, for example "connection
    /// refused". The reason contains no IP address. Returns `None` for other failures, and if the
    /// reason is unknown.
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

    /// Returns whether the same request can succeed on a new connection. If true, a hedged request
    /// waits for the result of its other connection.
    pub(super) fn is_retryable_on_a_new_connection(&self) -> bool {
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

/// Prints the message and its causes, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self))
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
