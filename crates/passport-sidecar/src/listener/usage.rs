use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

/// Tells how long no request of a connection has waited for the sidecar. A client that only answers
/// pings, or that does not take its response, moves bytes but does not use its connection, and is
/// disconnected so that others can connect.
#[derive(Clone, Debug)]
pub(super) struct ConnectionUsage(Arc<Mutex<Usage>>);

#[derive(Debug)]
struct Usage {
    /// Requests that wait for a response, or for more of it.
    waiting: usize,
    /// When that number last changed, or more of a response was taken.
    since: Instant,
}

impl ConnectionUsage {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Usage { waiting: 0, since: Instant::now() })))
    }

    /// Counts a request, until its response has been sent.
    pub(super) fn begin(&self) -> ActiveRequest {
        let mut request = ActiveRequest { connection: self.clone(), waits: false };
        request.set_waiting(true);
        request
    }

    /// Completes when no request has waited, and no response was taken, for `time`.
    pub(super) async fn unused_for(&self, time: Duration) {
        loop {
            let now = Instant::now();
            let end = self.unused_since().unwrap_or(now) + time;
            if end <= now {
                return;
            }
            sleep_until(end).await;
        }
    }

    fn unused_since(&self) -> Option<Instant> {
        let usage = self.usage();
        Some(usage.since).filter(|_| usage.waiting == 0)
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight, until it is dropped.
#[derive(Debug)]
pub(super) struct ActiveRequest {
    connection: ConnectionUsage,
    waits: bool,
}

impl ActiveRequest {
    /// Notes whether the request waits for the sidecar, or its client has something to take.
    fn set_waiting(&mut self, waits: bool) {
        let mut usage = self.connection.usage();
        match (self.waits, waits) {
            (false, true) => usage.waiting += 1,
            (true, false) => usage.waiting -= 1,
            _ => {}
        }
        usage.since = Instant::now();
        self.waits = waits;
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.set_waiting(false);
    }
}

/// The body of a response. Its connection is used while the client waits for more of it.
pub(super) struct TrackedBody {
    body: Body,
    request: ActiveRequest,
}

impl TrackedBody {
    pub(super) fn new(body: Body, mut request: ActiveRequest) -> Self {
        request.set_waiting(false);
        Self { body, request }
    }
}

impl http_body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        // A poll means that the last frame was taken; HTTP/2 may poll one frame ahead.
        self.request.set_waiting(polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
