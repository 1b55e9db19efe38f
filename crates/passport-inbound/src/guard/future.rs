use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use crate::{ResponseBody, answer::Answer};

pin_project! {
    /// The response future of [`RequireServiceAccount`](super::RequireServiceAccount).
    pub struct RequireServiceAccountFuture<F> {
        #[pin]
        answer: Answer<F>,
    }
}

impl<F> RequireServiceAccountFuture<F> {
    pub(super) fn new(answer: Answer<F>) -> Self {
        Self { answer }
    }
}

impl<F, B, E> Future for RequireServiceAccountFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().answer.poll(cx)
    }
}

impl<F> fmt::Debug for RequireServiceAccountFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireServiceAccountFuture").finish_non_exhaustive()
    }
}
