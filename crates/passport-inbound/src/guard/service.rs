use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{RequireServiceAccountFuture, requirement};
use crate::{ResponseBody, answer::Answer, challenge::Protocol};

/// The service that [`RequireServiceAccountLayer`](super::RequireServiceAccountLayer) makes.
#[derive(Clone, Debug)]
pub struct RequireServiceAccount<S> {
    inner: S,
}

impl<S> RequireServiceAccount<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, B, R> Service<Request<B>> for RequireServiceAccount<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = RequireServiceAccountFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        RequireServiceAccountFuture::new(match requirement::service_account(request.extensions()) {
            Ok(()) => Answer::Inner { response: self.inner.call(request) },
            Err(rejection) => Answer::refused(rejection, Protocol::of(request.headers())),
        })
    }
}
