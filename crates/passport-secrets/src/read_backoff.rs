//! The backoff after failed reads of a secret. Pure.

use std::time::Duration;

use passport_core::{Backoff, SecretError};

/// The pause after consecutive failures: about 1 s, 2 s, ... up to 60 s.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// The longest `Retry-After` of a provider that is respected.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10 * 60);

/// The failed reads since the last success. Times are those of a monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct ReadBackoff {
    last_error: Option<SecretError>,
    /// The number of consecutive failures.
    failures: u32,
    /// The end of the backoff.
    until: Duration,
}

impl ReadBackoff {
    /// Records a failure at `now` and starts a backoff. `chance` in 0..1 determines its jitter.
    pub(crate) fn record_failure(&mut self, error: SecretError, now: Duration, chance: f64) {
        let retry_after = error.retry_after().unwrap_or_default().min(MAX_RETRY_AFTER);
        self.until = now + BACKOFF.delay(self.failures, chance).max(retry_after);
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(error);
    }

    /// Returns the last error during the backoff, and `None` after it.
    pub(crate) fn error(&self, now: Duration) -> Option<&SecretError> {
        self.last_error.as_ref().filter(|_| now < self.until)
    }
}
