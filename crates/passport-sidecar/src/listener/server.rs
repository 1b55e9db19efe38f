//! An HTTP server on one listener.

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
    connection::{AcceptedConnection, GRACE},
    rejection::Rejections,
};
use crate::{
    admission::Admission,
    gauge::GaugeGuard,
    limits::{Limits, OpenFile, OpenFiles, Share, Shares, TcpConnection, default_share},
    metrics::{CONNECTIONS, CONNECTIONS_FORBIDDEN, CONNECTIONS_REJECTED, TARGET},
    peer::Peer,
};

/// The delay after a failed accept, for lack of file descriptors or memory.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// How long the shutdown accepts connections that clients have already opened. It is limited,
/// because other clients could keep connecting.
const FINAL_ACCEPTS: Duration = Duration::from_millis(200);

/// How long each of these accepts waits.
const FINAL_ACCEPT: Duration = Duration::from_millis(20);

/// The permits of an accepted connection: one of its listener, and one of an open file.
type ConnectionPermits = (Share, OpenFile);

/// Accepts connections at one listener, and serves them. Each listener has separate limits, so
/// that a flood at one does not affect another.
pub(crate) struct HttpServer<S> {
    name: &'static str,
    service: S,
    limits: Limits,
    admission: Option<Arc<Admission>>,
    shares: Arc<Shares>,
    rejections: Rejections,
    connections: TaskTracker,
    /// Canceled when the shutdown begins: each connection then serves its last request.
    stop: CancellationToken,
    /// Canceled when no connection accepts another request.
    last_request: CancellationToken,
    /// Canceled when all connections are aborted, at the latest when this value is dropped.
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

    /// Serves until the shutdown. Then accepts the connections that clients have already opened,
    /// and waits for the requests in flight.
    pub(crate) async fn serve(self, listener: Listener) {
        while let Some(outcome) = self.stop.run_until_cancelled(self.accept(&listener)).await {
            if let Err(error) = outcome {
                tracing::warn!(target: TARGET, %error, "accepting a connection failed");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
        let end = Instant::now() + FINAL_ACCEPTS;
        while Instant::now() < end
            && matches!(timeout(FINAL_ACCEPT, self.accept(&listener)).await, Ok(Ok(())))
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
                // No response leaves this machine, regardless of its routes.
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
                    // Takes none of the files that are reserved for rejecting callers.
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

    /// Takes an open file with `take`, if the files of this listener are counted.
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
            peer,
            tcp: (peer == Peer::Tcp).then(|| TcpConnection::new(Arc::clone(&self.shares))),
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

    /// Waits for the requests in flight, until the shutdown timeout. The others are aborted when
    /// `self` is dropped.
    async fn drain(&self) {
        sleep(GRACE).await;
        self.last_request.cancel();
        self.connections.close();
        if timeout(self.limits.shutdown_timeout(), self.connections.wait()).await.is_err() {
            tracing::warn!(target: TARGET, "shutdown timeout reached, aborting the requests in flight");
        }
    }
}

/// Returns the limit on connections of one caller.
fn per_caller(limits: &Limits, admission: Option<&Admission>) -> usize {
    let callers = admission.map_or(1, |admission| admission.callers.0.len());
    limits.max_connections_per_caller.unwrap_or_else(|| default_share(limits.max_connections, callers))
}
