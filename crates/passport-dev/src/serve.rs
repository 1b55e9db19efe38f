//! The accept loop: real sockets, HTTP/1 and HTTP/2, faults applied last.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::body::Body;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tower::ServiceExt;

use crate::{
    Endpoint,
    faults::{AnswerBody, intact},
    routes,
    shared::Shared,
};

pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    let router = routes::router(Arc::clone(&shared));
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
            // A message or the end of the channel: both mean that nobody needs us any more.
            _ = stopped.changed() => break,
        };
        serve_connection(stream, &connections, &shared, &router);
    }
    drop(listener);
    let _ = tokio::time::timeout(Duration::from_secs(5), connections.shutdown()).await;
}

fn serve_connection(
    stream: TcpStream,
    connections: &GracefulShutdown,
    shared: &Arc<Shared>,
    router: &axum::Router,
) {
    // Small answers must not wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let (shared, router) = (Arc::clone(shared), router.clone());
    let service = TowerToHyperService::new(tower::service_fn(move |request| {
        answer(Arc::clone(&shared), router.clone(), request)
    }));
    let connection =
        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).into_owned();
    let watched = connections.watch(connection);
    tokio::spawn(async move {
        // A connection that was cut off on purpose ends in an error; there is nobody to tell.
        let _ = pin!(watched).await;
    });
}

async fn answer(
    shared: Arc<Shared>,
    router: axum::Router,
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<AnswerBody>, io::Error> {
    let endpoint = Endpoint::of_path(request.uri().path());
    let fault = endpoint.and_then(|endpoint| {
        shared.counters.count(endpoint);
        shared.faults.current(endpoint)
    });
    let response = router.oneshot(request.map(Body::new)).await.unwrap_or_else(|never| match never {});
    match fault {
        Some(fault) => fault.distort(response).await,
        None => Ok(intact(response)),
    }
}
