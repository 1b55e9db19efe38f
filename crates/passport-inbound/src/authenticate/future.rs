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

/// A verdict that needs keys, or a turn, first. Boxed, as most requests have none.
pub(super) struct PendingVerdict(Pin<Box<dyn Future<Output = Result<IdInfo, VerifyError>> + Send>>);

impl PendingVerdict {
    pub(super) fn new(wait: impl Future<Output = Result<IdInfo, VerifyError>> + Send + 'static) -> Self {
        Self(Box::pin(wait))
    }
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
        /// Not decided yet. Holds the ready service, and whatever permit it stands for.
        Waiting { verdict: PendingVerdict, ready: S, request: Option<Request<B>>, responder: Responder },
    }
}

impl<S: Service<Request<B>>, B> AuthenticateFuture<S, B> {
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
    ) -> Self {
        Self { state: State::Waiting { verdict, ready, request: Some(request), responder } }
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
                StateProjection::Waiting { verdict, ready, request, responder } => {
                    let verdict = ready!(verdict.0.as_mut().poll(cx));
                    let mut request = request.take().expect("polled again after it was ready");
                    let answer = match verdict {
                        Ok(caller) => {
                            introduce(&mut request, caller);
                            Answer::Inner { response: ready.call(request) }
                        }
                        Err(error) => {
                            Answer::refused(refusal(error.into(), Protocol::of(&request), responder))
                        }
                    };
                    state.set(State::Decided { answer });
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
