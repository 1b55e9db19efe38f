use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{Look, RequestHead, RequireFuture, Requirement};
use crate::{
    ResponseBody,
    response::{
        drain::Drain,
        future::{Gate, Pending, Terms},
        rejection_config::RejectionConfig,
        render::refuse,
    },
};

/// The service of a guard, such as [`RequireServiceAccountLayer`](super::RequireServiceAccountLayer) makes.
#[derive(Clone, Debug)]
pub struct Require<S> {
    inner: S,
    requirement: Requirement,
    responder: RejectionConfig,
}

impl<S> Require<S> {
    pub(super) fn new(inner: S, requirement: Requirement, responder: RejectionConfig) -> Self {
        Self { inner, requirement, responder }
    }

    /// The service inside.
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
        let gate = match self.requirement.look(RequestHead::of(&request)) {
            Look::Pass => Gate::passed(self.inner.call(request)),
            Look::Refuse(rejection) => {
                let refusal = refuse(rejection, &request, &self.responder);
                Gate::refused(refusal, Drain::of(request))
            }

            Look::Ask(asking) => {
                let terms = Terms { responder: self.responder.clone(), ..Terms::default() };
                Gate::waiting(Pending::Permission(asking), &mut self.inner, request, terms)
            }
        };
        RequireFuture { gate }
    }
}

/// So that a single service of a tonic server can be guarded: its name is that of the service inside.
#[cfg(feature = "tonic")]
impl<S: tonic::server::NamedService> tonic::server::NamedService for Require<S> {
    const NAME: &'static str = S::NAME;
}
