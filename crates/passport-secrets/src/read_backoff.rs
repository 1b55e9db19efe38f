//! When a provider is not asked, after reads of a secret that failed. Pure.

use std::time::Duration;

use passport_core::{Backoff, SecretError};

/// How long a provider is not asked after failures in a row.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// The longest `Retry-After` of a provider that is honored.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(10 * 60);

/// The failed reads since the last success. Times are those of a monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct ReadBackoff {
    last_error: Option<SecretError>,
    /// How many failures in a row.
    failures: u32,
    /// When the provider may be asked again.
    until: Duration,
}

impl ReadBackoff {
    /// Records a failure at `now`. `chance` is in 0..1.
    pub(crate) fn record_failure(&mut self, error: SecretError, now: Duration, chance: f64) {
        let retry_after = error.retry_after().unwrap_or_default().min(MAX_RETRY_AFTER);
        self.until = now + BACKOFF.pause(self.failures, chance).max(retry_after);
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(error);
    }

    /// Returns the last error if the provider is not to be asked at `now`.
    pub(crate) fn error(&self, now: Duration) -> Option<&SecretError> {
        self.last_error.as_ref().filter(|_| now < self.until)
    }
}
