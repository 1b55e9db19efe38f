//! Code that all contenders on axum share.

use std::{convert::Infallible, fmt::Debug};

use axum::{Router, body::Body, extract::Request, response::IntoResponse, routing::Route};
use http::{Response, StatusCode};
use tower::{Layer, Service};

use crate::subject::Subject;

/// Returns the status for a caller that the contender identified as `subject`.
pub fn respond(subject: &str) -> StatusCode {
    if subject.is_empty() { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
}

/// Applies `layer` to each route with `Router::layer`. If `AROUND` is true, wraps the whole router
/// instead, which saves a box and a clone for each call.
pub fn protected<const AROUND: bool, L, R>(router: Router, layer: L) -> Subject
where
    L: Layer<Route> + Layer<Router> + Clone + Send + Sync + 'static,
    <L as Layer<Route>>::Service: Service<Request> + Clone + Send + Sync + 'static,
    <<L as Layer<Route>>::Service as Service<Request>>::Response: IntoResponse + 'static,
    <<L as Layer<Route>>::Service as Service<Request>>::Error: Into<Infallible> + 'static,
    <<L as Layer<Route>>::Service as Service<Request>>::Future: Send + 'static,
    <L as Layer<Router>>::Service: Service<Request, Response = Response<R>> + Clone + Send + Sync + 'static,
    <<L as Layer<Router>>::Service as Service<Request>>::Error: Debug + Send,
    <<L as Layer<Router>>::Service as Service<Request>>::Future: Send,
    R: Send + 'static,
{
    if AROUND {
        Subject::new::<_, Body, _>(layer.layer(router.with_state::<()>(())))
    } else {
        Subject::axum(router.layer(layer))
    }
}
