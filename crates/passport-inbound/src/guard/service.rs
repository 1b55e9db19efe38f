use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{RequireFuture, Requirement};
use crate::{ResponseBody, answer::Answer, challenge::Protocol};

/// The service of a guard, such as [`RequireServiceAccountLayer`](super::RequireServiceAccountLayer) makes.
#[derive(Clone, Debug)]
pub struct Require<S> {
    inner: S,
    requirement: Requirement,
}

impl<S> Require<S> {
    pub(super) fn new(inner: S, requirement: Requirement) -> Self {
        Self { inner, requirement }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Require<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = RequireFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        RequireFuture::new(match self.requirement.check(request.extensions()) {
            Ok(()) => Answer::Inner { response: self.inner.call(request) },
            Err(rejection) => Answer::refused(rejection, Protocol::of(&request)),
        })
    }
}
