//! Sends the SDK's requests by the project's own transport: one set of roots, proxies and limits.

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

/// For Secrets Manager.
pub(super) fn client(transport: &Transport) -> SharedHttpClient {
    http_client(transport.clone(), LIMITS, LastFailure::default())
}

/// For the services that say who this program is. Notes their last failure, before the SDK's limit
/// of 5 s for credentials ends without a cause.
pub(super) fn identity_client(transport: &Transport, last_failure: &LastFailure) -> SharedHttpClient {
    http_client(
        transport.clone(),
        ResponseLimits { timeout: MAX_IDENTITY_REQUEST, ..LIMITS },
        last_failure.clone(),
    )
}

const MAX_IDENTITY_REQUEST: Duration = Duration::from_secs(4);

fn http_client(transport: Transport, limits: ResponseLimits, last_failure: LastFailure) -> SharedHttpClient {
    http_client_fn(move |settings, _| {
        // A metadata service answers within a second, or does not exist.
        let wanted = settings.connect_timeout().zip(settings.read_timeout());
        let timeout = wanted.map_or(limits.timeout, |(connect, read)| limits.timeout.min(connect + read));
        let limits = ResponseLimits { timeout, ..limits };
        SharedHttpConnector::new(TransportConnector {
            transport: transport.clone(),
            limits,
            last_failure: last_failure.clone(),
        })
    })
}

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
            let mut request = converted(request).map_err(ConnectorError::user)?;
            // All that the SDK asks for is read, a token included.
            request.extensions_mut().insert(Idempotent);
            let host = request.uri().host().unwrap_or_default().to_owned();
            let outcome = send(&transport, request, limits).await;
            last_failure.note(&host, &outcome);
            let response = outcome.map_err(failed)?;
            // Not as bytes, though they are: those the SDK logs.
            let response = response.map(|body| SdkBody::from_body_1_x(Full::new(body)));
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn converted(request: HttpRequest) -> Result<http::Request<Bytes>, BoxError> {
    let (parts, body) = request.try_into_http1x()?.into_parts();
    let body = body.bytes().map(Bytes::copy_from_slice).ok_or("streams are not sent")?;
    Ok(http::Request::from_parts(parts, body))
}

/// The SDK sends a request again after a timeout or an I/O error, and after no other.
fn failed(error: TransportError) -> ConnectorError {
    match error.kind() {
        _ if !error.is_transient() => ConnectorError::other(error.into(), None),
        TransportErrorKind::Timeout => ConnectorError::timeout(error.into()),
        _ => ConnectorError::io(error.into()),
    }
}
