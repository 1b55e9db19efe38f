//! Pools of connections to an upstream, one pool for each caller.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{
    client::legacy::{self, Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower::{Service, ServiceExt, util::MapResponse};

use super::{
    connection_history::{ConnectionHistory, TrackedConnection},
    connection_retry::RetryableRequest,
    request_body::RequestBody,
};
use crate::limits::Limits;

/// The time limit for two waits:
/// - for a connection to an upstream. After this time the request fails;
/// - for the response of an upstream to an HTTP/2 ping. After this time the connection is
///   closed.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

type UpstreamStream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Connector =
    MapResponse<HttpsConnector<HttpConnector>, fn(UpstreamStream) -> TrackedConnection<UpstreamStream>>;
type Http = Client<Connector, RequestBody>;

/// The name of the caller that sent a request. It is an extension of the request, and selects
/// the connection pool.
#[derive(Clone, Debug)]
pub(super) struct CallerName(pub(super) Arc<str>);

/// Sends requests to one upstream, on connections from a separate pool for each caller. With
/// shared connections, a caller that stops reading would delay the other callers, because the
/// streams of an HTTP/2 connection share one flow-control window.
#[derive(Clone)]
pub(super) struct CallerPools {
    pools: Arc<Mutex<HashMap<Arc<str>, Http>>>,
    settings: Arc<PoolSettings>,
}

struct PoolSettings {
    tls: ClientConfig,
    http2: bool,
    limits: Limits,
    idle_connections: usize,
}

impl CallerPools {
    /// Creates the pools. Each pool keeps at most `idle_connections` idle connections.
    pub(super) fn new(tls: ClientConfig, http2: bool, limits: Limits, idle_connections: usize) -> Self {
        let settings = PoolSettings { tls, http2, limits, idle_connections };
        Self { pools: Arc::default(), settings: Arc::new(settings) }
    }

    /// Returns the pool of `caller`. Creates the pool for the first request of the caller.
    fn pool(&self, caller: Arc<str>) -> Http {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.entry(caller).or_insert_with(|| self.settings.client(self.settings.idle_connections)).clone()
    }
}

impl PoolSettings {
    fn client(&self, idle_connections: usize) -> Http {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new().with_tls_config(self.tls.clone());
        let connector = connector.https_or_http().enable_all_versions().wrap_connector(tcp);
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(idle_connections)
            .http2_only(self.http2)
            // Detects a dead connection by pings, before the next request needs it.
            .http2_keep_alive_interval(Duration::from_secs(20))
            .http2_keep_alive_timeout(CONNECT_TIMEOUT)
            .http1_max_buf_size(self.limits.stream_bytes())
            .http2_max_send_buf_size(self.limits.stream_bytes())
            .http2_initial_stream_window_size(self.limits.stream_window())
            // The window has room for all streams of a caller, so that an unread stream does not
            // delay the other streams.
            .http2_initial_connection_window_size(self.limits.upstream_window());
        let tracked: fn(UpstreamStream) -> TrackedConnection<UpstreamStream> = TrackedConnection::new;
        builder.build(connector.map_response(tracked))
    }
}

type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<Incoming>, legacy::Error>> + Send>>;

impl Service<Request<RequestBody>> for CallerPools {
    type Response = Response<Incoming>;
    type Error = legacy::Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), legacy::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> ResponseFuture {
        let caller =
            request.extensions().get().map_or_else(|| Arc::from(""), |CallerName(name)| Arc::clone(name));
        let (retry, settings) = (RetryableRequest::of(&request), Arc::clone(&self.settings));
        let sent = self.pool(caller).request(request);
        Box::pin(async move {
            let error = match sent.await {
                Ok(response) => {
                    response.extensions().get().into_iter().for_each(ConnectionHistory::note_response);
                    return Ok(response);
                }
                Err(error) => error,
            };
            match retry.and_then(|retry| retry.after(&error)) {
                // The retry uses a new connection outside the pool, because other connections of
                // the pool could have been closed at the same time.
                Some(request) => settings.client(0).request(request).await,
                None => Err(error),
            }
        })
    }
}
