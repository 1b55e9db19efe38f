//! Requests of the dev Passport to receivers of events and of logout tokens.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, header};
use passport_core::{ResponseLimits, Transport, TransportError};

/// The limits of one request to a receiver.
const LIMITS: ResponseLimits = ResponseLimits { timeout: Duration::from_secs(5), max_body: 64 * 1024 };

/// Sends one `POST` request, without a retry. Returns the response with any status.
///
/// # Errors
/// When there is no complete response within 5 s, or the response has more than 64 KiB.
pub(crate) async fn post(
    transport: &Transport,
    uri: &Uri,
    content_type: &'static str,
    body: String,
) -> Result<Response<Bytes>, TransportError> {
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    transport.send(request, LIMITS).await
}
