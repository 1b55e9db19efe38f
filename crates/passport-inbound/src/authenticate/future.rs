use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::service::introduce;
use crate::{
    IdInfo, ResponseBody, VerifyError,
    answer::Answer,
    challenge::{Protocol, refusal},
    respond::Responder,
};

/// A verdict that needs keys, or a turn, first.
pub(super) struct PendingVerdict(Pin<Box<dyn Future<Output = Result<IdInfo, VerifyError>> + Send>>);

impl PendingVerdict {
    pub(super) fn new(wait: impl Future<Output = Result<IdInfo, VerifyError>> + Send + 'static) -> Self {
        Self(Box::pin(wait))
    }
}

/// A request that is not decided yet.
struct Undecided<S, B> {
    verdict: PendingVerdict,
    /// Holds whatever permit it stands for.
    ready: S,
    request: Request<B>,
    responder: Responder,
    hands_on: bool,
}

pin_project! {
    /// The response future of [`Authenticate`](super::Authenticate).
    ///
    /// # Cancel safety
    /// Dropping it ends this request. Keys that are being fetched are fetched all the same, for whoever comes next.
    pub struct AuthenticateFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        /// Decided. The hot path starts here.
        Decided { #[pin] answer: Answer<S::Future> },
        /// Boxed, as most requests are decided at once, and a future is moved more than once before it is polled.
        Waiting { undecided: Option<Box<Undecided<S, B>>> },
    }
}

impl<S: Service<Request<B>>, B> AuthenticateFuture<S, B> {
    #[inline(always)] // each call of it would move the response's future once more
    pub(super) fn passed(response: S::Future) -> Self {
        Self { state: State::Decided { answer: Answer::Inner { response } } }
    }

    pub(super) fn refused(refusal: Response<Bytes>) -> Self {
        Self { state: State::Decided { answer: Answer::refused(refusal) } }
    }

    pub(super) fn waiting(
        verdict: PendingVerdict,
        ready: S,
        request: Request<B>,
        responder: Responder,
        hands_on: bool,
    ) -> Self {
        let undecided = Some(Box::new(Undecided { verdict, ready, request, responder, hands_on }));
        Self { state: State::Waiting { undecided } }
    }
}

impl<S: Service<Request<B>>, B> Undecided<S, B> {
    fn decided(mut self, verdict: Result<IdInfo, VerifyError>) -> Answer<S::Future> {
        match verdict {
            Ok(caller) => {
                introduce(&mut self.request, caller, self.hands_on);
                Answer::Inner { response: self.ready.call(self.request) }
            }
            Err(error) => {
                Answer::refused(refusal(error.into(), Protocol::of(&self.request), &self.responder))
            }
        }
    }
}

impl<S, B, R> Future for AuthenticateFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Decided { answer } => return answer.poll(cx),
                StateProjection::Waiting { undecided: waiting } => {
                    let undecided = waiting.as_mut().expect("the state changes when the verdict is there");
                    let verdict = ready!(undecided.verdict.0.as_mut().poll(cx));
                    let undecided = waiting.take().expect("it was there a moment ago");
                    state.set(State::Decided { answer: undecided.decided(verdict) });
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for AuthenticateFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateFuture").finish_non_exhaustive()
    }
}
