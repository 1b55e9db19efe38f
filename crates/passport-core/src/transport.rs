//! The few HTTP exchanges this project makes of its own: small, bounded, never redirected.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use url::{Host, Url};

use crate::Origin;

/// How long an exchange may take and how much it may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte sent to the last byte read.
    pub timeout: Duration,
    /// The largest response body, in bytes.
    pub max_body: usize,
}

/// Sends one request and reads its whole response.
///
/// Implement it to bring an HTTP stack of your own; [`HttpTransport`] is the default. An implementation must not
/// follow redirects, and must fail rather than return more than [`Limits::max_body`] bytes.
pub trait HttpExchange: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` and reads its response within `limits`. A status of any kind is a success here.
    ///
    /// # Errors
    /// When there is no complete response.
    fn exchange(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> impl Future<Output = Result<Response<Bytes>, TransportError>> + Send;
}

/// A handle to an [`HttpExchange`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Transport(Arc<dyn DynHttpExchange>);

impl Transport {
    /// A transport that goes through `exchange`.
    #[must_use]
    pub fn new(exchange: impl HttpExchange) -> Self {
        Self(Arc::new(exchange))
    }

    /// A `GET` of `url`. See [`Transport::exchange`].
    ///
    /// # Errors
    /// When there is no complete response within `limits`.
    pub async fn get(&self, url: &Url, limits: Limits) -> Result<Response<Bytes>, TransportError> {
        self.exchange(request_to(url, Bytes::new())?, limits).await
    }

    /// See [`HttpExchange::exchange`]. The limits are kept here too, whatever the implementation does.
    ///
    /// # Errors
    /// When there is no complete response within `limits`.
    pub async fn exchange(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, TransportError> {
        let response = tokio::time::timeout(limits.timeout, self.0.exchange_dyn(request, limits))
            .await
            .unwrap_or_else(|_| Err(TransportError::new(TransportErrorKind::Timeout)))?;
        if response.body().len() > limits.max_body {
            return Err(TransportError::new(TransportErrorKind::TooLarge));
        }
        Ok(response)
    }
}

/// A request to `url` with `body`, of method `GET` until it is changed.
///
/// # Errors
/// When the URL is none that HTTP can carry.
pub fn request_to(url: &Url, body: Bytes) -> Result<Request<Bytes>, TransportError> {
    let uri = url.as_str().parse().map_err(|error: http::uri::InvalidUri| {
        TransportError::new(TransportErrorKind::Setup).caused_by(error)
    })?;
    let mut request = Request::new(body);
    *request.uri_mut() = uri;
    Ok(request)
}

impl Default for Transport {
    /// An [`HttpTransport`] of its own. Clone it to share its connections.
    fn default() -> Self {
        Self::new(HttpTransport::new())
    }
}

/// The object-safe twin of [`HttpExchange`].
trait DynHttpExchange: fmt::Debug + Send + Sync {
    fn exchange_dyn(&self, request: Request<Bytes>, limits: Limits) -> ExchangeFuture<'_>;
}

type ExchangeFuture<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'a>>;

impl<E: HttpExchange> DynHttpExchange for E {
    fn exchange_dyn(&self, request: Request<Bytes>, limits: Limits) -> ExchangeFuture<'_> {
        Box::pin(self.exchange(request, limits))
    }
}

/// The default [`HttpExchange`], on reqwest.
///
/// Redirects are not followed and nothing is decompressed. The system's proxy is used, but never
/// for loopback hosts, nor for those at which clouds tell a machine who it is (link-local, and AWS's `fd00:ec2::/32`): secrets of a
/// machine must not leave it.
///
/// A client is built when a host of its kind is first met, so that a Passport on plain loopback needs no root
/// certificates on the machine.
pub struct HttpTransport {
    settings: Box<dyn Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync>,
    remote: OnceLock<reqwest::Client>,
    loopback_tls: OnceLock<reqwest::Client>,
    loopback_plain: OnceLock<reqwest::Client>,
}

impl HttpTransport {
    /// With reqwest's defaults for TLS and connections.
    #[must_use]
    pub fn new() -> Self {
        Self::configured(|builder| builder)
    }

    /// With settings of your own, such as a private root certificate or a proxy. The rules of [`HttpTransport`] are
    /// applied after them and cannot be undone.
    #[must_use]
    pub fn configured(
        settings: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + Sync + 'static,
    ) -> Self {
        Self {
            settings: Box::new(settings),
            remote: OnceLock::new(),
            loopback_tls: OnceLock::new(),
            loopback_plain: OnceLock::new(),
        }
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, TransportError> {
        let settings = || (self.settings)(reqwest::Client::builder());
        match (stays_here(url), url.scheme()) {
            (false, _) => built(&self.remote, settings),
            (true, "https") => built(&self.loopback_tls, || settings().no_proxy()),
            (true, _) => built(&self.loopback_plain, || settings().no_proxy().tls_certs_only([])),
        }
    }
}

/// Whether no proxy could reach it: this machine, or what a cloud gives each of its machines for itself.
fn stays_here(url: &Url) -> bool {
    let is_of_the_machine = match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        Some(Host::Ipv6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.is_link_local() || address.is_loopback(),
            // The last are AWS's.
            None => address.is_unicast_link_local() || address.segments()[..2] == [0xfd00, 0x0ec2],
        },
        _ => false,
    };
    is_of_the_machine || Origin::of(url).is_ok_and(|origin| origin.is_loopback())
}

/// The client of `cell`. A failure to build it is not kept: root certificates may be mounted late.
fn built(
    cell: &OnceLock<reqwest::Client>,
    settings: impl Fn() -> reqwest::ClientBuilder,
) -> Result<&reqwest::Client, TransportError> {
    match cell.get() {
        Some(client) => Ok(client),
        None => build(settings()).map(|client| cell.get_or_init(|| client)),
    }
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, TransportError> {
    builder
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .build()
        .map_err(|error| TransportError::from_reqwest(TransportErrorKind::Setup, error))
}

impl fmt::Debug for HttpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTransport").finish_non_exhaustive()
    }
}

impl Default for HttpTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpExchange for HttpTransport {
    async fn exchange(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, TransportError> {
        let request = reqwest::Request::try_from(request)
            .map_err(|error| TransportError::from_reqwest(TransportErrorKind::Setup, error))?;
        let mut response = self.client_for(request.url())?.execute(request).await.map_err(classified)?;

        let announced = response.content_length().unwrap_or(0);
        if announced > limits.max_body as u64 {
            return Err(TransportError::new(TransportErrorKind::TooLarge));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(classified)? {
            if body.len() + chunk.len() > limits.max_body {
                return Err(TransportError::new(TransportErrorKind::TooLarge));
            }
            body.extend_from_slice(&chunk);
        }

        let mut complete = Response::new(body.freeze());
        *complete.status_mut() = response.status();
        *complete.headers_mut() = std::mem::take(response.headers_mut());
        Ok(complete)
    }
}

fn classified(error: reqwest::Error) -> TransportError {
    let kind = if error.is_timeout() {
        TransportErrorKind::Timeout
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else {
        TransportErrorKind::Broken
    };
    TransportError::from_reqwest(kind, error)
}

/// An exchange that gave no complete response.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind}")]
pub struct TransportError {
    kind: TransportErrorKind,
    #[source]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What went wrong on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The connection or the response broke off.
    #[error("the connection broke off before the response was complete")]
    Broken,
    /// No connection: refused, unreachable, unknown host, TLS failure.
    #[error("no connection could be made")]
    Connect,
    /// The HTTP client could not be built, or the request is not one it can send.
    #[error("the HTTP client could not be set up")]
    Setup,
    /// Not done within [`Limits::timeout`].
    #[error("no complete response within the time limit")]
    Timeout,
    /// More than [`Limits::max_body`].
    #[error("the response is larger than allowed")]
    TooLarge,
}

impl TransportError {
    /// An error of `kind`.
    #[must_use]
    pub fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// The same, with what caused it. Mind that the cause is printed: it must not hold a secret.
    #[must_use]
    pub fn caused_by(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..self }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }

    /// The URL is taken off: it adds nothing (the caller knows it), and a query may hold what is nobody's business.
    fn from_reqwest(kind: TransportErrorKind, error: reqwest::Error) -> Self {
        Self::new(kind).caused_by(error.without_url())
    }
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
