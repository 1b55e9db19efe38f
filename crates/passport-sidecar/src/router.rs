//! What is asked of a sidecar, and who answers it.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{StatusCode, header};
use passport_inbound::TokenVerifier;
use passport_outbound::ManagedIdentity;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_http::{
    request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer},
    sensitive_headers::SetSensitiveRequestHeadersLayer,
    timeout::TimeoutLayer,
};

use crate::{
    access_log::{self, AskedBy, Noted},
    callers::{Caller, Callers, Peer, TOKEN},
    config::ProxyHeaders,
    connection::TcpConnection,
    guard,
    inject::{self, Upstream},
    interface::Interface,
    open_files::OpenFiles,
    refusal::Refusal,
    shares::{Exhausted, Share, Shares},
    tokens, validate,
};

/// The largest form, but for `/v1/validate`: it has a caller's token at most, and may be read
/// before the caller is known.
pub(crate) const MAX_FORM: usize = 16 * 1024;

/// What requests are answered with.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) identities: BTreeMap<String, ManagedIdentity>,
    pub(crate) callers: Callers,
    pub(crate) upstreams: BTreeMap<String, Upstream>,
    pub(crate) verifier: Option<TokenVerifier>,
    pub(crate) hosts: Vec<String>,
    pub(crate) unix_proxy_headers: ProxyHeaders,
    pub(crate) tcp_proxy_headers: ProxyHeaders,
    pub(crate) answer_time: Duration,
    /// Forwarded requests.
    pub(crate) forwarded: Shares,
    /// Bytes of the largest form of an own endpoint.
    pub(crate) max_form: usize,
    /// Requests of the sidecar's own endpoints.
    pub(crate) own: Shares,
    pub(crate) files: OpenFiles,
}

impl Shared {
    pub(crate) fn proxy_headers(&self, peer: Peer) -> ProxyHeaders {
        match peer {
            Peer::Unix { .. } => self.unix_proxy_headers,
            Peer::Tcp => self.tcp_proxy_headers,
        }
    }

    /// Admits the caller of a request, and counts its connection to its share.
    pub(crate) async fn admit(
        &self,
        peer: Peer,
        connection: Option<TcpConnection>,
        shown: &[&str],
    ) -> Result<Arc<Caller>, Refusal> {
        let caller = self.callers.admit(peer, shown).await?;
        connection.map_or(Ok(()), |connection| connection.count_for(&caller.name))?;
        Ok(caller)
    }

    /// Takes the memory that a request of an own endpoint may need, as a share of its caller.
    ///
    /// # Errors
    /// 429 when the caller has too many of them on their way, and 503 when all callers together
    /// have.
    pub(crate) fn own_share(&self, caller: &Caller) -> Result<Share, Refusal> {
        self.own.take(Some(&caller.name)).map_err(|exhausted| match exhausted {
            Exhausted::Caller => {
                Refusal::too_many("this caller has too many requests on their way; see limits.buffered_mib")
            }
            Exhausted::All => {
                Refusal::later("too many requests are on their way; see limits.buffered_mib", Duration::ZERO)
            }
        })
    }

    /// The identity of that name, or of that client id, if it is for `caller`.
    pub(crate) fn identity(&self, name: &str, caller: &Caller) -> Option<&ManagedIdentity> {
        let mut for_it = self.identities.iter().filter(|(known, _)| caller.may_be(known));
        let is_it =
            |known: &str, identity: &ManagedIdentity| known == name || identity.client_id().as_str() == name;
        for_it.find(|(known, identity)| is_it(known, identity)).map(|(_, identity)| identity)
    }
}

/// The whole of it. Each request has to carry its [`Peer`].
///
/// No request passes a router before it is known to be for the sidecar itself: what is passed on is told by its path alone, and a router
/// puts each of its layers in a box, for each request anew.
pub(crate) fn service(
    shared: &Arc<Shared>,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + use<>
{
    let front = Arc::new(Front { shared: Arc::clone(shared), own: own(shared) });
    ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, TOKEN]))
        .map_request(access_log::without_odd_ids)
        .layer(SetRequestIdLayer::x_request_id(Random))
        .layer(PropagateRequestIdLayer::x_request_id())
        .service_fn(move |request| {
            let front = Arc::clone(&front);
            // In one box, or each layer would copy all of it.
            Box::pin(async move { Ok(front.noted(request).await) })
        })
}

/// What the sidecar answers itself.
fn own(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/passport/token", post(tokens::drop_in))
        .route("/v1/token", get(tokens::get))
        .route("/v1/token/refresh", post(tokens::refresh))
        .merge(validate::routes(shared.verifier.clone(), shared.max_form))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        // Bodies that drip are cut off. A token has its own time.
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, 2 * shared.answer_time))
        .with_state(Arc::clone(shared))
}

struct Front {
    shared: Arc<Shared>,
    own: Router,
}

impl Front {
    async fn noted(&self, request: Request) -> Response {
        let noted = Noted::of(&request);
        let response = match self.answered(request).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(),
        };
        noted.answered(&response);
        response
    }

    async fn answered(&self, request: Request) -> Result<Response, Refusal> {
        let interface = Interface::of(request.uri().path());
        let proxy_headers = self.shared.proxy_headers(peer(&request));
        guard::look(interface, request.uri(), request.headers(), &self.shared.hosts, proxy_headers)?;
        if interface == Interface::DropIn {
            // It finds the caller's token where a client's secret is, so it looks for itself.
            return Ok(self.answered_here(request).await);
        }
        let shown = request.headers().get(TOKEN).and_then(|token| token.to_str().ok());
        let connection = request.extensions().get().cloned();
        let caller = self.shared.admit(peer(&request), connection, shown.as_slice()).await?;
        let asked_by = AskedBy(Arc::clone(&caller));
        let mut response = self.answered_to(caller, interface, request).await;
        response.extensions_mut().insert(asked_by);
        Ok(response)
    }

    async fn answered_to(&self, caller: Arc<Caller>, interface: Interface, mut request: Request) -> Response {
        let answered = match interface {
            Interface::ByPath | Interface::ByHeader => {
                inject::passed_on(&self.shared, &caller, interface, request).await
            }
            Interface::Nothing => Err(nothing_there()),
            Interface::DropIn
            | Interface::Token
            | Interface::Refresh
            | Interface::Validate
            | Interface::Auth => match self.shared.own_share(&caller) {
                Ok(share) => {
                    request.extensions_mut().insert(caller);
                    Ok(share.held_by(self.answered_here(request).await))
                }
                Err(refusal) => Err(refusal),
            },
        };
        answered.unwrap_or_else(IntoResponse::into_response)
    }

    async fn answered_here(&self, request: Request) -> Response {
        let Ok(response) = self.own.clone().oneshot(request).await;
        response
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
