//! Requests that are passed on to a service of a fixed table, with a token on them.

mod headers;
mod sent;
mod upstream;

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use passport_outbound::ManagedIdentity;

pub(crate) use self::upstream::{Upstream, Whose};
use crate::{
    callers::Caller,
    interface::Interface,
    refusal::Refusal,
    router::{Shared, nothing_there},
};

/// Names the upstream, for clients that cannot have it in the path: those of gRPC.
const UPSTREAM: HeaderName = HeaderName::from_static("passport-sidecar-upstream");

/// `/to/<upstream>/...`
pub(crate) async fn by_path(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(parts): Path<Vec<(String, String)>>,
    request: Request,
) -> Response {
    let name = parts.into_iter().next().map(|(_, name)| name).unwrap_or_default();
    // As it came, and not as it was decoded.
    let rest = request.uri().path().strip_prefix("/to/").unwrap_or_default();
    let rest = rest.find('/').map_or("/", |at| &rest[at..]).to_owned();
    passed_on(&shared, &caller, &name, &rest, request).await
}

/// Any other path, with the header that says to whom.
pub(crate) async fn by_header(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Arc<Caller>>,
    request: Request,
) -> Response {
    let name =
        request.headers().get(UPSTREAM).and_then(|name| name.to_str().ok()).unwrap_or_default().to_owned();
    let path = request.uri().path().to_owned();
    if Interface::of(&path) != Interface::ByHeader {
        return nothing_there().into_response();
    }
    passed_on(&shared, &caller, &name, &path, request).await
}

async fn passed_on(
    shared: &Shared,
    caller: &Arc<Caller>,
    name: &str,
    path: &str,
    request: Request,
) -> Response {
    let outcome = match shared.upstreams.get(name) {
        None => Err(nothing_there()),
        Some(upstream) => checked(caller, upstream, path, request),
    };
    let outcome = match outcome {
        Ok((upstream, request)) => upstream.call(request).await,
        Err(refusal) => Err(refusal),
    };
    outcome.unwrap_or_else(IntoResponse::into_response)
}

/// The request as it goes out, without a token yet.
fn checked<'a>(
    caller: &Caller,
    upstream: &'a Upstream,
    path: &str,
    mut request: Request,
) -> Result<(&'a Upstream, Request), Refusal> {
    let is_for_it = |(name, identity): (&str, &ManagedIdentity)| {
        caller.may_be(name) && caller.may_ask_for(identity.scopes(), identity.scopes())
    };
    if !upstream.identity().is_none_or(is_for_it) {
        return Err(nothing_there());
    }
    // Some clients offer HTTP/2 in this way with each request, and go on without it.
    let upgrades = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"h2c");
    if request.method() == Method::CONNECT || request.headers().get(header::UPGRADE).is_some_and(upgrades) {
        let description = "connections are not passed on, requests are: no CONNECT and no upgrade";
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "invalid_request", description));
    }
    *request.uri_mut() = upstream.uri(path, request.uri().query())?;
    headers::prepare(request.headers_mut());
    Ok((upstream, request))
}
