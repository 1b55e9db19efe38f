//! Tracks how long a connection has been idle: without a request that waits for the sidecar.
//!
//! An HTTP/2 client, such as a gRPC channel, keeps an idle connection as long as its process
//! lives, and answers pings. So does a hung client, which does not read its response. Without a
//! limit on the idle time, such clients would use up `limits.max_connections`.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::body::Body;
use tokio::time::{Instant, sleep_until};

use crate::body::{BodyObserver, ObservedBody, PolledFrame};

/// Counts the requests of a connection that wait for the sidecar: for a response, or for more of
/// its body.
#[derive(Clone, Debug)]
pub(super) struct ConnectionUsage(Arc<Mutex<Usage>>);

#[derive(Debug)]
struct Usage {
    waiting: usize,
    /// When `waiting` last changed.
    changed_at: Instant,
}

impl ConnectionUsage {
    /// Creates the usage of a connection without requests.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Usage { waiting: 0, changed_at: Instant::now() })))
    }

    /// Counts a request until the returned value is dropped.
    pub(super) fn begin(&self) -> WaitingRequest {
        self.change(|waiting| waiting + 1);
        WaitingRequest(self.clone())
    }

    /// Completes when the connection was idle for `time`: no request waited, and the client read no
    /// part of a response.
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

/// A request that waits for the sidecar, counted until it is dropped.
#[derive(Debug)]
pub(super) struct WaitingRequest(ConnectionUsage);

impl Drop for WaitingRequest {
    fn drop(&mut self) {
        self.0.change(|waiting| waiting - 1);
    }
}

/// The body of a response. Its request waits for the sidecar while the body has no next part. It
/// does not while the client has to read a part.
pub(super) type TrackedBody = ObservedBody<ResponseUsage>;

/// The observer of a response's body.
pub(super) struct ResponseUsage {
    usage: ConnectionUsage,
    waiting: Option<WaitingRequest>,
}

impl TrackedBody {
    /// Wraps the body of a response on the connection of `usage`.
    pub(super) fn new(body: Body, usage: ConnectionUsage) -> Self {
        Self { body, observer: ResponseUsage { usage, waiting: None } }
    }
}

impl BodyObserver for ResponseUsage {
    fn observe(&mut self, _: &Body, polled: PolledFrame) -> PolledFrame {
        match (polled.is_pending(), self.waiting.take()) {
            (true, waiting) => self.waiting = Some(waiting.unwrap_or_else(|| self.usage.begin())),
            (false, Some(waiting)) => drop(waiting),
            // A poll means that the client has read the last part, which restarts the idle time.
            (false, None) => self.usage.change(|waiting| waiting),
        }
        polled
    }
}

#[cfg(test)]
mod tests;
