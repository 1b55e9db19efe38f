use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, uri::InvalidUri};
use url::Url;

use super::error::{TransportError, TransportErrorKind};

/// How long an exchange may take and how much it may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseLimits {
    /// From the first byte sent to the last byte read.
    pub timeout: Duration,
    /// The largest response body, in bytes.
    pub max_body: usize,
}

/// Marks a request, in its extensions, that may be sent twice although its method is not safe: a
/// `POST` that reads, for example.
///
/// [`ReqwestHttpClient`](super::ReqwestHttpClient) sends it a second time, on another connection, when it has
/// no response for long.
#[derive(Clone, Copy, Debug)]
pub struct Idempotent;

/// Sends one request and reads its whole response.
///
/// Implement it to bring an HTTP stack of your own; [`ReqwestHttpClient`](super::ReqwestHttpClient) is the
/// default. An implementation must not follow redirects, and must fail rather than return more than
/// [`ResponseLimits::max_body`] bytes.
pub trait HttpClient: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` and reads its response within `limits`. A status of any kind is a success
    /// here.
    ///
    /// # Errors
    /// When there is no complete response.
    fn send(
        &self,
        request: Request<Bytes>,
        limits: ResponseLimits,
    ) -> impl Future<Output = Result<Response<Bytes>, TransportError>> + Send;
}

/// A handle to an [`HttpClient`]. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Transport(pub(super) Arc<dyn DynHttpClient>);

impl Transport {
    /// A transport that goes through `client`.
    #[must_use]
    pub fn new(client: impl HttpClient) -> Self {
        Self(Arc::new(client))
    }

    /// A `GET` of `url`. See [`Transport::send`].
    ///
    /// # Errors
    /// When there is no complete response within `limits`.
    pub async fn get(&self, url: &Url, limits: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        self.send(request_to(url, Bytes::new())?, limits).await
    }

    /// See [`HttpClient::send`]. The limits are kept here too, whatever the implementation
    /// does.
    ///
    /// # Errors
    /// When there is no complete response within `limits`.
    pub async fn send(
        &self,
        request: Request<Bytes>,
        limits: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        let response = tokio::time::timeout(limits.timeout, self.0.send_dyn(request, limits))
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
        .map_err(|error: InvalidUri| TransportError::new(TransportErrorKind::Setup).with_source(error))?;
    let mut request = Request::new(body);
    *request.uri_mut() = uri;
    Ok(request)
}

/// The object-safe twin of [`HttpClient`].
pub(super) trait DynHttpClient: fmt::Debug + Send + Sync {
    fn send_dyn(&self, request: Request<Bytes>, limits: ResponseLimits) -> SendFuture<'_>;
}

pub(super) type SendFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'a>>;

impl<E: HttpClient> DynHttpClient for E {
    fn send_dyn(&self, request: Request<Bytes>, limits: ResponseLimits) -> SendFuture<'_> {
        Box::pin(self.send(request, limits))
    }
}
