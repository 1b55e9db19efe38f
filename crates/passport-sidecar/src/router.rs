//! What is asked of a sidecar, and who answers it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use http::{StatusCode, header};
use passport_inbound::TokenVerifier;
use passport_outbound::ManagedIdentity;
use tower_http::{
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    timeout::TimeoutLayer,
};

use crate::{
    access_log::{self, AskedBy},
    callers::{Caller, Callers, Peer, TOKEN},
    guard,
    inject::{self, Upstream},
    interface::Interface,
    refusal::Refusal,
    tokens, validate,
};

/// The largest form.
const MAX_FORM: usize = 64 * 1024;

/// What requests are answered with.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) identities: BTreeMap<String, ManagedIdentity>,
    pub(crate) callers: Callers,
    pub(crate) upstreams: BTreeMap<String, Upstream>,
    pub(crate) verifier: Option<TokenVerifier>,
    pub(crate) hosts: Vec<String>,
    pub(crate) answer_time: Duration,
}

impl Shared {
    /// The identity of that name, or of that client id, if it is for `caller`.
    pub(crate) fn identity(&self, name: &str, caller: &Caller) -> Option<&ManagedIdentity> {
        let mut for_it = self.identities.iter().filter(|(known, _)| caller.may_be(known));
        let is_it =
            |known: &str, identity: &ManagedIdentity| known == name || identity.client_id().as_str() == name;
        for_it.find(|(known, identity)| is_it(known, identity)).map(|(_, identity)| identity)
    }
}

/// The whole of it. Each request has to carry its [`Peer`].
pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    let forms = Router::new()
        .route("/passport/token", post(tokens::drop_in))
        .route("/v1/token", get(tokens::get))
        .route("/v1/token/refresh", post(tokens::refresh))
        .merge(validate::routes(shared.verifier.clone()))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        // Bodies that drip are cut off, too.
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, shared.answer_time));
    let passed_on = Router::new()
        .route("/to/{upstream}", any(inject::by_path))
        .route("/to/{upstream}/", any(inject::by_path))
        .route("/to/{upstream}/{*path}", any(inject::by_path))
        .fallback(inject::by_header);
    forms
        .merge(passed_on)
        .layer(from_fn_with_state(Arc::clone(shared), admit))
        .layer(from_fn(access_log::note))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(Random))
        .layer(from_fn(access_log::without_odd_ids))
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, TOKEN]))
        .with_state(Arc::clone(shared))
}

/// Lets in who may ask at all, and says who it is. The drop-in endpoint finds the caller's token where a client's secret is, so it
/// looks for itself.
async fn admit(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    if let Err(refusal) = guard::look(request.uri(), request.headers(), &shared.hosts) {
        return refusal.into_response();
    }
    if Interface::of(request.uri().path()) == Interface::DropIn {
        return next.run(request).await;
    }
    let shown = request.headers().get(TOKEN).and_then(|token| token.to_str().ok()).map(str::to_owned);
    match shared.callers.admit(peer(&request), shown.as_slice()).await {
        Ok(caller) => {
            request.extensions_mut().insert(Arc::clone(&caller));
            let mut response = next.run(request).await;
            response.extensions_mut().insert(AskedBy(caller));
            response
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// Whoever is not said to be somebody else has to show a token.
pub(crate) fn peer(request: &Request) -> Peer {
    request.extensions().get().copied().unwrap_or(Peer::Tcp)
}

/// What is not there.
pub(crate) fn nothing_there() -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "not_found",
        "there is no such endpoint, or no such upstream; see docs/sidecar.md",
    )
}

/// Sixteen digits, which a request keeps if it has brought one.
#[derive(Clone, Copy, Debug)]
struct Random;

impl MakeRequestId for Random {
    fn make_request_id<B>(&mut self, _: &http::Request<B>) -> Option<RequestId> {
        format!("{:016x}", fastrand::u64(..)).parse().ok().map(RequestId::new)
    }
}
