//! Tracks how long a connection has been idle. A connection is idle while none of its requests
//! waits for the sidecar.
//!
//! An HTTP/2 client, such as a gRPC channel, keeps an idle connection open as long as the
//! client's process runs, and responds to pings. A hung client that does not read its response
//! also keeps the connection open. Without a limit on the idle time, such clients would use up
//! `limits.max_connections`.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::body::Body;
use tokio::time::{Instant, sleep_until};

use crate::body::{BodyObserver, ObservedBody, PolledFrame};

/// Counts the requests of one connection that wait for the sidecar. A request waits for the head
/// of its response, or for more of the response's body.
#[derive(Clone, Debug)]
pub(super) struct ConnectionUsage(Arc<Mutex<Usage>>);

#[derive(Debug)]
struct Usage {
    waiting: usize,
    /// When `waiting` last changed, or the client last read a part of a response.
    changed_at: Instant,
}

impl ConnectionUsage {
    /// Creates the usage of a connection without requests.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Usage { waiting: 0, changed_at: Instant::now() })))
    }

    /// Counts one more request as waiting, until the returned value is dropped.
    pub(super) fn begin(&self) -> WaitingRequest {
        self.change(|waiting| waiting + 1);
        WaitingRequest(self.clone())
    }

    /// Completes when the connection has been idle for `duration`: no request waited for the
    /// sidecar, and the client read no part of a response.
    pub(super) async fn idle_for(&self, duration: Duration) {
        loop {
            let now = Instant::now();
            let end = self.idle_since().unwrap_or(now) + duration;
            if end <= now {
                return;
            }
            sleep_until(end).await;
        }
    }

    fn idle_since(&self) -> Option<Instant> {
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

/// A request that waits for the sidecar. Dropping this value ends the wait.
#[derive(Debug)]
pub(super) struct WaitingRequest(ConnectionUsage);

impl Drop for WaitingRequest {
    fn drop(&mut self) {
        self.0.change(|waiting| waiting - 1);
    }
}

/// The body of a response. The request of the response counts as waiting for the sidecar while
/// the body is pending. It does not count while the client has data to read.
pub(super) type TrackedBody = ObservedBody<ResponseUsage>;

/// Observes the body of a response, and counts the request of the response as waiting while the
/// body is pending.
pub(super) struct ResponseUsage {
    usage: ConnectionUsage,
    waiting: Option<WaitingRequest>,
}

impl TrackedBody {
    /// Wraps a response body. `usage` counts the request as waiting while the body is pending.
    pub(super) fn new(body: Body, usage: ConnectionUsage) -> Self {
        Self { body, observer: ResponseUsage { usage, waiting: None } }
    }
}

impl BodyObserver for ResponseUsage {
    fn observe(&mut self, _: bool, polled: PolledFrame) -> PolledFrame {
        match (polled.is_pending(), self.waiting.take()) {
            (true, waiting) => self.waiting = Some(waiting.unwrap_or_else(|| self.usage.begin())),
            (false, Some(waiting)) => drop(waiting),
            // The body is polled because the client has read the last part, which restarts the idle
            // time.
            (false, None) => self.usage.change(|waiting| waiting),
        }
        polled
    }
}

#[cfg(test)]
mod tests;
