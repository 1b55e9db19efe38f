//! The service of an [`AuditLayer`].

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tokio::time::Instant;
use tower_service::Service;

use super::{AuditFuture, AuditLayer, AuditedCaller, future::AuditGuard};

/// The service of an [`AuditLayer`]. It records audit events.
#[derive(Clone, Debug)]
pub struct Audit<S> {
    pub(super) inner: S,
    pub(super) layer: AuditLayer,
}

impl<S, B, R> Service<Request<B>> for Audit<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = AuditFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // If there is an `AuditLayer` outside this one, both layers use the same cell for the
        // caller.
        let caller = request.extensions_mut().get_or_insert_default::<AuditedCaller>().clone();
        let guard = AuditGuard {
            caller,
            method: request.method().clone(),
            uri: request.uri().clone(),
            began: Instant::now(),
            sink: Arc::clone(&self.layer.sink),
            is_recorded: false,
        };
        AuditFuture { response: self.inner.call(request), guard }
    }
}
