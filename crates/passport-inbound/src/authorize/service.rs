use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{
    Decision, RequestHead, Requirement,
    future::{PendingPermission, RequireFuture},
};
use crate::{
    ResponseBody,
    response::{drain::Drain, future::CheckedFuture, rejection_config::RejectionConfig, render::reject},
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
        let checked = match self.requirement.decide(RequestHead::of(&request)) {
            Decision::Allow => CheckedFuture::forwarded(self.inner.call(request)),
            Decision::Reject(rejection) => {
                let response = reject(rejection, &request, &self.rejections);
                CheckedFuture::rejected(response, Drain::of(request))
            }
            Decision::Ask(permission) => {
                let check = PendingPermission { permission, rejections: self.rejections.clone() };
                CheckedFuture::checking(check, &mut self.inner, request)
            }
        };
        RequireFuture { checked }
    }
}
