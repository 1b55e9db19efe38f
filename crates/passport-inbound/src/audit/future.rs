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

use super::{AuditEvent, AuditSink, Slot};
use crate::{Rejection, response::protocol::Protocol, telemetry};

/// What was seen of a request.
pub(super) struct Seen {
    pub(super) slot: Slot,
    pub(super) method: Method,
    /// Of which the query is never shown.
    pub(super) uri: Uri,
    pub(super) began: Instant,
    pub(super) sink: Arc<dyn AuditSink>,
    pub(super) is_recorded: bool,
}

impl Seen {
    /// What became of it: a response, or none, as the caller has hung up or the service has failed.
    fn record<B>(&mut self, response: Option<&Response<B>>) {
        self.is_recorded = true;
        let grpc_status = response.and_then(|response| response.headers().get("grpc-status"));
        let event = AuditEvent {
            caller: self.slot.caller(),
            rejection: response.and_then(|response| response.extensions().get()),
            method: &self.method,
            path: self.uri.path(),
            status: response.map(Response::status),
            grpc_status: grpc_status
                .and_then(|status| status.to_str().ok()?.parse().ok())
                .or_else(|| response.and_then(refusal_in_grpc_web)),
            duration: self.began.elapsed(),
        };
        // Not into the answer, and not out of a `drop`.
        if catch_unwind(AssertUnwindSafe(|| self.sink.record(&event))).is_err() {
            telemetry::audit_failed();
        }
    }
}

/// The status of a refusal in grpc-web, which stands in the body.
fn refusal_in_grpc_web<B>(response: &Response<B>) -> Option<u8> {
    let is_web = matches!(Protocol::of_content(response.headers()), Protocol::GrpcWeb(_));
    response.extensions().get().filter(|_| is_web).map(Rejection::grpc_code)
}

/// Whoever hangs up has called all the same.
impl Drop for Seen {
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
    /// Dropping it ends the request, and writes down that there was no response.
    pub struct AuditFuture<F> {
        #[pin]
        response: F,
        seen: Seen,
    }
}

impl<F> AuditFuture<F> {
    pub(super) fn new(response: F, seen: Seen) -> Self {
        Self { response, seen }
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
        this.seen.record(outcome.as_ref().ok());
        Poll::Ready(outcome)
    }
}

impl<F> fmt::Debug for AuditFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditFuture").finish_non_exhaustive()
    }
}
