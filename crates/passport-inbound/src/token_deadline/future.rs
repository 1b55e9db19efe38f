//! The response future that wraps the response body in a [`DeadlineBody`].

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::{DeadlineBody, body::StreamKind, deadline::Deadline};
use crate::{
    RejectionBody,
    response::{future::DecidedFuture, rejected::Rejected},
};

pin_project! {
    /// The response future of [`TokenDeadline`](super::TokenDeadline).
    ///
    /// # Cancel safety
    /// Dropping the future cancels the request.
    pub struct TokenDeadlineFuture<F> {
        #[pin]
        decided: DecidedFuture<WithDeadline<F>>,
    }
}

pin_project! {
    // The response future of the inner service. The body of the response gets the deadline.
    struct WithDeadline<F> {
        #[pin]
        response: F,
        deadline: Option<Deadline>,
    }
}

impl<F> TokenDeadlineFuture<F> {
    pub(super) fn forwarded(response: F, deadline: Option<Deadline>) -> Self {
        Self { decided: DecidedFuture::Forwarded { response: WithDeadline { response, deadline } } }
    }

    pub(super) fn rejected(response: Response<Bytes>) -> Self {
        Self { decided: DecidedFuture::Rejected { rejected: Rejected::without_drain(response) } }
    }
}

impl<F, B, E> Future for WithDeadline<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<DeadlineBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.response.poll(cx))?;
        let (deadline, kind) = (this.deadline.take(), StreamKind::of(response.headers()));
        Poll::Ready(Ok(response.map(|body| DeadlineBody::new(body, deadline, kind))))
    }
}

impl<F, B, E> Future for TokenDeadlineFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body + RejectionBody,
{
    type Output = Result<Response<DeadlineBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().decided.poll(cx)
    }
}

impl<F> fmt::Debug for TokenDeadlineFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenDeadlineFuture").finish_non_exhaustive()
    }
}
