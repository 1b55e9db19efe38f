//! The response futures that the middleware shares.

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    body::ResponseBody, drain::Drain, rejection::Rejection, rejection_config::RejectionConfig, render::reject,
};

/// A check that a request has to pass before the inner service is called.
pub(crate) trait Check<B> {
    /// Checks the request, and prepares it for the inner service.
    fn poll(&mut self, request: &mut Request<B>, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>>;

    fn rejection_config(&self) -> &RejectionConfig;
}

pin_project! {
    /// The future of a request that is forwarded, rejected, or waits for a check `C`.
    pub(crate) struct CheckedFuture<S, B, C>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B, C>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, C>
    where
        S: Service<Request<B>>,
    {
        /// The hot path starts here.
        Decided { #[pin] future: DecidedFuture<S::Future> },
        /// Boxed, as a future is moved more than once before it is polled.
        Checking { pending: Option<Box<Pending<S, B, C>>> },
    }
}

struct Pending<S, B, C> {
    check: C,
    /// The service that was polled ready. It holds whatever permit that reserved.
    ready: S,
    request: Request<B>,
}

impl<S: Service<Request<B>>, B, C> CheckedFuture<S, B, C> {
    #[inline(always)] // each call of it would move the response's future once more
    pub(crate) fn forwarded(response: S::Future) -> Self {
        Self { state: State::Decided { future: DecidedFuture::Forwarded { response } } }
    }

    pub(crate) fn rejected(response: Response<Bytes>, drain: Option<Box<Drain>>) -> Self {
        Self { state: State::Decided { future: DecidedFuture::rejected(response, drain) } }
    }

    /// Moves the service that was polled ready into the future, and leaves a clone of it in its
    /// place. See "Be careful when cloning inner services" in the documentation of
    /// `tower::Service`.
    pub(crate) fn checking(check: C, service: &mut S, request: Request<B>) -> Self
    where
        S: Clone,
    {
        let not_ready = service.clone();
        let ready = mem::replace(service, not_ready);
        let pending = Box::new(Pending { check, ready, request });
        Self { state: State::Checking { pending: Some(pending) } }
    }
}

impl<S: Service<Request<B>>, B: 'static, C: Check<B>> Pending<S, B, C> {
    fn decided(mut self, outcome: Result<(), Rejection>) -> DecidedFuture<S::Future> {
        match outcome {
            Ok(()) => DecidedFuture::Forwarded { response: self.ready.call(self.request) },
            Err(rejection) => {
                let response = reject(rejection, &self.request, self.check.rejection_config());
                DecidedFuture::rejected(response, Drain::of(self.request))
            }
        }
    }
}

impl<S, B, C, R> Future for CheckedFuture<S, B, C>
where
    B: 'static,
    C: Check<B>,
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Decided { future } => return future.poll(cx),
                StateProjection::Checking { pending: slot } => {
                    let pending = slot.as_mut().expect("the state changes when the check is done");
                    let outcome = ready!(pending.check.poll(&mut pending.request, cx));
                    let pending = slot.take().expect("it was there a moment ago");
                    state.set(State::Decided { future: pending.decided(outcome) });
                }
            }
        }
    }
}

pin_project! {
    /// The future of a request that is forwarded or rejected.
    #[project = DecidedProjection]
    pub(crate) enum DecidedFuture<F> {
        Forwarded { #[pin] response: F },
        /// The inner service never sees the request.
        Rejected { response: Option<Response<Bytes>>, drain: Option<Box<Drain>> },
    }
}

impl<F> DecidedFuture<F> {
    /// `drain` is the rest of the request's body, which is read first.
    pub(crate) fn rejected(response: Response<Bytes>, drain: Option<Box<Drain>>) -> Self {
        Self::Rejected { response: Some(response), drain }
    }
}

impl<F, B, E> Future for DecidedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    #[inline(always)] // each call of it would move the response once more
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            DecidedProjection::Forwarded { response } => {
                response.poll(cx).map_ok(|response| response.map(ResponseBody::inner))
            }
            DecidedProjection::Rejected { response, drain } => {
                if let Some(drain) = drain {
                    ready!(drain.poll(cx));
                }
                let response = response.take().expect("polled again after it was ready");
                Poll::Ready(Ok(response.map(ResponseBody::rejection)))
            }
        }
    }
}
