use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, uri::InvalidUri};
use url::Url;

use super::error::{TransportError, TransportErrorKind};

/// How long an exchange may take and how much it may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the first byte sent to the last byte read.
    pub timeout: Duration,
    /// The largest response body, in bytes.
    pub max_body: usize,
}

/// Marks a request, in its extensions, that may be sent twice although its method is not safe: a
/// `POST` that reads, for example.
///
/// [`HttpTransport`](super::HttpTransport) sends it a second time, on another connection, when it has
/// no response for long.
#[derive(Clone, Copy, Debug)]
pub struct Repeatable;

/// Sends one request and reads its whole response.
///
/// Implement it to bring an HTTP stack of your own; [`HttpTransport`](super::HttpTransport) is the
/// default. An implementation must not follow redirects, and must fail rather than return more than
/// [`Limits::max_body`] bytes.
pub trait HttpExchange: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` and reads its response within `limits`. A status of any kind is a success
    /// here.
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
pub struct Transport(pub(super) Arc<dyn DynHttpExchange>);

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

    /// See [`HttpExchange::exchange`]. The limits are kept here too, whatever the implementation
    /// does.
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
    let uri = url
        .as_str()
        .parse()
        .map_err(|error: InvalidUri| TransportError::new(TransportErrorKind::Setup).caused_by(error))?;
    let mut request = Request::new(body);
    *request.uri_mut() = uri;
    Ok(request)
}

/// The object-safe twin of [`HttpExchange`].
pub(super) trait DynHttpExchange: fmt::Debug + Send + Sync {
    fn exchange_dyn(&self, request: Request<Bytes>, limits: Limits) -> ExchangeFuture<'_>;
}

pub(super) type ExchangeFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'a>>;

impl<E: HttpExchange> DynHttpExchange for E {
    fn exchange_dyn(&self, request: Request<Bytes>, limits: Limits) -> ExchangeFuture<'_> {
        Box::pin(self.exchange(request, limits))
    }
}
