//! Sends the requests of the SDK through a [`Transport`], so that these requests use the same
//! root certificates, proxies and limits as all other requests.

use std::time::Duration;

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::Full;
use passport_core::{Idempotent, ResponseLimits, Transport, TransportError, TransportErrorKind};

use crate::{deadline::send, last_failure::LastFailure, sanitize::LIMITS};

/// Returns the HTTP client for Secrets Manager.
pub(super) fn client(transport: &Transport) -> SharedHttpClient {
    http_client(transport.clone(), LIMITS, LastFailure::default())
}

/// Returns the HTTP client for the services that issue AWS credentials (STS, metadata services).
/// The client records the last failed request to these services in `last_failure`, because the
/// SDK's own timeout error after 5 s has no cause.
pub(super) fn identity_client(transport: &Transport, last_failure: &LastFailure) -> SharedHttpClient {
    http_client(
        transport.clone(),
        ResponseLimits { timeout: MAX_IDENTITY_REQUEST, ..LIMITS },
        last_failure.clone(),
    )
}

/// The time limit of one request for credentials. It is shorter than the SDK's limit of 5 s for
/// all requests for credentials together, so that the failure of one request is recorded before
/// the SDK stops retrying.
const MAX_IDENTITY_REQUEST: Duration = Duration::from_secs(4);

/// Returns an HTTP client for the SDK. The client sends requests through `transport` with the
/// limits `limits`. It stores the last failed request in `last_failure`.
fn http_client(transport: Transport, limits: ResponseLimits, last_failure: LastFailure) -> SharedHttpClient {
    http_client_fn(move |settings, _| {
        // The SDK sets short timeouts for a metadata service, because such a service responds
        // within a second or does not exist.
        let requested = settings.connect_timeout().zip(settings.read_timeout());
        let timeout = requested.map_or(limits.timeout, |(connect, read)| limits.timeout.min(connect + read));
        let limits = ResponseLimits { timeout, ..limits };
        SharedHttpConnector::new(TransportConnector {
            transport: transport.clone(),
            limits,
            last_failure: last_failure.clone(),
        })
    })
}

/// An HTTP connector that sends each request of the SDK through a [`Transport`], and records a
/// failed request in `last_failure`.
#[derive(Debug)]
struct TransportConnector {
    transport: Transport,
    limits: ResponseLimits,
    last_failure: LastFailure,
}

impl HttpConnector for TransportConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (transport, limits) = (self.transport.clone(), self.limits);
        let last_failure = self.last_failure.clone();
        HttpConnectorFuture::new(async move {
            let mut request = convert_request(request).map_err(ConnectorError::user)?;
            // The SDK sends only requests that read, so the transport is allowed to retry them.
            request.extensions_mut().insert(Idempotent);
            let host = request.uri().host().unwrap_or_default().to_owned();
            let outcome = send(&transport, request, limits).await;
            last_failure.record(&host, &outcome);
            let response = outcome.map_err(connector_error)?;
            // `SdkBody::from(bytes)` is not used, because the SDK would log the content of such a
            // body, which is a secret.
            let response = response.map(|body| SdkBody::from_body_1_x(Full::new(body)));
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Converts a request of the SDK into a request for a [`Transport`].
fn convert_request(request: HttpRequest) -> Result<http::Request<Bytes>, BoxError> {
    let (parts, body) = request.try_into_http1x()?.into_parts();
    let body = body.bytes().map(Bytes::copy_from_slice).ok_or("request bodies must not be streams")?;
    Ok(http::Request::from_parts(parts, body))
}

/// Converts a transport error into the SDK's error type. The kind of the returned error
/// determines retries: the SDK retries a request for credentials only after a timeout or an I/O
/// error.
fn connector_error(error: TransportError) -> ConnectorError {
    match error.kind() {
        _ if !error.is_transient() => ConnectorError::other(error.into(), None),
        TransportErrorKind::Timeout => ConnectorError::timeout(error.into()),
        _ => ConnectorError::io(error.into()),
    }
}
