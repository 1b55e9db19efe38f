//! Requests that are passed on to a service of a fixed table, with a token on them.

mod connections;
mod dated;
mod headers;
mod permit;
mod place;
mod retry;
mod sent;
mod tls;
mod upstream;

use axum::{extract::Request, response::Response};
use http::{HeaderName, Method, StatusCode, Uri};
use passport_outbound::ManagedIdentity;

use self::permit::Permit;
pub(crate) use self::{
    tls::TlsConfigs,
    upstream::{Upstream, Whose},
};
use crate::{
    callers::Caller,
    config::ProxyHeaders,
    interface::Interface,
    refusal::Refusal,
    router::{Shared, nothing_there, peer},
};

/// Names the upstream, for clients that cannot have it in the path: those of gRPC.
const UPSTREAM: HeaderName = HeaderName::from_static("passport-sidecar-upstream");

/// Passes `request` on to the upstream that its path names: `/to/<upstream>/...`; or else its header.
pub(crate) async fn passed_on(
    shared: &Shared,
    caller: &Caller,
    interface: Interface,
    request: Request,
) -> Result<Response, Refusal> {
    check(&request)?;
    let target = if interface == Interface::ByPath { by_path } else { by_header };
    let (upstream, uri) = target(shared, caller, &request)?;
    let permit = Permit::take(shared, caller)?;
    let drops = shared.proxy_headers(peer(&request)) == ProxyHeaders::Drop;
    upstream.call(caller, permit, prepared(request, uri, drops)).await
}

/// An upgrade is an offer, which is ignored
/// ([RFC 9110, section 7.8](https://www.rfc-editor.org/rfc/rfc9110#section-7.8)).
fn check(request: &Request) -> Result<(), Refusal> {
    if request.method() == Method::CONNECT {
        let description = "connections are not passed on, requests are: no CONNECT";
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "invalid_request", description));
    }
    headers::check(request.headers()).map_err(Refusal::invalid)
}

type Target<'a> = Result<(&'a Upstream, Uri), Refusal>;

fn by_path<'a>(shared: &'a Shared, caller: &Caller, request: &Request) -> Target<'a> {
    // As it came, and not as it was decoded.
    let path = request.uri().path().strip_prefix("/to/").unwrap_or_default();
    let (name, path) = path.split_at(path.find('/').unwrap_or(path.len()));
    let upstream = upstream(shared, caller, name)?;
    let uri = upstream.uri(if path.is_empty() { "/" } else { path }, request.uri().query())?;
    Ok((upstream, uri))
}

fn by_header<'a>(shared: &'a Shared, caller: &Caller, request: &Request) -> Target<'a> {
    let name = request.headers().get(UPSTREAM).and_then(|name| name.to_str().ok()).unwrap_or_default();
    let upstream = upstream(shared, caller, name)?;
    let uri = upstream.uri(request.uri().path(), request.uri().query())?;
    Ok((upstream, uri))
}

/// The upstream of that name, if it is for `caller`.
fn upstream<'a>(shared: &'a Shared, caller: &Caller, name: &str) -> Result<&'a Upstream, Refusal> {
    let is_for_it = |(name, identity): (&str, &ManagedIdentity)| {
        caller.may_be(name) && caller.may_ask_for(identity.scopes(), identity.scopes())
    };
    let upstream = shared.upstreams.get(name);
    upstream.filter(|upstream| upstream.identity().is_none_or(is_for_it)).ok_or_else(nothing_there)
}

/// The request as it goes to `uri`, without a token yet.
fn prepared(mut request: Request, uri: Uri, drops_proxy_headers: bool) -> Request {
    *request.uri_mut() = uri;
    headers::prepare(request.headers_mut(), drops_proxy_headers);
    request
}
