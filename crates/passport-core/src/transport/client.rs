use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, uri::InvalidUri};
use url::Url;

use super::error::{TransportError, TransportErrorKind};

/// The limits of one request: its duration, and the size of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseLimits {
    /// The maximum time from sending the request to the end of the response body.
    pub timeout: Duration,
    /// The maximum size of the response body, in bytes.
    pub max_body: usize,
}

/// A request extension that marks a request as idempotent although its method is not safe, for
/// example a `POST` that only reads.
///
/// [`ReqwestHttpClient`](super::ReqwestHttpClient) sends such a request a second time, on
/// another connection, if there is no response after 40 % of its time limit.
#[derive(Clone, Copy, Debug)]
pub struct Idempotent;

/// An HTTP client that sends one request and reads the whole response.
///
/// The default is [`ReqwestHttpClient`](super::ReqwestHttpClient). Implement this trait to use
/// another HTTP library. An implementation must not follow redirects, and must return an error
/// if the body is larger than [`ResponseLimits::max_body`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as the HTTP client of a `Transport`",
    label = "expected `ReqwestHttpClient` or a type that implements `HttpClient`",
    note = "to configure reqwest, use `ReqwestHttpClient::configured`"
)]
pub trait HttpClient: fmt::Debug + Send + Sync + 'static {
    /// Sends `request` and reads its response within `limits`. A response with any status is `Ok`.
    ///
    /// # Errors
    /// When no complete response was received within `limits`.
    fn send(
        &self,
        request: Request<Bytes>,
        limits: ResponseLimits,
    ) -> impl Future<Output = Result<Response<Bytes>, TransportError>> + Send;
}

/// A handle to a shared [`HttpClient`], which enforces the [`ResponseLimits`] of each request.
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Transport(pub(super) Arc<dyn DynHttpClient>);

impl Transport {
    /// Creates a transport that sends requests through `client`.
    #[must_use]
    pub fn new(client: impl HttpClient) -> Self {
        Self(Arc::new(client))
    }

    /// Returns whether `self` and `other` are clones of one transport.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Sends a `GET` request to `url`. See [`Transport::send`].
    ///
    /// # Errors
    /// When no complete response was received within `limits`, or the URL cannot be used in HTTP.
    pub async fn get(&self, url: &Url, limits: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        self.send(request_to(url, Bytes::new())?, limits).await
    }

    /// Sends `request` and reads its response within `limits`, even if the [`HttpClient`] does not
    /// enforce them. See [`HttpClient::send`].
    ///
    /// # Errors
    /// When no complete response was received within `limits`.
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

/// Creates a request to `url` with `body`. The method of the returned request is `GET`.
///
/// # Errors
/// When the URL cannot be used in an HTTP request.
pub fn request_to(url: &Url, body: Bytes) -> Result<Request<Bytes>, TransportError> {
    let uri = url
        .as_str()
        .parse()
        .map_err(|error: InvalidUri| TransportError::new(TransportErrorKind::Setup).with_source(error))?;
    let mut request = Request::new(body);
    *request.uri_mut() = uri;
    Ok(request)
}

/// The object-safe form of [`HttpClient`].
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
