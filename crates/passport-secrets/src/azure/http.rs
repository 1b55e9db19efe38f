//! Sends the requests of the SDK through a [`Transport`](passport_core::Transport), so that
//! these requests use the same root certificates, proxies and limits as all other requests.

use std::time::Duration;

use azure_core::{
    Error, Result,
    error::ErrorKind,
    http::{
        AsyncRawResponse, Body, ClientOptions, HttpClient, Request, RetryOptions, Transport, headers::Headers,
    },
};
use bytes::Bytes;
use passport_core::{Idempotent, ResponseLimits, TransportError, TransportErrorKind, request_to};

use crate::{deadline::send, last_failure::LastFailure, sanitize::LIMITS};

/// Returns options for a client of Key Vault that never retries. Retries are not needed: each
/// read has a deadline, and [`CachedSecrets`](crate::CachedSecrets) around the provider retries
/// later.
pub(super) fn without_retry(transport: &passport_core::Transport) -> ClientOptions {
    let client = AzureHttpClient {
        transport: transport.clone(),
        limits: LIMITS,
        last_failure: LastFailure::default(),
    };
    ClientOptions { retry: RetryOptions::none(), ..client.options() }
}

/// Returns options for a credential with the SDK's own retries. Microsoft requires clients of
/// the managed identity endpoint to retry. The last failed request is stored in `last_failure`.
pub(crate) fn retrying(transport: &passport_core::Transport, last_failure: &LastFailure) -> ClientOptions {
    let limits = ResponseLimits { timeout: MAX_TOKEN_REQUEST, ..LIMITS };
    AzureHttpClient { transport: transport.clone(), limits, last_failure: last_failure.clone() }.options()
}

/// The time limit of one HTTP request for a token, without retries. It is shorter than the limit
/// of 7 s for a token request including its retries, so that the failure of an HTTP request is
/// stored before the credential stops retrying.
const MAX_TOKEN_REQUEST: Duration = Duration::from_secs(5);

/// An HTTP client that sends each request of the SDK through a transport, and stores a failed
/// request in `last_failure`.
#[derive(Debug)]
struct AzureHttpClient {
    transport: passport_core::Transport,
    limits: ResponseLimits,
    last_failure: LastFailure,
}

impl AzureHttpClient {
    /// Returns options for a client of the SDK that sends its requests through this client.
    fn options(self) -> ClientOptions {
        let transport = Some(Transport::new(std::sync::Arc::new(self)));
        ClientOptions { transport, ..ClientOptions::default() }
    }
}

#[async_trait::async_trait]
impl HttpClient for AzureHttpClient {
    async fn execute_request(&self, request: &Request) -> Result<AsyncRawResponse> {
        let Body::Bytes(body) = request.body() else {
            return Err(Error::with_message(ErrorKind::Other, "request bodies must not be streams"));
        };
        let host = request.url().host_str().unwrap_or_default();
        let outcome = send(&self.transport, convert_request(request, body.clone())?, self.limits).await;
        self.last_failure.record(host, &outcome);
        let response = outcome.map_err(sdk_error)?;
        let mut headers = Headers::new();
        for (name, value) in response.headers() {
            if let Ok(value) = value.to_str() {
                headers.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        let status = response.status().as_u16().into();
        Ok(AsyncRawResponse::from_bytes(status, headers, response.into_body()))
    }
}

/// Converts a request of the SDK into a request for a transport. Marks the `Authorization`
/// header as sensitive.
fn convert_request(request: &Request, body: Bytes) -> Result<http::Request<Bytes>> {
    let mut converted = request_to(request.url(), body).map_err(sdk_error)?;
    let method = http::Method::from_bytes(request.method().as_ref().as_bytes());
    *converted.method_mut() = method.map_err(|error| Error::new(ErrorKind::DataConversion, error))?;
    for (name, value) in request.headers().iter() {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes())
            .map_err(|error| Error::new(ErrorKind::DataConversion, error))?;
        let mut value = http::HeaderValue::from_str(value.as_str())
            .map_err(|error| Error::new(ErrorKind::DataConversion, error))?;
        value.set_sensitive(name == http::header::AUTHORIZATION);
        converted.headers_mut().append(name, value);
    }
    // The SDK sends only requests that read, so the transport is allowed to retry them.
    converted.extensions_mut().insert(Idempotent);
    Ok(converted)
}

/// Converts a transport error into the SDK's error type. The kind of the returned error
/// determines retries: the SDK retries only after errors of the kinds `Connection` and `Io`.
fn sdk_error(error: TransportError) -> Error {
    let kind = match error.kind() {
        _ if !error.is_transient() => ErrorKind::Other,
        TransportErrorKind::Connect => ErrorKind::Connection,
        _ => ErrorKind::Io,
    };
    Error::new(kind, error)
}
