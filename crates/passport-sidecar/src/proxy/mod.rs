//! The reverse proxy: forwards requests to the configured upstreams, with a token attached.

mod base_url;
mod connection_retry;
mod connector;
mod headers;
mod http1_connection;
mod permit;
mod pool;
mod request_body;
mod response_body;
mod send_error;
mod tls;
mod upstream;

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::Request, response::Response};
use http::{HeaderName, Method, StatusCode};

use self::permit::ForwardPermit;
pub(crate) use self::{tls::TlsConfigs, upstream::Upstream};
use crate::{admission::Admission, caller_auth::Caller, error::ErrorResponse, route::Route};

/// The header that names the upstream of a request. It is for clients that cannot put the name
/// of the upstream into the path, such as gRPC clients.
const UPSTREAM_HEADER: HeaderName = HeaderName::from_static("passport-sidecar-upstream");

/// Forwards requests to the upstreams of the configuration.
pub(crate) struct Proxy {
    pub(crate) admission: Arc<Admission>,
    pub(crate) upstreams: BTreeMap<String, Upstream>,
}

impl Proxy {
    /// Forwards `request` to the upstream that the path of the request (`/to/<upstream>/...`) or
    /// the header `Passport-Sidecar-Upstream` names.
    ///
    /// # Errors
    /// Returns an error response in these cases:
    /// - the headers of the request are ambiguous, or its path could leave the upstream's URL
    ///   (400);
    /// - the method of the request is `CONNECT` (501);
    /// - the upstream needs an access token of the client, and the request has none (401);
    /// - the upstream is unknown, or the caller is not allowed to use it (404);
    /// - too many requests are in flight (429, 503);
    /// - no token could be fetched (502, 503);
    /// - the upstream sends no valid response (502), or no response in time (504).
    pub(crate) async fn forward(
        &self,
        caller: &Caller,
        route: Route,
        mut request: Request,
        drops_proxy_headers: bool,
    ) -> Result<Response, ErrorResponse> {
        check(&request)?;
        let (name, path) = target(route, &request);
        let upstream = self.upstreams.get(name).filter(|upstream| upstream.is_allowed_for(caller));
        let upstream = upstream.ok_or_else(ErrorResponse::not_found)?;
        let uri = upstream.uri(path, request.uri().query())?;
        let permit = ForwardPermit::take(&self.admission, caller)?;
        *request.uri_mut() = uri;
        headers::prepare_request(request.headers_mut(), drops_proxy_headers);
        upstream.call(caller, permit, request).await
    }
}

/// Rejects requests that cannot be forwarded: `CONNECT`, and requests with ambiguous headers. A
/// request to upgrade the protocol is forwarded without the header `Upgrade`, because a server
/// is allowed to ignore this header ([RFC 9110, section
/// 7.8](https://www.rfc-editor.org/rfc/rfc9110#section-7.8)).
fn check(request: &Request) -> Result<(), ErrorResponse> {
    if request.method() == Method::CONNECT {
        let description = "CONNECT is not supported: only requests are forwarded";
        return Err(ErrorResponse::new(StatusCode::NOT_IMPLEMENTED, "invalid_request", description));
    }
    headers::check(request.headers()).map_err(ErrorResponse::invalid)
}

/// Returns the name of the upstream of `request`, and the path of the request to the upstream.
/// The name is empty if the request names no upstream. The path is not percent-decoded.
fn target(route: Route, request: &Request) -> (&str, &str) {
    let path = request.uri().path();
    if route == Route::ProxyByPath {
        let below = path.strip_prefix("/to/").unwrap_or_default();
        let (name, path) = below.split_at(below.find('/').unwrap_or(below.len()));
        return (name, if path.is_empty() { "/" } else { path });
    }
    let name = request.headers().get(UPSTREAM_HEADER).and_then(|name| name.to_str().ok());
    (name.unwrap_or_default(), path)
}
