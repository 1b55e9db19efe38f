use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{EndStreamsFuture, EndStreamsLayer, ExpiringBody, deadline::Deadline};
use crate::{
    Rejection, ResponseBody,
    response::{rejection::required_identity, rejection_config::RejectionConfig, render::reject},
};

/// The service that [`EndStreamsLayer`] makes.
#[derive(Clone, Debug)]
pub struct EndStreams<S> {
    pub(super) inner: S,
    pub(super) layer: EndStreamsLayer,
}

impl<S, B, R> Service<Request<B>> for EndStreams<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Response = Response<ResponseBody<ExpiringBody<R>>>;
    type Error = S::Error;
    type Future = EndStreamsFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let deadline = match required_identity(request.extensions()) {
            Ok(caller) => Some(Deadline::of(caller, Arc::clone(&self.layer.clock))),
            // An anonymous request has no token that could expire.
            Err(Rejection::CredentialsMissing) => None,
            Err(miswired) => {
                return EndStreamsFuture::rejected(reject(miswired, &request, &RejectionConfig::default()));
            }
        };
        EndStreamsFuture::forwarded(self.inner.call(request), deadline)
    }
}
