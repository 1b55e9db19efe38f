//! The service behind each listener. It checks a request, identifies the client as a configured
//! caller, and dispatches the request to one of the sidecar's own endpoints or to an upstream.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::header;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_http::{
    request_id::{PropagateRequestIdLayer, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
};

use crate::{
    access_log::{AccessLogEntry, RequestCaller},
    body::hold_until_end,
    caller_auth::{Caller, TOKEN_HEADER},
    config::ProxyHeaders,
    error::ErrorResponse,
    peer::Peer,
    request_id::{RandomRequestId, remove_unsafe_id},
    route::Route,
    router::own_endpoints,
    state::AppState,
};

/// Creates the service that handles the requests of all listeners for clients. A request should
/// have the [`Peer`] of its connection as an extension. A request without a `Peer` is
/// authenticated like a request on TCP: by a caller token.
///
/// Only requests to the sidecar's own endpoints pass through an axum router. A forwarded request
/// needs no router, because its path alone shows that it is forwarded. A router would cost time:
/// it boxes and clones each of its layers for each request.
pub(crate) fn service(
    state: &Arc<AppState>,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + use<>
{
    let dispatcher = Arc::new(Dispatcher { state: Arc::clone(state), own_endpoints: own_endpoints(state) });
    ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, TOKEN_HEADER]))
        .map_request(remove_unsafe_id)
        .layer(SetRequestIdLayer::x_request_id(RandomRequestId))
        .layer(PropagateRequestIdLayer::x_request_id())
        .service_fn(move |request| {
            let dispatcher = Arc::clone(&dispatcher);
            // The future is boxed once here. Otherwise each layer would copy the whole future.
            Box::pin(async move { Ok(dispatcher.respond(request).await) })
        })
}

struct Dispatcher {
    state: Arc<AppState>,
    own_endpoints: Router,
}

impl Dispatcher {
    /// Returns the response to a request, and writes the access log entry of the request.
    async fn respond(&self, request: Request) -> Response {
        let entry = AccessLogEntry::of(&request);
        let response = self.authenticate(request).await.unwrap_or_else(IntoResponse::into_response);
        entry.finish(&response);
        response
    }

    async fn authenticate(&self, request: Request) -> Result<Response, ErrorResponse> {
        let (route, peer) = (Route::of(request.uri().path()), Peer::of(&request));
        self.state.guard.check(route, peer, request.uri(), request.headers())?;
        if route == Route::DropIn {
            // This endpoint identifies the caller itself, because the client sends the caller token
            // as its OAuth2 client secret.
            return Ok(self.call_own_endpoint(request).await);
        }
        let token = request.headers().get(TOKEN_HEADER).and_then(|token| token.to_str().ok());
        let connection = request.extensions().get().cloned();
        let caller = self.state.admission.authenticate(peer, connection, token.as_slice()).await?;
        let logged = RequestCaller(Arc::clone(&caller));
        let response = self.dispatch(caller, route, peer, request).await;
        let mut response = response.unwrap_or_else(IntoResponse::into_response);
        response.extensions_mut().insert(logged);
        Ok(response)
    }

    async fn dispatch(
        &self,
        caller: Arc<Caller>,
        route: Route,
        peer: Peer,
        mut request: Request,
    ) -> Result<Response, ErrorResponse> {
        match route {
            Route::ProxyByPath | Route::ProxyByHeader => {
                let drops_proxy_headers = self.state.guard.proxy_headers(peer) == ProxyHeaders::Drop;
                self.state.proxy.forward(&caller, route, request, drops_proxy_headers).await
            }
            Route::Unknown => Err(ErrorResponse::not_found()),
            Route::DropIn | Route::Token | Route::Refresh | Route::Validate | Route::Auth => {
                let share = self.state.admission.own_request(&caller)?;
                request.extensions_mut().insert(caller);
                Ok(hold_until_end(share, self.call_own_endpoint(request).await))
            }
        }
    }

    async fn call_own_endpoint(&self, request: Request) -> Response {
        let Ok(response) = self.own_endpoints.clone().oneshot(request).await;
        response
    }
}
