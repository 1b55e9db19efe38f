//! The response futures of the middleware.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{rejected::Rejected, rejection_body::RejectionBody};

/// A function that polls the authentication or authorization of a request.
///
/// - On success, the function has prepared the request for the inner service.
/// - Otherwise, the function has rejected the request.
pub(crate) type RequestCheck<B> =
    Box<dyn FnMut(&mut Request<B>, &mut Context<'_>) -> Poll<Result<(), Rejected>> + Send>;

pin_project! {
    /// The response future of [`Authenticate`](crate::Authenticate) and
    /// [`Require`](crate::Require).
    ///
    /// # Cancel safety
    /// Dropping the future cancels the request and its permission check. A JWKS refresh that the
    /// request waits for continues, because other requests share it.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        stage: Stage<S, B>,
    }
}

pin_project! {
    #[project = StageProjection]
    enum Stage<S, B>
    where
        S: Service<Request<B>>,
    {
        /// The request is forwarded or rejected. On the hot path, this is the first stage.
        Decided { #[pin] future: DecidedFuture<S::Future> },
        /// The request waits for its check. Boxed, so that the future is cheap to move.
        Checking { pending: Option<Box<Pending<S, B>>> },
    }
}

/// A request that waits for its check, with the service that is called if the check succeeds.
struct Pending<S, B> {
    check: RequestCheck<B>,
    /// The service that was polled ready. The service holds what its `poll_ready` has reserved,
    /// such as a concurrency permit.
    ready: S,
    request: Request<B>,
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    #[inline(always)] // a call would move the response future once more
    pub(crate) fn forwarded(response: S::Future) -> Self {
        Self { stage: Stage::Decided { future: DecidedFuture::Forwarded { response } } }
    }

    pub(crate) fn rejected(rejected: Rejected) -> Self {
        Self { stage: Stage::Decided { future: DecidedFuture::Rejected { rejected } } }
    }

    /// Creates a future that waits for `check`.
    ///
    /// Moves the service that was polled ready into the future, and replaces `service` by a clone.
    /// See "Be careful when cloning inner services" in the documentation of `tower::Service`.
    pub(crate) fn checking(check: RequestCheck<B>, service: &mut S, request: Request<B>) -> Self
    where
        S: Clone,
    {
        let not_ready = service.clone();
        let ready = mem::replace(service, not_ready);
        let pending = Box::new(Pending { check, ready, request });
        Self { stage: Stage::Checking { pending: Some(pending) } }
    }
}

impl<S: Service<Request<B>>, B> Pending<S, B> {
    /// Calls the inner service, or rejects the request, depending on the result of the check.
    fn decided(mut self, result: Result<(), Rejected>) -> DecidedFuture<S::Future> {
        match result {
            Ok(()) => DecidedFuture::Forwarded { response: self.ready.call(self.request) },
            Err(rejected) => DecidedFuture::Rejected { rejected },
        }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: RejectionBody,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut stage = self.project().stage;
        loop {
            match stage.as_mut().project() {
                StageProjection::Decided { future } => return future.poll(cx),
                StageProjection::Checking { pending: checking } => {
                    let pending = checking.as_mut().expect("the stage changes when the check is done");
                    let result = ready!((pending.check)(&mut pending.request, cx));
                    let pending = checking.take().expect("the check has just been polled");
                    stage.set(Stage::Decided { future: pending.decided(result) });
                }
            }
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

pin_project! {
    /// The response future of a request that is forwarded or rejected.
    #[project = DecidedProjection]
    pub(crate) enum DecidedFuture<F> {
        Forwarded { #[pin] response: F },
        /// The inner service never sees the request.
        Rejected { rejected: Rejected },
    }
}

impl<F, B, E> Future for DecidedFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: RejectionBody,
{
    type Output = F::Output;

    #[inline(always)] // a call would move the response once more
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            DecidedProjection::Forwarded { response } => response.poll(cx),
            DecidedProjection::Rejected { rejected } => {
                let response = ready!(rejected.poll(cx));
                Poll::Ready(Ok(response.map(B::from_rejection)))
            }
        }
    }
}
