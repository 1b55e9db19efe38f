//! Pools of connections to an upstream, one pool for each caller.

use std::{
    collections::BTreeMap,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use hyper::client::conn::TrySendError;
use passport_core::with_causes;
use tokio::{
    sync,
    time::{Instant, sleep},
};
use tower::{BoxError, Service};

use super::{
    connection_retry::RetryableRequest,
    connector::{Connector, Http2Sender, UpstreamConnection},
    http1_connection::Http1Connection,
    request_body::RequestBody,
    response_body::ResponseBody,
    send_error::SendError,
};

/// How long a connection is kept without a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The interval at which connections are removed from a pool if they have been idle for too
/// long, or if the upstream has closed them.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The name of the caller that sent a request. It is an extension of the request, and selects
/// the connection pool.
#[derive(Clone, Debug)]
pub(super) struct CallerName(pub(super) Arc<str>);

/// Sends requests to one upstream, on connections from a separate pool for each caller. With
/// shared connections, a caller that stops reading would delay the other callers, because the
/// streams of an HTTP/2 connection share one flow-control window.
#[derive(Clone)]
pub(super) struct CallerPools {
    pools: Arc<Mutex<BTreeMap<Arc<str>, Arc<Pool>>>>,
    connector: Arc<Connector>,
    idle_connections: usize,
}

impl CallerPools {
    /// Creates the pools. Each pool keeps at most `idle_connections` idle connections.
    pub(super) fn new(connector: Connector, idle_connections: usize) -> Self {
        Self { pools: Arc::default(), connector: Arc::new(connector), idle_connections }
    }

    /// Returns the pool of `caller`. Creates the pool for the first request of the caller.
    fn pool(&self, caller: Arc<str>) -> Arc<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Pool::new(Arc::clone(&self.connector), self.idle_connections));
        Arc::clone(pools.entry(caller).or_insert_with(new))
    }
}

/// The error of a request that got no response. It contains the request if nothing of it was
/// sent.
type Unsent = TrySendError<Request<RequestBody>>;

type ResponseFuture = Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, SendError>> + Send>>;

impl Service<Request<RequestBody>> for CallerPools {
    type Response = Response<ResponseBody>;
    type Error = SendError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<RequestBody>) -> ResponseFuture {
        let caller =
            request.extensions().get().map_or_else(|| Arc::from(""), |CallerName(name)| Arc::clone(name));
        Box::pin(self.pool(caller).send(request))
    }
}

/// The connections of one caller to one upstream.
pub(super) struct Pool {
    connector: Arc<Connector>,
    idle_connections: usize,
    connections: Mutex<Connections>,
    /// Locked while an HTTP/2 connection is established, so that concurrent requests share it.
    /// Contains the last failed attempt.
    connecting: Arc<sync::Mutex<Option<FailedConnect>>>,
}

/// A failed attempt to establish an HTTP/2 connection.
struct FailedConnect {
    ended: Instant,
    error: String,
}

#[derive(Default)]
struct Connections {
    /// HTTP/1 connections without a request. The last one has been idle for the shortest time.
    idle: Vec<(Box<Http1Connection>, Instant)>,
    /// The HTTP/2 connection that requests share, and when it was last used.
    shared: Option<(Http2Sender, Instant)>,
    /// Whether a task removes connections that cannot be used any more.
    is_swept: bool,
}

impl Pool {
    fn new(connector: Arc<Connector>, idle_connections: usize) -> Self {
        Self { connector, idle_connections, connections: Mutex::default(), connecting: Arc::default() }
    }

    /// Sends `request`. If the upstream has closed a connection of the pool, sends the request on
    /// another one. Such a request is sent a second time only if [`RetryableRequest::after`] allows
    /// it.
    async fn send(
        self: Arc<Self>,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, SendError> {
        let retry = RetryableRequest::of(&request);
        let (failed, is_reused) = loop {
            let (connection, is_reused) = self.connection().await.map_err(SendError::Connect)?;
            let mut failed = match self.send_on(connection, request).await {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            match failed.take_message().filter(|_| is_reused) {
                // The connection was closed before anything of the request was sent.
                Some(unsent) => request = self.connector.with_absolute_uri(unsent),
                None => break (SendError::Request(failed.into_error()), is_reused),
            }
        };
        match retry.filter(|_| is_reused).and_then(|retry| retry.after(&failed)) {
            Some(request) => Box::pin(self.send_on_new_connection(request)).await,
            None => Err(failed),
        }
    }

    /// Sends `request` on a new connection, because other connections of the pool could have been
    /// closed at the same time as the one that it failed on.
    async fn send_on_new_connection(
        self: Arc<Self>,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, SendError> {
        let connection = self.connect().await.map_err(SendError::Connect)?;
        let sent = self.send_on(connection, request).await;
        sent.map_err(|failed| SendError::Request(failed.into_error()))
    }

    /// Returns a connection, and whether another request has opened it.
    async fn connection(self: &Arc<Self>) -> Result<(UpstreamConnection, bool), BoxError> {
        match self.take() {
            Some(connection) => Ok((connection, true)),
            // Boxed, because this is rare and would enlarge the future of each request.
            None => Box::pin(self.open()).await,
        }
    }

    async fn open(self: &Arc<Self>) -> Result<(UpstreamConnection, bool), BoxError> {
        if !self.connector.is_http2 {
            return Ok((self.connect().await?, false));
        }
        let began = Instant::now();
        let mut connecting = Arc::clone(&self.connecting).lock_owned().await;
        if let Some(connection) = self.take() {
            return Ok((connection, true));
        }
        // Another attempt would keep the requests that wait for longer than the connect timeout.
        if let Some(failed) = connecting.as_ref().filter(|failed| failed.ended >= began) {
            return Err(failed.error.clone().into());
        }
        // In a task of its own, so that the next request can use the connection even if the client
        // of this one goes away.
        let pool = Arc::clone(self);
        let attempt = tokio::spawn(async move {
            let connected = pool.connect().await;
            let failed =
                |error: &BoxError| FailedConnect { ended: Instant::now(), error: with_causes(&**error) };
            *connecting = connected.as_ref().err().map(failed);
            connected
        });
        Ok((attempt.await??, false))
    }

    async fn connect(self: &Arc<Self>) -> Result<UpstreamConnection, BoxError> {
        let connection = self.connector.connect().await?;
        if let UpstreamConnection::Http2(sender) = &connection {
            let mut connections = self.connections();
            connections.shared = Some((sender.clone(), Instant::now()));
            self.sweep_later(&mut connections);
        }
        Ok(connection)
    }

    async fn send_on(
        self: &Arc<Self>,
        connection: UpstreamConnection,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, Unsent> {
        let mut connection = match connection {
            UpstreamConnection::Http2(mut sender) => {
                return Ok(sender.try_send_request(request).await?.map(ResponseBody::of_task));
            }
            UpstreamConnection::Http1(connection) => connection,
        };
        let has_body = !request.body().is_end_stream();
        let response = connection.send(self.connector.with_host(request)).await?;
        if has_body && !connection.is_ready() {
            // An upload must not wait for a client that does not read the response.
            tokio::spawn(Arc::clone(self).finish(connection));
            return Ok(response.map(ResponseBody::of_task));
        }
        Ok(response.map(|body| ResponseBody::of_connection(body, connection, Arc::clone(self))))
    }

    async fn finish(self: Arc<Self>, mut connection: Box<Http1Connection>) {
        connection.finish().await;
        self.put(connection);
    }

    /// Takes a connection that can be used again.
    fn take(&self) -> Option<UpstreamConnection> {
        let mut connections = self.connections();
        if let Some((sender, used)) = &mut connections.shared
            && !sender.is_closed()
        {
            *used = Instant::now();
            return Some(UpstreamConnection::Http2(sender.clone()));
        }
        connections.idle.pop().map(|(connection, _)| UpstreamConnection::Http1(connection))
    }

    /// Keeps `connection` for a further request. Closes it if it can take no further request, or if
    /// the pool is full.
    pub(super) fn put(self: &Arc<Self>, connection: Box<Http1Connection>) {
        let mut connections = self.connections();
        if connection.is_ready() && connections.idle.len() < self.idle_connections {
            connections.idle.push((connection, Instant::now()));
            self.sweep_later(&mut connections);
        }
    }

    fn sweep_later(self: &Arc<Self>, connections: &mut Connections) {
        if !mem::replace(&mut connections.is_swept, true) {
            tokio::spawn(Self::sweep(Arc::downgrade(self)));
        }
    }

    async fn sweep(pool: Weak<Self>) {
        loop {
            sleep(SWEEP_INTERVAL).await;
            if pool.upgrade().is_none_or(|pool| pool.connections().remove_unusable()) {
                return;
            }
        }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    /// Removes connections that are closed or have been idle for too long. Returns whether no
    /// connection is left.
    fn remove_unusable(&mut self) -> bool {
        let is_recent = |used: Instant| used.elapsed() < IDLE_TIMEOUT;
        self.idle.retain_mut(|(connection, used)| is_recent(*used) && !connection.is_closed());
        self.shared.take_if(|(sender, used)| !is_recent(*used) || sender.is_closed());
        self.is_swept = !self.idle.is_empty() || self.shared.is_some();
        !self.is_swept
    }
}
