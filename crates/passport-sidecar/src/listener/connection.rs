//! Serves the HTTP requests of one connection, and decides when the connection is closed.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderValue, Version, header};
use http_body::Body as _;
use hyper::{
    body::Incoming,
    service::{Service as HyperService, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use super::{
    io_timeout::TimeoutStream,
    usage::{ConnectionUsage, TrackedBody},
};
use crate::{
    limits::{ClientConnection, Limits, TcpConnection},
    metrics::TARGET,
};

/// The limit on requests in flight on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// The delay before each step of closing a connection. During the delay the client can read its
/// last response, or close the connection first.
pub(super) const CLOSE_DELAY: Duration = Duration::from_millis(200);

/// An accepted connection, with its limits and the cancellation tokens that end the connection.
pub(super) struct AcceptedConnection {
    pub(super) client: ClientConnection,
    pub(super) limits: Limits,
    /// Canceled when the shutdown begins. HTTP/1 responses then have the header `Connection:
    /// close`, so that the client sends its next request on another connection.
    pub(super) stop: CancellationToken,
    /// Canceled when clients have had time during the shutdown to close the connection. No further
    /// request is accepted on the connection then.
    pub(super) last_request: CancellationToken,
}

impl AcceptedConnection {
    /// Serves HTTP/1 or HTTP/2 requests until one of these events:
    /// - the client closes the connection;
    /// - the connection is idle for too long;
    /// - a caller that uses the connection has too many connections;
    /// - the listener shuts down.
    pub(super) fn serve<S>(
        self,
        service: S,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static
    where
        S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    {
        let usage = ConnectionUsage::new();
        let rejected = self.client.tcp().map(TcpConnection::rejected).cloned().unwrap_or_default();
        let idle = self.limits.idle_timeout();
        let io = TokioIo::new(TimeoutStream::new(stream, self.limits.head_timeout(), idle));
        let service = http_service(service, self.client, usage.clone(), self.stop);
        let connection = protocol(&self.limits).serve_connection(io, service).into_owned();
        let last_request = self.last_request;
        async move {
            let mut connection = pin!(connection);
            let ends = async {
                tokio::select! {
                    _ = last_request.run_until_cancelled(usage.idle_for(idle)) => {}
                    // The delay comes first, because some clients ignore a response that arrives
                    // after a GOAWAY.
                    () = async { rejected.cancelled().await; sleep(CLOSE_DELAY).await } => {}
                }
            };
            let outcome = tokio::select! {
                outcome = connection.as_mut() => outcome,
                () = ends => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        outcome = connection => outcome,
                        // hyper has no timeout for an HTTP/2 client that stops reading.
                        () = async { sleep(CLOSE_DELAY).await; usage.idle_for(idle).await } => Ok(()),
                    }
                }
            };
            // Not a warning, because clients cause most of these errors.
            if let Err(error) = outcome {
                tracing::debug!(target: TARGET, error, "connection error");
            }
        }
    }
}

fn protocol(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout())
        .max_buf_size(limits.max_head_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.max_head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(limits.stream_window())
        .initial_connection_window_size(limits.connection_window())
        .max_send_buf_size(limits.stream_bytes())
        .keep_alive_interval(Some(limits.head_timeout()))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// Boxes the body of a request. An empty body needs no memory.
fn boxed(body: Incoming) -> Body {
    if body.is_end_stream() { Body::empty() } else { Body::new(body) }
}

/// Creates the service of one connection. The service adds `client` to each request, and tracks
/// in `usage` whether a request is in flight.
fn http_service<S>(
    service: S,
    client: ClientConnection,
    usage: ConnectionUsage,
    stop: CancellationToken,
) -> impl HyperService<
    http::Request<Incoming>,
    Response = http::Response<TrackedBody>,
    Error = Infallible,
    Future: Send,
>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send,
{
    // Not cloned for each request, because the clones of a cancellation token share a lock.
    let stop = Arc::new(stop);
    service_fn(move |request: http::Request<Incoming>| {
        let (usage, stop, client) = (usage.clone(), Arc::clone(&stop), client.clone());
        let active = usage.begin();
        let is_http1 = request.version() < Version::HTTP_2;
        let mut request = request.map(boxed);
        request.extensions_mut().insert(client.clone());
        let response = service.clone().oneshot(request);
        async move {
            let mut response = response.await?;
            let is_rejected = client.tcp().is_some_and(|tcp| tcp.rejected().is_cancelled());
            if is_http1 && (is_rejected || stop.is_cancelled()) {
                // Without this header, the client could send the next request while the connection
                // is being closed.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            drop(active);
            Ok(response.map(|body| TrackedBody::new(body, usage)))
        }
    })
}
