//! The backoff after failed reads of a secret. Does no I/O.

use std::time::Duration;

use passport_core::{Backoff, SecretError};

/// The delays after consecutive failed reads: about 1 s, 2 s, ... up to 60 s.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// The maximum delay that a `Retry-After` of a provider can cause. A longer `Retry-After` is
/// shortened to this maximum.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10 * 60);

/// The failed reads of one secret since its last successful read. A `Duration` that is a point
/// in time is read from a monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct ReadBackoff {
    last_error: Option<SecretError>,
    /// The number of consecutive failed reads.
    failures: u32,
    /// The time before which the provider is not called again.
    until: Duration,
}

impl ReadBackoff {
    /// Stores the error of a read that failed at `now`, and starts a backoff. `chance` is a random
    /// number in 0..1 for the jitter of the backoff.
    pub(crate) fn record_failure(&mut self, error: SecretError, now: Duration, chance: f64) {
        let retry_after = error.retry_after().unwrap_or_default().min(MAX_RETRY_AFTER);
        self.until = now + BACKOFF.delay(self.failures, chance).max(retry_after);
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(error);
    }

    /// Returns the error of the last failed read if the backoff still runs at `now`. Returns `None`
    /// if no read has failed since the last success, or if the backoff has ended.
    pub(crate) fn error(&self, now: Duration) -> Option<&SecretError> {
        self.last_error.as_ref().filter(|_| now < self.until)
    }
}
