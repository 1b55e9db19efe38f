//! The response future of the layer. The future is a state machine: it waits for the token,
//! sends the request, and retries the request after a rejection of the token.

use std::{
    fmt,
    future::Future,
    ops::ControlFlow,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use metrics::counter;
use passport_core::ClientId;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    OutboundRequest, OutboundResponse, RetryMode,
    allowed_origins::MatchedOrigin,
    error::BoxError,
    policy::AttachPolicy,
    response::sealed::ResponseHead,
    response_watch::ResponseWatch,
    retry::{Rejected, Retry, SecondRequest},
    send::send,
    token_rejection::{is_grpc, may_concern_token, rejects_token},
};
use crate::{
    metrics::{CLIENT_ID, RETRIES, TARGET},
    token::{Credential, PendingCredential},
};

pin_project! {
    /// The response future of [`AttachToken`](super::AttachToken).
    ///
    /// # Cancel safety
    /// Dropping the future cancels the request. A running token fetch continues, so that the next
    /// request can use the token.
    pub struct AttachTokenFuture<S, R, P>
    where
        S: Service<R>,
        P: RetryMode<R>,
    {
        #[pin]
        state: AttachState<S, R, P>,
    }
}

pin_project! {
    /// The state of a request. Data that few requests need is boxed, to keep the future small,
    /// because the future is moved several times before it is polled.
    #[project = AttachStateProjection]
    enum AttachState<S, R, P>
    where
        S: Service<R>,
        P: RetryMode<R>,
    {
        /// The request failed before anything was sent.
        Failed { error: Option<BoxError> },
        /// The request was sent, and the future waits for the response. If a token was cached, this
        /// is the first state.
        Forwarding { #[pin] response: S::Future, watch: Option<ResponseWatch>, retry: Option<Retry<S, R, P>> },
        /// The token is being fetched. `held` contains the service that was polled ready, and with
        /// it the capacity that `poll_ready` reserved.
        Waiting { credential: PendingCredential, held: Option<Box<AwaitingToken<S, R, P>>> },
        /// The receiver rejected the token, and a new token is being fetched. If the fetch fails,
        /// the response that rejects the token is returned.
        Replacing { credential: PendingCredential, rejected: Option<Box<Rejected<S, R, P>>> },
        /// A new token is available, and the future waits until the service is ready for the second
        /// request.
        Readying { second: Option<Box<SecondRequest<S, R>>> },
    }
}

/// A request that waits for a token, and the data to send the request when the token arrives.
pub(super) struct AwaitingToken<S, R, P> {
    /// The service that was polled ready.
    pub(super) ready: S,
    pub(super) request: R,
    pub(super) origin: MatchedOrigin,
    pub(super) policy: Arc<AttachPolicy>,
    pub(super) mode: P,
}

impl<S: Service<R>, R, P: RetryMode<R>> AttachTokenFuture<S, R, P> {
    pub(super) fn failed(error: BoxError) -> Self {
        Self { state: AttachState::Failed { error: Some(error) } }
    }

    #[inline(always)] // a function call would move the response future once more
    pub(super) fn forwarding(
        response: S::Future,
        watch: Option<ResponseWatch>,
        retry: Option<Retry<S, R, P>>,
    ) -> Self {
        Self { state: AttachState::Forwarding { response, watch, retry } }
    }

    pub(super) fn waiting(credential: PendingCredential, held: AwaitingToken<S, R, P>) -> Self {
        Self { state: AttachState::Waiting { credential, held: Some(Box::new(held)) } }
    }
}

impl<S, R, P> Future for AttachTokenFuture<S, R, P>
where
    S: Service<R> + Clone,
    S::Response: OutboundResponse,
    S::Error: Into<BoxError>,
    R: OutboundRequest,
    P: RetryMode<R>,
{
    type Output = Result<<S::Response as ResponseHead>::Watched, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                AttachStateProjection::Failed { error } => {
                    return Poll::Ready(Err(error.take().expect(POLLED_AGAIN)));
                }
                AttachStateProjection::Forwarding { response, watch, retry } => {
                    let response = ready!(response.poll(cx)).map_err(Into::into)?;
                    if !may_concern_token(response.status(), response.headers()) {
                        return Poll::Ready(Ok(response.watched(None)));
                    }
                    match next_step(response, watch.take(), retry.take()) {
                        ControlFlow::Break(response) => return Poll::Ready(Ok(response)),
                        ControlFlow::Continue(next) => next,
                    }
                }
                AttachStateProjection::Waiting { credential, held } => {
                    let token = ready!(Pin::new(credential).poll(cx))?;
                    let held = held.take().expect(POLLED_AGAIN);
                    let AwaitingToken { mut ready, request, origin, policy, mode } = *held;
                    send(&mut ready, request, origin, token, policy, &mode).state
                }
                AttachStateProjection::Replacing { credential, rejected } => {
                    let token = ready!(Pin::new(credential).poll(cx));
                    let rejected = rejected.take().expect(POLLED_AGAIN);
                    match rejected.retry(token.ok()) {
                        ControlFlow::Break(response) => return Poll::Ready(Ok(response)),
                        ControlFlow::Continue(second) => AttachState::Readying { second: Some(second) },
                    }
                }
                AttachStateProjection::Readying { second } => {
                    let service = &mut second.as_mut().expect(POLLED_AGAIN).service;
                    ready!(service.poll_ready(cx)).map_err(Into::into)?;
                    let SecondRequest { watch, mut service, request } = *second.take().expect(POLLED_AGAIN);
                    if let Some(identity) = watch.policy.identity.managed() {
                        record_retry(identity.client_id());
                    }
                    AttachState::Forwarding {
                        response: service.call(request),
                        watch: Some(watch),
                        retry: None,
                    }
                }
            };
            state.set(next);
        }
    }
}

const POLLED_AGAIN: &str = "`AttachTokenFuture` polled again after completion";

/// Returns the next state after `response`. If the request is not retried, returns `response`
/// itself, which is the result of the call. The request is retried only if all of these are
/// true:
///
/// - The response rejects the token.
/// - The identity has a newer token, or is fetching one.
/// - The request was saved.
fn next_step<S, R, P>(
    response: S::Response,
    watch: Option<ResponseWatch>,
    retry: Option<Retry<S, R, P>>,
) -> ControlFlow<<S::Response as ResponseHead>::Watched, AttachState<S, R, P>>
where
    S: Service<R>,
    S::Response: OutboundResponse,
    R: OutboundRequest,
    P: RetryMode<R>,
{
    let Some(watch) = watch else { return ControlFlow::Break(response.watched(None)) };
    if !(rejects_token(response.status(), response.headers())
        && watch.token_was_sent_to(response.final_destination()))
    {
        let trailers = is_grpc(response.headers()).then_some(watch);
        return ControlFlow::Break(response.watched(trailers));
    }
    let credential = watch.replace_token();
    let Some((credential, retry)) = credential.zip(retry) else {
        return ControlFlow::Break(response.watched(None));
    };
    let rejected = Rejected { response, watch, retry };
    let token = match credential {
        Credential::Ready(token) => Some(token),
        Credential::Failed(_) => None,
        Credential::Pending(credential) => {
            let rejected = Some(Box::new(rejected));
            return ControlFlow::Continue(AttachState::Replacing { credential, rejected });
        }
    };
    rejected.retry(token).map_continue(|second| AttachState::Readying { second: Some(second) })
}

fn record_retry(client_id: &ClientId) {
    counter!(RETRIES, CLIENT_ID => client_id.to_string()).increment(1);
    tracing::debug!(target: TARGET, %client_id, "request sent again with another token");
}

impl<S: Service<R>, R, P: RetryMode<R>> fmt::Debug for AttachTokenFuture<S, R, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachTokenFuture").finish_non_exhaustive()
    }
}
