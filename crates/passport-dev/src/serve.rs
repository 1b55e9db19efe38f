//! The HTTP server: counts requests, and applies the injected faults to responses.

use std::{io, sync::Arc, time::Duration};

use axum::body::Body;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tower::ServiceExt;

use crate::{
    Endpoint,
    faults::{ResponseBody, boxed},
    routes,
    server_state::ServerState,
};

/// How long a shutdown waits for running requests before it closes all connections.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Accepts connections on `listener` and serves them, until `stopped` changes or the sender of
/// `stopped` is dropped. Then stops listening, waits for running requests, at most for
/// [`SHUTDOWN_TIMEOUT`], and closes all connections. Polls that wait for events end immediately.
pub(crate) async fn serve(listener: TcpListener, state: Arc<ServerState>, mut stopped: watch::Receiver<()>) {
    let router = routes::router(Arc::clone(&state));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, &graceful, &state, &router));
                }
                // The usual cause is a lack of file descriptors. When other connections end, the
                // next accept can succeed.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    for outbox in state.receivers().outboxes() {
        outbox.close();
    }
    let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await;
    connections.shutdown().await;
}

/// Returns a future that serves the requests of one connection until the connection ends.
fn connection(
    stream: TcpStream,
    graceful: &GracefulShutdown,
    state: &Arc<ServerState>,
    router: &axum::Router,
) -> impl Future<Output = ()> + Send + 'static {
    // Small responses must not wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let (state, router) = (Arc::clone(state), router.clone());
    let service = TowerToHyperService::new(tower::service_fn(move |request| {
        respond(Arc::clone(&state), router.clone(), request)
    }));
    let connection =
        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).into_owned();
    let watched = graceful.watch(connection);
    async move {
        // If a fault closes the connection, the connection ends with an error. This is expected.
        let _ = watched.await;
    }
}

/// Counts a request, and returns the response. If a fault is injected into the endpoint, applies
/// the fault to the response.
///
/// # Errors
/// Returns an error if the fault closes the connection without a response.
async fn respond(
    state: Arc<ServerState>,
    router: axum::Router,
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<ResponseBody>, io::Error> {
    let endpoint = Endpoint::from_path(request.uri().path());
    let fault = endpoint.and_then(|endpoint| {
        state.counters.count(endpoint);
        state.faults().get(&endpoint).cloned()
    });
    let response = router.oneshot(request.map(Body::new)).await.unwrap_or_else(|never| match never {});
    match fault {
        Some(fault) => fault.apply(response).await,
        None => Ok(boxed(response)),
    }
}
