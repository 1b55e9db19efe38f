use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{Decision, RequestHead, RequireFuture, Requirement};
use crate::{
    ResponseBody,
    response::{drain::Drain, rejection_config::RejectionConfig, render::reject},
};

/// The service that [`RequireLayer`](super::RequireLayer) makes.
#[derive(Clone, Debug)]
pub struct Require<S> {
    inner: S,
    requirement: Requirement,
    rejections: RejectionConfig,
}

impl<S> Require<S> {
    pub(super) fn new(inner: S, requirement: Requirement, rejections: RejectionConfig) -> Self {
        Self { inner, requirement, rejections }
    }

    /// Returns the inner service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, B, R> Service<Request<B>> for Require<S>
where
    B: 'static,
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = RequireFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match self.requirement.decide(RequestHead::of(&request)) {
            Decision::Allow => RequireFuture::forwarded(self.inner.call(request)),
            Decision::Reject(rejection) => {
                let response = reject(rejection, &request, &self.rejections);
                RequireFuture::rejected(response, Drain::of(request))
            }
            Decision::Pending(mut permission) => {
                let rejections = self.rejections.clone();
                let check = Box::new(move |request: &mut _, cx: &mut Context<'_>| {
                    let result = permission.as_mut().poll(cx);
                    result.map_err(|rejection| reject(rejection, request, &rejections))
                });
                RequireFuture::checking(check, &mut self.inner, request)
            }
        }
    }
}
