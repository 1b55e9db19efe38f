//! The service of a [`RequireLayer`].

use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{Decision, RequestHead, RequireFuture, RequireLayer};
use crate::{RejectionBody, response::rejected::Rejected};

/// The service of a [`RequireLayer`]. It rejects callers that do not meet the requirement.
#[derive(Clone, Debug)]
pub struct Require<S> {
    pub(super) inner: S,
    pub(super) layer: RequireLayer,
}

impl<S, B, R> Service<Request<B>> for Require<S>
where
    B: 'static,
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: RejectionBody,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = RequireFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.layer.requirement.decide(RequestHead::of(&request)) {
            Decision::Allow => RequireFuture::forwarded(self.inner.call(request)),
            Decision::Reject(rejection) => {
                RequireFuture::rejected(Rejected::new(rejection, &mut request, &self.layer.rejections))
            }
            Decision::Pending(mut permission) => {
                let rejections = self.layer.rejections.clone();
                let check = Box::new(move |request: &mut _, cx: &mut Context<'_>| {
                    let result = permission.as_mut().poll(cx);
                    result.map_err(|rejection| Rejected::new(rejection, request, &rejections))
                });
                RequireFuture::checking(check, &mut self.inner, request)
            }
        }
    }
}
