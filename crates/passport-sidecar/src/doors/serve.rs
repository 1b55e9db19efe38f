use std::{convert::Infallible, io, pin::pin, sync::Arc, time::Duration};

use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderValue, Version, header};
use hyper::{
    body::Incoming,
    service::{Service as HyperService, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, sink},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep, timeout},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tower::{Service, ServiceExt};

use super::{
    Door,
    timed::Timed,
    used::{Answer, Used},
};
use crate::{
    callers::Peer,
    config::Limits,
    connection::TcpConnection,
    open_files::OpenFile,
    refusal::Refusal,
    router::Shared,
    shares::{Share, Shares, part},
    telemetry,
    tokens::UnknownForms,
};

/// For whom there is no place.
const FULL: &[u8] =
    b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\npassport-sidecar-refused: temporarily_unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

const TURNED_AWAY_AT_A_TIME: usize = 256;
const STRANGERS_AT_A_TIME: usize = 32;

/// How long a door is left alone when nobody can be taken in: there are no file descriptors left, or no memory.
const PAUSE: Duration = Duration::from_millis(100);

/// How long, at the end, those are taken in who have come already; and how long it is waited for the next one. Others come on and on.
const LAST_LOOK: Duration = Duration::from_millis(200);
const NEXT: Duration = Duration::from_millis(20);

/// How long a connection has at the end to say what it is for.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How many requests one connection of HTTP/2 may have at a time.
const STREAMS: u32 = 100;

/// What a connection that is not served holds: a permit to be answered, and a file.
type Permits = (OwnedSemaphorePermit, Option<OpenFile>);

/// What an accepted connection holds: a permit of its listener, and a file.
type Place = (Share, Option<OpenFile>);

/// Takes connections in at one door, and answers what comes on them. Each door has its own places, so that nobody at one can take
/// those at another.
pub(crate) struct Server<S> {
    name: &'static str,
    service: S,
    limits: Limits,
    callers: Option<Arc<Shared>>,
    places: Arc<Shares>,
    /// Those who are told that there is no place. The others are not told.
    turned_away: Arc<Semaphore>,
    /// The same for users that are no callers, who cannot keep callers from being told.
    strangers: Arc<Semaphore>,
    connections: TaskTracker,
    /// No connection is taken in any more, and none that is there is to be used again.
    stop: CancellationToken,
    /// No connection takes another request.
    ends: CancellationToken,
    /// No connection is waited for. That is so at the latest when this value is no more.
    cut_off: CancellationToken,
    _cuts_off: DropGuard,
}

impl<S> Server<S>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    /// Without `callers`, connections take neither a caller's share nor the files of callers.
    pub(crate) fn new(
        name: &'static str,
        service: S,
        limits: Limits,
        callers: Option<Arc<Shared>>,
        stop: CancellationToken,
    ) -> Self {
        let cut_off = CancellationToken::new();
        Self {
            name,
            service,
            limits,
            places: Arc::new(Shares::new(limits.connections, per_caller(&limits, callers.as_deref()))),
            callers,
            turned_away: Arc::new(Semaphore::new(TURNED_AWAY_AT_A_TIME)),
            strangers: Arc::new(Semaphore::new(STRANGERS_AT_A_TIME)),
            connections: TaskTracker::new(),
            stop,
            ends: CancellationToken::new(),
            _cuts_off: cut_off.clone().drop_guard(),
            cut_off,
        }
    }

    /// Until it is to stop; then those are taken in that have come already, and requests are let end that are on their way.
    pub(crate) async fn serve(self, door: Door) {
        while let Some(outcome) = self.stop.run_until_cancelled(self.take_in(&door)).await {
            if let Err(error) = outcome {
                tracing::warn!(target: telemetry::TARGET, %error, "a connection could not be taken in");
                sleep(PAUSE).await;
            }
        }
        let end = Instant::now() + LAST_LOOK;
        while Instant::now() < end && matches!(timeout(NEXT, self.take_in(&door)).await, Ok(Ok(()))) {}
        // Whoever comes now is told at once that nobody is here.
        drop(door);
        self.drain().await;
    }

    async fn take_in(&self, door: &Door) -> io::Result<()> {
        match door {
            Door::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let peer = stream.peer_cred()?;
                self.begin(stream, Peer::Unix { uid: peer.uid(), gid: peer.gid() });
            }
            Door::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // No answer goes further than this machine, whatever is routed where.
                stream.set_ttl(1)?;
                stream.set_nodelay(true)?;
                self.begin(stream, Peer::Tcp);
            }
        }
        Ok(())
    }

    fn begin(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
        let caller = match (peer, &self.callers) {
            (Peer::Unix { uid, gid }, Some(shared)) => match shared.callers.of_user(uid, gid) {
                Ok(caller) => Some(caller),
                Err(refusal) => {
                    telemetry::forbidden();
                    return self.refuse(stream, shared, &refusal);
                }
            },
            _ => None,
        };
        if let Some(place) = self.place(peer, caller) {
            self.answer(stream, peer, place);
        } else {
            telemetry::turned_away(self.name);
            self.turn_away(stream, peer);
        }
    }

    fn place(&self, peer: Peer, caller: Option<&Arc<str>>) -> Option<Place> {
        let file = match &self.callers {
            Some(shared) => Some(shared.files.for_connection(peer)?),
            None => None,
        };
        Some((self.places.take(caller).ok()?, file))
    }

    fn turn_away(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer) {
        let file = match &self.callers {
            Some(shared) => shared.files.for_refusal(peer).map(Some),
            None => Some(None),
        };
        let permit = Arc::clone(&self.turned_away).try_acquire_owned().ok();
        if let Some(permits) = permit.zip(file) {
            tokio::spawn(respond(stream, FULL.to_vec(), permits));
        }
    }

    /// Refuses a stranger when its request begins: some clients ignore a response that comes
    /// before. It takes none of the files that are reserved for the refusal of callers.
    fn refuse(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        shared: &Shared,
        refusal: &Refusal,
    ) {
        let response = refusal.on_the_wire();
        let permit = Arc::clone(&self.strangers).try_acquire_owned().ok();
        if let Some((permit, file)) = permit.zip(shared.files.take()) {
            let permits = (permit, Some(file));
            tokio::spawn(async move {
                if let Ok(Ok(_first)) = timeout(LAST_WORDS, stream.read_u8()).await {
                    respond(stream, response, permits).await;
                }
            });
        }
    }

    fn answer(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: Peer, place: Place) {
        let used = Used::not_yet();
        let connection = (peer == Peer::Tcp).then(|| TcpConnection::new(Arc::clone(&self.places)));
        let service = answering(self.service.clone(), peer, connection, used.clone(), self.stop.clone());
        let io = TokioIo::new(Timed::new(stream, self.limits.head_time(), self.limits.idle_time()));
        let connection = self.protocol().serve_connection(io, service).into_owned();
        let (ends, idle) = (self.ends.clone(), self.limits.idle_time());
        let answered = async move {
            let mut connection = pin!(connection);
            let over = async { ends.run_until_cancelled(used.is_over(idle)).await };
            let outcome = tokio::select! {
                outcome = connection.as_mut() => outcome,
                _ = over => {
                    connection.as_mut().graceful_shutdown();
                    tokio::select! {
                        outcome = connection => outcome,
                        // It leaves answers where they are that nobody takes.
                        () = async { sleep(LAST_WORDS).await; used.is_over(idle).await } => Ok(()),
                    }
                }
            };
            // What goes wrong with a connection is its client's business.
            if let Err(error) = outcome {
                tracing::debug!(target: telemetry::TARGET, error, "a connection ended");
            }
        };
        let taken = telemetry::Taken::at(self.name);
        let cut_off = self.cut_off.clone();
        self.connections.spawn(async move {
            cut_off.run_until_cancelled(answered).await;
            drop((place, taken));
        });
    }

    fn protocol(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_time())
            .max_buf_size(self.limits.head);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(self.limits.head).unwrap_or(u32::MAX))
            .max_concurrent_streams(STREAMS)
            .initial_stream_window_size(self.limits.stream_window())
            .initial_connection_window_size(self.limits.connection_window())
            .max_send_buf_size(self.limits.stream_bytes())
            .keep_alive_interval(Some(self.limits.head_time()))
            .keep_alive_timeout(Duration::from_secs(10));
        builder
    }

    /// Those requests that take too long are cut off.
    async fn drain(&self) {
        sleep(LAST_WORDS).await;
        self.ends.cancel();
        self.connections.close();
        if timeout(self.limits.drain_time(), self.connections.wait()).await.is_err() {
            tracing::warn!(target: telemetry::TARGET, "some requests took too long and are cut off");
        }
    }
}

/// How many connections one caller may have.
fn per_caller(limits: &Limits, callers: Option<&Shared>) -> usize {
    let callers = callers.map_or(1, |shared| shared.callers.0.len());
    limits.connections_per_caller.unwrap_or_else(|| part(limits.connections, callers))
}

/// Answers with `service` what comes on one connection.
fn answering<S>(
    service: S,
    peer: Peer,
    connection: Option<TcpConnection>,
    used: Used,
    stop: CancellationToken,
) -> impl HyperService<http::Request<Incoming>, Response = http::Response<Answer>, Error = Infallible, Future: Send>
where
    S: Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send,
{
    let forms = UnknownForms::default();
    service_fn(move |request: http::Request<Incoming>| {
        let (in_use, stop, connection) = (used.begin(), stop.clone(), connection.clone());
        let is_http1 = request.version() < Version::HTTP_2;
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(forms.clone());
        if let Some(connection) = connection.clone() {
            request.extensions_mut().insert(connection);
        }
        let answer = service.clone().oneshot(request);
        async move {
            let mut response = answer.await?;
            let is_refused = connection.is_some_and(|connection| connection.is_refused());
            if is_http1 && (is_refused || stop.is_cancelled()) {
                // Or the next request would be on its way when the connection ends.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok(response.map(|body| Answer::new(body, in_use)))
        }
    })
}

/// Sends a whole response instead of serving the connection.
async fn respond(mut stream: impl AsyncRead + AsyncWrite + Unpin, response: Vec<u8>, _permits: Permits) {
    let said = async {
        stream.write_all(&response).await?;
        stream.shutdown().await?;
        // A connection that is closed with something unread is reset, and the answer with it.
        copy(&mut stream, &mut sink()).await
    };
    // Whoever does not listen is not told.
    let _ = timeout(Duration::from_secs(1), said).await;
}
