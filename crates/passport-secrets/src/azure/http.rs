//! Sends the SDK's requests by the project's own transport: one set of roots, proxies and limits.

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

/// Returns options for a client of the SDK that does not retry: the caller has a deadline, and the
/// cache around the provider decides when to retry.
pub(super) fn without_retry(transport: &passport_core::Transport) -> ClientOptions {
    let client = AzureHttpClient {
        transport: transport.clone(),
        limits: LIMITS,
        last_failure: LastFailure::default(),
    };
    ClientOptions { retry: RetryOptions::none(), ..client.options() }
}

/// Options for a client of the SDK that repeats failed requests, as its service wants it, and notes
/// the last failure.
pub(crate) fn retrying(transport: &passport_core::Transport, last_failure: &LastFailure) -> ClientOptions {
    let limits = ResponseLimits { timeout: MAX_TOKEN_REQUEST, ..LIMITS };
    AzureHttpClient { transport: transport.clone(), limits, last_failure: last_failure.clone() }.options()
}

/// Less than a token may take in all, so that the failure is noted before that time ends.
const MAX_TOKEN_REQUEST: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct AzureHttpClient {
    transport: passport_core::Transport,
    limits: ResponseLimits,
    last_failure: LastFailure,
}

impl AzureHttpClient {
    fn options(self) -> ClientOptions {
        let transport = Some(Transport::new(std::sync::Arc::new(self)));
        ClientOptions { transport, ..ClientOptions::default() }
    }
}

#[async_trait::async_trait]
impl HttpClient for AzureHttpClient {
    async fn execute_request(&self, request: &Request) -> Result<AsyncRawResponse> {
        let Body::Bytes(body) = request.body() else {
            return Err(Error::with_message(ErrorKind::Other, "streams are not sent"));
        };
        let host = request.url().host_str().unwrap_or_default();
        let outcome = send(&self.transport, converted(request, body.clone())?, self.limits).await;
        self.last_failure.note(host, &outcome);
        let response = outcome.map_err(failed)?;
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

fn converted(request: &Request, body: Bytes) -> Result<http::Request<Bytes>> {
    let mut converted = request_to(request.url(), body).map_err(failed)?;
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
    // All that the SDK asks for is read, a token included.
    converted.extensions_mut().insert(Idempotent);
    Ok(converted)
}

/// The SDK sends a request again after an error of the kinds for connections and I/O, and after no
/// other.
fn failed(error: TransportError) -> Error {
    let kind = match error.kind() {
        _ if !error.is_transient() => ErrorKind::Other,
        TransportErrorKind::Connect => ErrorKind::Connection,
        _ => ErrorKind::Io,
    };
    Error::new(kind, error)
}
