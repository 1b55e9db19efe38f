//! An HTTP server on one listener: accepts connections within limits, and shuts down gracefully.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use axum::{extract::Request, response::Response};
use metrics::{counter, gauge};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep, timeout},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tower::Service;

use super::{
    bind::Listener,
    connection::{AcceptedConnection, CLOSE_DELAY},
    rejection::Rejections,
};
use crate::{
    admission::Admission,
    gauge::GaugeGuard,
    limits::{ClientConnection, Limits, OpenFile, OpenFiles, Share, Shares, TcpConnection, default_share},
    metrics::{CONNECTIONS, CONNECTIONS_FORBIDDEN, CONNECTIONS_REJECTED, TARGET},
    peer::Peer,
};

/// The delay before the next accept after a failed one. Accepting fails if file descriptors or
/// memory are used up. An immediate retry would fail as well.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// How long the shutdown keeps accepting the connections that clients have already opened. The
/// period is limited, because clients can keep opening connections.
const FINAL_ACCEPT_PERIOD: Duration = Duration::from_millis(200);

/// How long the shutdown waits for a further connection. If none arrives in this time, the
/// shutdown closes the listener.
const FINAL_ACCEPT_TIMEOUT: Duration = Duration::from_millis(20);

/// The permits of an accepted connection: one permit of its listener, and one of an open file.
type ConnectionPermits = (Share, OpenFile);

/// Accepts connections at one listener, and serves requests on them. Each listener has separate
/// limits, so that a flood of connections at one listener does not affect another listener.
pub(crate) struct HttpServer<S> {
    name: &'static str,
    service: S,
    limits: Limits,
    admission: Option<Arc<Admission>>,
    shares: Arc<Shares>,
    rejections: Rejections,
    connections: TaskTracker,
    /// Canceled when the shutdown begins. HTTP/1 connections are then closed after their next
    /// response.
    stop: CancellationToken,
    /// Canceled 200 ms after the listener was closed. Connections accept no further requests then.
    last_request: CancellationToken,
    /// Aborts all connections when this token is canceled, which happens when the server is
    /// dropped.
    abort: CancellationToken,
    _abort_on_drop: DropGuard,
}

impl<S> HttpServer<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    /// Creates a server that stops accepting connections when `stop` is canceled. Without
    /// `admission`, connections count neither against the limit of a caller nor against open files.
    pub(crate) fn new(
        name: &'static str,
        service: S,
        limits: Limits,
        admission: Option<Arc<Admission>>,
        stop: CancellationToken,
    ) -> Self {
        let abort = CancellationToken::new();
        Self {
            name,
            service,
            limits,
            shares: Arc::new(Shares::new(limits.max_connections, per_caller(&limits, admission.as_deref()))),
            admission,
            rejections: Rejections::new(),
            connections: TaskTracker::new(),
            stop,
            last_request: CancellationToken::new(),
            _abort_on_drop: abort.clone().drop_guard(),
            abort,
        }
    }

    /// Serves `listener` until the shutdown begins. Then accepts the connections that clients have
    /// already opened, closes the listener, and waits for the requests in flight.
    pub(crate) async fn serve(self, listener: Listener) {
        while let Some(outcome) = self.stop.run_until_cancelled(self.accept(&listener)).await {
            if let Err(error) = outcome {
                tracing::warn!(target: TARGET, %error, "accepting a connection failed, retrying in 100 ms");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
        let end = Instant::now() + FINAL_ACCEPT_PERIOD;
        while Instant::now() < end
            && matches!(timeout(FINAL_ACCEPT_TIMEOUT, self.accept(&listener)).await, Ok(Ok(())))
        {}
        // Clients cannot connect after this.
        drop(listener);
        self.drain().await;
    }

    async fn accept(&self, listener: &Listener) -> io::Result<()> {
        match listener {
            Listener::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let peer = stream.peer_cred()?;
                self.admit(stream, Peer::Unix { uid: peer.uid(), gid: peer.gid() });
            }
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // With a TTL of 1 no response leaves this machine, regardless of the machine's
                // routes.
                stream.set_ttl(1)?;
                stream.set_nodelay(true)?;
                self.admit(stream, Peer::Tcp);
            }
        }
        Ok(())
    }

    fn admit(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
        let caller = match (peer, &self.admission) {
            (Peer::Unix { uid, gid }, Some(admission)) => match admission.callers.name_of_user(uid, gid) {
                Ok(caller) => Some(caller),
                Err(error) => {
                    counter!(CONNECTIONS_FORBIDDEN).increment(1);
                    // The permit is not one of the files that are reserved for rejecting
                    // connections of callers.
                    if let Some(file) = admission.files.take(None) {
                        self.rejections.unknown_user(stream, &error, file);
                    }
                    return;
                }
            },
            _ => None,
        };
        if let Some(permits) = self.take_permits(peer, caller) {
            self.spawn(stream, peer, permits);
        } else {
            counter!(CONNECTIONS_REJECTED, "listener" => self.name).increment(1);
            if let Some(file) = self.file(|files| files.for_rejection(peer, caller)) {
                self.rejections.too_many(stream, file);
            }
        }
    }

    fn take_permits(&self, peer: Peer, caller: Option<&Arc<str>>) -> Option<ConnectionPermits> {
        let file = self.file(|files| files.for_connection(peer, caller))?;
        Some((self.shares.take(caller).ok()?, file))
    }

    /// Takes a file permit with `take`. Returns `None` if `take` gets no permit. Returns an
    /// uncounted permit if the files of this listener do not count against the limit on open files.
    fn file(&self, take: impl FnOnce(&OpenFiles) -> Option<OpenFile>) -> Option<OpenFile> {
        self.admission
            .as_ref()
            .map_or_else(|| Some(OpenFile::uncounted()), |admission| take(&admission.files))
    }

    fn spawn(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        permits: ConnectionPermits,
    ) {
        let connection = AcceptedConnection {
            client: ClientConnection::new(
                peer,
                (peer == Peer::Tcp).then(|| TcpConnection::new(Arc::clone(&self.shares))),
            ),
            limits: self.limits,
            stop: self.stop.clone(),
            last_request: self.last_request.clone(),
        };
        let served = connection.serve(self.service.clone(), stream);
        let open = GaugeGuard::new(gauge!(CONNECTIONS, "listener" => self.name));
        let abort = self.abort.clone();
        self.connections.spawn(async move {
            abort.run_until_cancelled(served).await;
            drop((permits, open));
        });
    }

    /// Waits until the requests in flight have ended, for at most the shutdown timeout. Requests
    /// that are still in flight are aborted when `self` is dropped.
    async fn drain(&self) {
        sleep(CLOSE_DELAY).await;
        self.last_request.cancel();
        self.connections.close();
        if timeout(self.limits.shutdown_timeout(), self.connections.wait()).await.is_err() {
            tracing::warn!(target: TARGET, "shutdown timeout reached, aborting the requests in flight");
        }
    }
}

/// Returns the limit on concurrent connections of one caller at a listener. If `limits` does not
/// set this limit, the default depends on the number of configured callers.
fn per_caller(limits: &Limits, admission: Option<&Admission>) -> usize {
    let callers = admission.map_or(1, |admission| admission.callers.0.len());
    limits.max_connections_per_caller.unwrap_or_else(|| default_share(limits.max_connections, callers))
}
