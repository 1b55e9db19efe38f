use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    OutboundRequest, OutboundResponse, Replay,
    allowed_origins::Matched,
    policy::Rules,
    response::sealed::Head,
    response_watch::Watch,
    service::{BoxError, attach, send},
    unauthorized::{is_grpc, may_concern_token, refuses_token},
};
use crate::{
    telemetry,
    token::{Credential, PendingCredential, Sendable},
};

pin_project! {
    /// The response future of [`AttachToken`](super::AttachToken).
    ///
    /// # Cancel safety
    /// Dropping it ends this request. A token that is being fetched is fetched all the same, for whoever comes next.
    pub struct AttachTokenFuture<S, R, P>
    where
        S: Service<R>,
        P: Replay<R>,
    {
        #[pin]
        state: State<S, R, P>,
    }
}

pin_project! {
    /// What few requests need is boxed: a future is moved more than once before it is polled.
    #[project = StateProjection]
    enum State<S, R, P>
    where
        S: Service<R>,
        P: Replay<R>,
    {
        /// Refused before anything was sent.
        Failed { error: Option<BoxError> },
        /// On its way. The hot path starts here.
        Forwarding { #[pin] response: S::Future, watch: Option<Watch>, spare: Option<Spare<S, R, P>> },
        /// No token yet. Holds the ready service, and whatever permit it stands for.
        Waiting { credential: PendingCredential, held: Option<Box<Held<S, R, P>>> },
        /// The token was refused, and another is on its way. Should there be none, the refusal is the answer.
        Renewing { credential: PendingCredential, refused: Option<Box<Refused<S, R, P>>> },
        /// There is another token; the service has to be ready once more.
        Readying { again: Option<Box<Again<S, R>>> },
    }
}

/// A request that has no token yet, and what it takes to send it.
pub(super) struct Held<S, R, P> {
    pub(super) ready: S,
    pub(super) request: R,
    pub(super) origin: Matched,
    pub(super) rules: Arc<Rules>,
    pub(super) replay: P,
}

/// What it takes to send a request once more. The service has not been polled ready.
pub(super) struct Spare<S, R, P: Replay<R>> {
    pub(super) kept: P::Kept,
    pub(super) replay: P,
    pub(super) service: S,
}

/// A refusal that may not be the last word. The request is made again only when there is another token: until then, its
/// first body is left alone.
struct Refused<S: Service<R>, R, P: Replay<R>> {
    response: S::Response,
    watch: Watch,
    spare: Spare<S, R, P>,
}

/// A request to be sent once more.
struct Again<S, R> {
    watch: Watch,
    service: S,
    request: R,
}

/// What follows from a response.
enum Next<S: Service<R>, R, P: Replay<R>>
where
    S::Response: OutboundResponse,
{
    Done(<S::Response as Head>::Watched),
    State(State<S, R, P>),
}

impl<S: Service<R>, R, P: Replay<R>> AttachTokenFuture<S, R, P> {
    pub(super) fn failed(error: BoxError) -> Self {
        Self { state: State::Failed { error: Some(error) } }
    }

    #[inline(always)] // each call of it would move the response's future once more
    pub(super) fn forwarding(
        response: S::Future,
        watch: Option<Watch>,
        spare: Option<Spare<S, R, P>>,
    ) -> Self {
        Self { state: State::Forwarding { response, watch, spare } }
    }

    pub(super) fn waiting(credential: PendingCredential, held: Held<S, R, P>) -> Self {
        Self { state: State::Waiting { credential, held: Some(Box::new(held)) } }
    }
}

impl<S, R, P> Future for AttachTokenFuture<S, R, P>
where
    S: Service<R> + Clone,
    S::Response: OutboundResponse,
    S::Error: Into<BoxError>,
    R: OutboundRequest,
    P: Replay<R>,
{
    type Output = Result<<S::Response as Head>::Watched, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Failed { error } => {
                    return Poll::Ready(Err(error.take().expect(POLLED_AGAIN)));
                }
                StateProjection::Forwarding { response, watch, spare } => {
                    let response = ready!(response.poll(cx)).map_err(Into::into)?;
                    if !may_concern_token(response.status(), response.headers()) {
                        return Poll::Ready(Ok(response.watched(None)));
                    }
                    match answered(response, watch.take(), spare.take()) {
                        Next::Done(response) => return Poll::Ready(Ok(response)),
                        Next::State(next) => next,
                    }
                }
                StateProjection::Waiting { credential, held } => {
                    let token = ready!(Pin::new(credential).poll(cx))?;
                    let held = held.take().expect(POLLED_AGAIN);
                    let Held { mut ready, request, origin, rules, replay } = *held;
                    send(&mut ready, request, origin, token, rules, &replay).state
                }
                StateProjection::Renewing { credential, refused } => {
                    let token = ready!(Pin::new(credential).poll(cx));
                    let refused = refused.take().expect(POLLED_AGAIN);
                    match refused.once_more(token.ok()) {
                        Next::Done(response) => return Poll::Ready(Ok(response)),
                        Next::State(next) => next,
                    }
                }
                StateProjection::Readying { again } => {
                    let service = &mut again.as_mut().expect(POLLED_AGAIN).service;
                    ready!(service.poll_ready(cx)).map_err(Into::into)?;
                    let Again { watch, mut service, request } = *again.take().expect(POLLED_AGAIN);
                    if let Some(identity) = watch.rules.identity.managed() {
                        telemetry::replaying(identity.client_id());
                    }
                    State::Forwarding { response: service.call(request), watch: Some(watch), spare: None }
                }
            };
            state.set(next);
        }
    }
}

const POLLED_AGAIN: &str = "polled again after it was ready";

/// What follows from `response`. It is handed on unless it refuses the token, and there is or comes another, and the request
/// can be sent once more.
fn answered<S, R, P>(
    response: S::Response,
    watch: Option<Watch>,
    spare: Option<Spare<S, R, P>>,
) -> Next<S, R, P>
where
    S: Service<R>,
    S::Response: OutboundResponse,
    R: OutboundRequest,
    P: Replay<R>,
{
    let Some(watch) = watch else { return Next::Done(response.watched(None)) };
    if !(refuses_token(response.status(), response.headers()) && watch.was_shown_to(&response)) {
        let trailers = is_grpc(response.headers()).then_some(watch);
        return Next::Done(response.watched(trailers));
    }
    let credential = watch.renewed();
    let Some((credential, spare)) = credential.zip(spare) else { return Next::Done(response.watched(None)) };
    let refused = Refused { response, watch, spare };
    match credential {
        Credential::Ready(token) => refused.once_more(Some(token)),
        Credential::Pending(credential) => {
            Next::State(State::Renewing { credential, refused: Some(Box::new(refused)) })
        }
        Credential::Refused(_) => refused.once_more(None),
    }
}

impl<S, R, P> Refused<S, R, P>
where
    S: Service<R>,
    S::Response: OutboundResponse,
    R: OutboundRequest,
    P: Replay<R>,
{
    /// The same request with `token`, if it is another token and the request can be made again; else the refusal stands. A
    /// refusal that does not stand is dropped: if much of its body is outstanding, so is its connection.
    fn once_more(self, token: Option<Sendable>) -> Next<S, R, P> {
        let Self { response, watch, spare: Spare { kept, replay, service } } = self;
        let Some(token) = token.filter(|token| token.generation != watch.generation) else {
            return Next::Done(response.watched(None));
        };
        let Some(mut request) = replay.restore(kept) else { return Next::Done(response.watched(None)) };
        let watch = Watch { generation: token.generation, ..watch };
        attach(&mut request, token);
        Next::State(State::Readying { again: Some(Box::new(Again { watch, service, request })) })
    }
}

impl<S: Service<R>, R, P: Replay<R>> fmt::Debug for AttachTokenFuture<S, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachTokenFuture").finish_non_exhaustive()
    }
}
