//! How long a connection has had no request. A client of HTTP/2, such as a channel of gRPC, keeps
//! an idle connection for as long as its process lives, and answers pings. Without a limit on the
//! idle time, clients that are no longer needed would use up `limits.connections`.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// The requests in flight on a connection.
#[derive(Clone, Debug)]
pub(super) struct ConnectionUsage(Arc<Mutex<Usage>>);

#[derive(Debug)]
struct Usage {
    in_flight: usize,
    /// When that number last changed.
    changed_at: Instant,
}

impl ConnectionUsage {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Usage { in_flight: 0, changed_at: Instant::now() })))
    }

    /// Counts a request until the returned value is dropped.
    pub(super) fn begin(&self) -> ActiveRequest {
        self.change(|in_flight| in_flight + 1);
        ActiveRequest(self.clone())
    }

    /// Completes when no request has been in flight for `time`.
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
        (usage.in_flight == 0).then_some(usage.changed_at)
    }

    fn change(&self, in_flight: impl FnOnce(usize) -> usize) {
        let mut usage = self.usage();
        *usage = Usage { in_flight: in_flight(usage.in_flight), changed_at: Instant::now() };
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight, until it is dropped.
#[derive(Debug)]
pub(super) struct ActiveRequest(ConnectionUsage);

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.change(|in_flight| in_flight - 1);
    }
}

#[cfg(test)]
mod tests;
