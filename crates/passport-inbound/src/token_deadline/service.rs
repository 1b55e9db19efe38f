//! The service of a [`TokenDeadlineLayer`].

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{DeadlineBody, TokenDeadlineFuture, TokenDeadlineLayer, deadline::Deadline};
use crate::{
    Rejection, RejectionBody,
    response::{rejection::required_identity, rejection_config::RejectionConfig, render::reject},
};

/// The service of a [`TokenDeadlineLayer`]. It ends response bodies when the token expires.
#[derive(Clone, Debug)]
pub struct TokenDeadline<S> {
    pub(super) inner: S,
    pub(super) layer: TokenDeadlineLayer,
}

impl<S, B, R> Service<Request<B>> for TokenDeadline<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body + RejectionBody,
{
    type Response = Response<DeadlineBody<R>>;
    type Error = S::Error;
    type Future = TokenDeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let deadline = match required_identity(request.extensions()) {
            Ok(caller) => Some(Deadline::of(caller, Arc::clone(&self.layer.clock))),
            // An anonymous request has no token, so its response has no deadline.
            Err(Rejection::MissingCredentials) => None,
            Err(rejection) => {
                return TokenDeadlineFuture::rejected(reject(
                    rejection,
                    &mut request,
                    &RejectionConfig::default(),
                ));
            }
        };
        TokenDeadlineFuture::forwarded(self.inner.call(request), deadline)
    }
}
