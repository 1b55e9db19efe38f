//! The response future of the layer. If a valid token is cached, the future only waits for the
//! response. In the other cases, it has further states ([`SlowState`]).

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    OutboundRequest, OutboundResponse, RetryMode, TrailerMode,
    error::BoxError,
    response::sealed::ResponseHead,
    response_watch::ResponseWatch,
    retry::{Rejected, Retry},
    state::{AttachState, AttachStateProjection, NextState, SlowState},
    token_rejection::{is_grpc, rejects_token},
    trailer_mode::sealed::Respond,
};
use crate::token::Credential;

pin_project! {
    /// The response future of [`AttachToken`](super::AttachToken).
    ///
    /// # Cancel safety
    /// Dropping the future cancels the request. A running token fetch continues, so that the next
    /// request can use the token.
    pub struct AttachTokenFuture<S, R, P, T>
    where
        S: Service<R>,
        P: RetryMode<R>,
    {
        #[pin]
        state: AttachState<S, R, P>,
        trailers: PhantomData<fn() -> T>,
    }
}

impl<S: Service<R>, R, P: RetryMode<R>, T> AttachTokenFuture<S, R, P, T> {
    /// Creates a future that waits for the response to a request that is not retried. `watch` is
    /// `None` if the request was sent without the token of the identity.
    #[inline(always)] // a function call would move the response future once more
    pub(super) fn sent(response: S::Future, watch: Option<ResponseWatch>) -> Self {
        AttachState::Sent { response, watch, retry: None }.into()
    }
}

impl<S: Service<R>, R, P: RetryMode<R>, T> From<AttachState<S, R, P>> for AttachTokenFuture<S, R, P, T> {
    #[inline(always)] // a function call would move the response future once more
    fn from(state: AttachState<S, R, P>) -> Self {
        Self { state, trailers: PhantomData }
    }
}

impl<S, R, P, T> Future for AttachTokenFuture<S, R, P, T>
where
    S: Service<R> + Clone,
    S::Response: OutboundResponse,
    S::Error: Into<BoxError>,
    R: OutboundRequest,
    P: RetryMode<R>,
    T: TrailerMode<S::Response>,
{
    type Output = Result<<T as Respond<S::Response>>::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                AttachStateProjection::Sent { response, watch, retry } => {
                    let response = match ready!(response.poll(cx)) {
                        Ok(response) => response,
                        Err(error) => return Poll::Ready(Err(error.into())),
                    };
                    let may_be_rejected =
                        watch.as_ref().is_some_and(|watch| watch.may_be_rejected_by(response.status()));
                    if !may_be_rejected {
                        return Poll::Ready(Ok(T::respond(response, None)));
                    }
                    match next_step::<S, R, P, T>(response, watch.take(), retry.take()) {
                        ControlFlow::Break(response) => return Poll::Ready(Ok(response)),
                        ControlFlow::Continue(next) => next,
                    }
                }
                AttachStateProjection::Slow { state } => match ready!(state.poll(cx))? {
                    NextState::State(next) => next,
                    NextState::Respond(response) => return Poll::Ready(Ok(T::respond(response, None))),
                },
            };
            state.set(next);
        }
    }
}

/// Returns the next state after `response`. If the request is not retried, returns `response`
/// itself, which is the result of the call. The request is retried only if all of these are
/// true:
///
/// - The response rejects the token.
/// - The identity has a newer token, or is fetching one.
/// - The request was saved.
#[cold]
fn next_step<S, R, P, T>(
    response: S::Response,
    watch: Option<ResponseWatch>,
    retry: Option<Retry<S, R, P>>,
) -> ControlFlow<<T as Respond<S::Response>>::Response, AttachState<S, R, P>>
where
    S: Service<R>,
    S::Response: OutboundResponse,
    R: OutboundRequest,
    P: RetryMode<R>,
    T: TrailerMode<S::Response>,
{
    let Some(watch) = watch else { return ControlFlow::Break(T::respond(response, None)) };
    if !(rejects_token(response.status(), response.headers())
        && watch.token_was_sent_to(response.final_destination()))
    {
        let trailers = is_grpc(response.headers()).then_some(watch);
        return ControlFlow::Break(T::respond(response, trailers));
    }
    let credential = watch.replace_token();
    let Some((credential, retry)) = credential.zip(retry) else {
        return ControlFlow::Break(T::respond(response, None));
    };
    let rejected = Rejected { response, watch, retry };
    let token = match credential {
        Credential::Ready(token) => Some(token),
        Credential::Failed(_) => None,
        Credential::Pending(credential) => {
            let rejected = Some(rejected);
            return ControlFlow::Continue(SlowState::Replacing { credential, rejected }.into());
        }
    };
    match rejected.retry(token) {
        ControlFlow::Break(response) => ControlFlow::Break(T::respond(response, None)),
        ControlFlow::Continue(second) => ControlFlow::Continue(SlowState::Readying(Some(second)).into()),
    }
}

impl<S: Service<R>, R, P: RetryMode<R>, T> fmt::Debug for AttachTokenFuture<S, R, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachTokenFuture").finish_non_exhaustive()
    }
}
