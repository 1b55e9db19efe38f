//! The service behind each listener. It checks a request, identifies the client as a configured
//! caller, and dispatches the request to one of the sidecar's own endpoints or to an upstream.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap,
    header::{self, Entry},
};
use tower::{Service, ServiceExt, service_fn};

use crate::{
    access_log::{AccessLogEntry, RequestCaller},
    body::hold_until_end,
    caller_auth::{Caller, TOKEN_HEADER},
    config::ProxyHeaders,
    error::ErrorResponse,
    limits::ClientConnection,
    peer::Peer,
    request_id,
    route::Route,
    router::own_endpoints,
    state::AppState,
};

/// Creates the service that handles the requests of all listeners for clients. A request should
/// have its [`ClientConnection`] as an extension. A request without it is authenticated like a
/// request on TCP: by a caller token.
///
/// Only requests to the sidecar's own endpoints pass through an axum router. A forwarded request
/// needs no router, because its path alone shows that it is forwarded. A router would cost time:
/// it boxes and clones each of its layers for each request.
pub(crate) fn service(
    state: &Arc<AppState>,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + use<>
{
    let dispatcher = Arc::new(Dispatcher { state: Arc::clone(state), own_endpoints: own_endpoints(state) });
    service_fn(move |mut request: Request| {
        let dispatcher = Arc::clone(&dispatcher);
        mark_credentials(request.headers_mut());
        let id = request_id::ensure(&mut request);
        // The future is boxed once here. Otherwise each service would copy the whole future.
        Box::pin(async move {
            let mut response = dispatcher.respond(request).await;
            request_id::propagate(id, &mut response);
            Ok(response)
        })
    })
}

/// Marks the values of the headers with credentials, so that they are neither shown in logs nor
/// compressed.
fn mark_credentials(headers: &mut HeaderMap) {
    for name in [header::AUTHORIZATION, TOKEN_HEADER] {
        if let Entry::Occupied(mut values) = headers.entry(name) {
            values.iter_mut().for_each(|value| value.set_sensitive(true));
        }
    }
}

struct Dispatcher {
    state: Arc<AppState>,
    own_endpoints: Router,
}

impl Dispatcher {
    /// Returns the response to a request, and writes the access log entry of the request.
    async fn respond(&self, request: Request) -> Response {
        let entry = AccessLogEntry::of(&request, &self.state.metrics);
        let response = self.authenticate(request).await.unwrap_or_else(IntoResponse::into_response);
        entry.finish(&response);
        response
    }

    async fn authenticate(&self, request: Request) -> Result<Response, ErrorResponse> {
        let (route, connection) = (Route::of(request.uri().path()), ClientConnection::of(&request));
        let peer = connection.peer();
        self.state.guard.check(route, peer, request.uri(), request.headers())?;
        if route == Route::DropIn {
            // This endpoint identifies the caller itself, because the client sends the caller token
            // as its OAuth2 client secret.
            return Ok(Box::pin(self.call_own_endpoint(request)).await);
        }
        let token = request.headers().get(TOKEN_HEADER).and_then(|token| token.to_str().ok());
        let caller = self.state.admission.authenticate(&connection, token.as_slice()).await?;
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
                // Boxed, because its future is larger than that of a forwarded request.
                Ok(hold_until_end(share, Box::pin(self.call_own_endpoint(request)).await))
            }
        }
    }

    async fn call_own_endpoint(&self, request: Request) -> Response {
        let Ok(response) = self.own_endpoints.clone().oneshot(request).await;
        response
    }
}
