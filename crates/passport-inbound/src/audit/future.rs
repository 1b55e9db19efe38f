//! The response future of the audit middleware, which sends the event to the sink.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Method, Response, Uri};
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::{AuditEvent, AuditSink, AuditedCaller};
use crate::{Rejection, metrics::TARGET, response::protocol::Protocol};

/// Sends the audit event of a request to the sink: when the response begins, or when the request
/// is dropped before the response.
pub(super) struct AuditGuard {
    pub(super) caller: AuditedCaller,
    pub(super) method: Method,
    /// Only the path is recorded, because the query can contain secrets.
    pub(super) uri: Uri,
    /// The time at which the request arrived at the layer.
    pub(super) began: Instant,
    pub(super) sink: Arc<dyn AuditSink>,
    /// Whether the event was sent to the sink, so that `drop` does not send it again.
    pub(super) is_recorded: bool,
}

impl AuditGuard {
    /// Sends the event to the sink. `response` is `None` if the client disconnected or the service
    /// failed.
    fn record<B>(&mut self, response: Option<&Response<B>>) {
        self.is_recorded = true;
        let grpc_status = response.and_then(|response| response.headers().get("grpc-status"));
        let event = AuditEvent {
            caller: self.caller.get(),
            rejection: response.and_then(|response| response.extensions().get()),
            method: &self.method,
            path: self.uri.path(),
            status: response.map(Response::status),
            grpc_status: grpc_status
                .and_then(|status| status.to_str().ok()?.parse().ok())
                .or_else(|| response.and_then(grpc_web_rejection)),
            duration: self.began.elapsed(),
        };
        // A panic of the sink must not affect the response, nor abort the process in `drop`.
        if catch_unwind(AssertUnwindSafe(|| self.sink.record(&event))).is_err() {
            tracing::error!(target: TARGET, "audit sink panicked, event lost");
        }
    }
}

/// Returns the gRPC status if `response` rejects a grpc-web request, and otherwise `None`. Such
/// a response has the status in the body and not in the headers.
fn grpc_web_rejection<B>(response: &Response<B>) -> Option<u8> {
    let is_web = matches!(Protocol::of_content(response.headers()), Protocol::GrpcWeb(_));
    response.extensions().get().filter(|_| is_web).map(Rejection::grpc_code)
}

impl Drop for AuditGuard {
    fn drop(&mut self) {
        if !self.is_recorded {
            self.record::<()>(None);
        }
    }
}

pin_project! {
    /// The response future of [`Audit`](super::Audit).
    ///
    /// # Cancel safety
    /// Dropping the future cancels the request and records an event without a status.
    pub struct AuditFuture<F> {
        #[pin]
        pub(super) response: F,
        pub(super) guard: AuditGuard,
    }
}

impl<F, B, E> Future for AuditFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready!(this.response.poll(cx));
        this.guard.record(outcome.as_ref().ok());
        Poll::Ready(outcome)
    }
}

impl<F> fmt::Debug for AuditFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditFuture").finish_non_exhaustive()
    }
}
