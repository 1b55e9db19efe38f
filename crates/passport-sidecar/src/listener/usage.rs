//! How long no request of a connection has waited for the sidecar. A client of HTTP/2, such as a
//! channel of gRPC, keeps an idle connection for as long as its process lives, and answers pings.
//! One that hangs does so as well, and does not read its response. Without a limit on that time,
//! such clients would use up `limits.connections`.

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

/// The requests of a connection that wait for the sidecar: for a response, or for more of its body.
#[derive(Clone, Debug)]
pub(super) struct ConnectionUsage(Arc<Mutex<Usage>>);

#[derive(Debug)]
struct Usage {
    waiting: usize,
    /// When that number last changed.
    changed_at: Instant,
}

impl ConnectionUsage {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Usage { waiting: 0, changed_at: Instant::now() })))
    }

    /// Counts a request until the returned value is dropped.
    pub(super) fn begin(&self) -> WaitingRequest {
        self.change(|waiting| waiting + 1);
        WaitingRequest(self.clone())
    }

    /// Completes when no request has waited for `time`, and no part of a response was taken.
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
        (usage.waiting == 0).then_some(usage.changed_at)
    }

    fn change(&self, waiting: impl FnOnce(usize) -> usize) {
        let mut usage = self.usage();
        *usage = Usage { waiting: waiting(usage.waiting), changed_at: Instant::now() };
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits for the sidecar, until it is dropped.
#[derive(Debug)]
pub(super) struct WaitingRequest(ConnectionUsage);

impl Drop for WaitingRequest {
    fn drop(&mut self) {
        self.0.change(|waiting| waiting - 1);
    }
}

/// The body of a response. Its request waits while the body has no next part; a part that the
/// client does not read does not count.
pub(super) struct TrackedBody {
    body: Body,
    usage: ConnectionUsage,
    waiting: Option<WaitingRequest>,
}

impl TrackedBody {
    pub(super) fn new(body: Body, usage: ConnectionUsage) -> Self {
        Self { body, usage, waiting: None }
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
        match (polled.is_pending(), self.waiting.take()) {
            (true, waiting) => self.waiting = Some(waiting.unwrap_or_else(|| self.usage.begin())),
            (false, Some(waiting)) => drop(waiting),
            // A poll means that the last part was taken, which restarts the idle time.
            (false, None) => self.usage.change(|waiting| waiting),
        }
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
