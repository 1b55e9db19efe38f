//! The reverse proxy: forwards requests to the configured upstreams, with a token.

mod base_url;
mod connection_history;
mod headers;
mod permit;
mod pool;
mod request_body;
mod retry;
mod tls;
mod upstream;

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::Request, response::Response};
use http::{HeaderName, Method, StatusCode, Uri};

use self::permit::ForwardPermit;
pub(crate) use self::{tls::TlsConfigs, upstream::Upstream};
use crate::{admission::Admission, caller_auth::Caller, error::ErrorResponse, route::Route};

/// Names the upstream, for clients that cannot have it in the path, as those of gRPC.
const UPSTREAM_HEADER: HeaderName = HeaderName::from_static("passport-sidecar-upstream");

/// Forwards requests to the upstreams of the configuration.
pub(crate) struct Proxy {
    pub(crate) admission: Arc<Admission>,
    pub(crate) upstreams: BTreeMap<String, Upstream>,
}

/// An upstream, and the URL of a request there.
type ForwardTarget<'a> = (&'a Upstream, Uri);

impl Proxy {
    /// Forwards `request` to the upstream that its path names (`/to/<upstream>/...`), or else its
    /// header.
    pub(crate) async fn forward(
        &self,
        caller: &Caller,
        route: Route,
        request: Request,
        drops_proxy_headers: bool,
    ) -> Result<Response, ErrorResponse> {
        check(&request)?;
        let (upstream, uri) = if route == Route::ProxyByPath {
            self.target_by_path(caller, &request)?
        } else {
            self.target_by_header(caller, &request)?
        };
        let permit = ForwardPermit::take(&self.admission, caller)?;
        upstream.call(caller, permit, prepared(request, uri, drops_proxy_headers)).await
    }

    fn target_by_path(&self, caller: &Caller, request: &Request) -> Result<ForwardTarget<'_>, ErrorResponse> {
        // The path as it was sent, not decoded.
        let path = request.uri().path().strip_prefix("/to/").unwrap_or_default();
        let (name, path) = path.split_at(path.find('/').unwrap_or(path.len()));
        let upstream = self.upstream(caller, name)?;
        let uri = upstream.uri(if path.is_empty() { "/" } else { path }, request.uri().query())?;
        Ok((upstream, uri))
    }

    fn target_by_header(
        &self,
        caller: &Caller,
        request: &Request,
    ) -> Result<ForwardTarget<'_>, ErrorResponse> {
        let name = request.headers().get(UPSTREAM_HEADER);
        let name = name.and_then(|name| name.to_str().ok()).unwrap_or_default();
        let upstream = self.upstream(caller, name)?;
        let uri = upstream.uri(request.uri().path(), request.uri().query())?;
        Ok((upstream, uri))
    }

    /// Returns the upstream called `name`, if `caller` may use it.
    fn upstream(&self, caller: &Caller, name: &str) -> Result<&Upstream, ErrorResponse> {
        let upstream = self.upstreams.get(name).filter(|upstream| upstream.is_for(caller));
        upstream.ok_or_else(ErrorResponse::not_found)
    }
}

/// Rejects what cannot be forwarded. An upgrade is an offer, which is ignored
/// ([RFC 9110, section 7.8](https://www.rfc-editor.org/rfc/rfc9110#section-7.8)).
fn check(request: &Request) -> Result<(), ErrorResponse> {
    if request.method() == Method::CONNECT {
        let description = "connections are not passed on, requests are: no CONNECT";
        return Err(ErrorResponse::new(StatusCode::NOT_IMPLEMENTED, "invalid_request", description));
    }
    headers::check(request.headers()).map_err(ErrorResponse::invalid)
}

/// Returns the request to `uri`, without a token.
fn prepared(mut request: Request, uri: Uri, drops_proxy_headers: bool) -> Request {
    *request.uri_mut() = uri;
    headers::prepare_request(request.headers_mut(), drops_proxy_headers);
    request
}
