//! Computes the backoff after failed token fetches. Pure.

use std::time::{Duration, SystemTime};

use passport_core::Backoff;

/// The maximum of the first backoff.
const FIRST_MAX_DELAY: Duration = Duration::from_millis(500);

/// The backoff while a token is valid: its maximum doubles from 0.5 s to 30 s.
const WITH_TOKEN: Backoff = Backoff::new(FIRST_MAX_DELAY, Duration::from_secs(30));

/// The backoff without a valid token: its maximum doubles from 0.5 s to 8 s. This maximum is
/// shorter, because calls without a valid token fail until the next token fetch.
const WITHOUT_TOKEN: Backoff = Backoff::new(FIRST_MAX_DELAY, Duration::from_secs(8));

/// The number of consecutive failures after which calls without a valid token still wait for the
/// retry. After further failures, such calls fail immediately.
const RETRIED_FAILURES: u32 = 2;

/// The longest backoff that calls without a valid token wait for. During a longer backoff, such
/// calls fail immediately.
const MAX_AWAITED_BACKOFF: Duration = Duration::from_secs(1);

/// The count of consecutive failures restarts at 0 if no token fetch failed within this time
/// after the end of the last backoff. An outage can have ended in that time.
const RESET_AFTER: Duration = Duration::from_secs(60);

/// The minimum backoff as a fraction of the maximum. Without a minimum, a small random number
/// would cause an immediate retry.
const MIN_FRACTION: f64 = 0.1;

/// The minimum backoff after Passport rejected the client. This backoff is long, because
/// Passport's audit treats many rejections in a short time as an attack.
const REJECTED: Duration = Duration::from_secs(10);

/// The maximum random time that is added to [`REJECTED`], so that the instances of a service
/// with a wrong secret retry at different times.
const REJECTED_JITTER: Duration = Duration::from_secs(5);

/// The maximum backoff after Passport returned the current token instead of a new one.
const UNCHANGED: Duration = Duration::from_secs(5);
/// The minimum backoff after Passport returned the current token again. It applies if the
/// current token expires sooner.
const MIN_UNCHANGED: Duration = Duration::from_secs(1);

/// The longest `Retry-After` that is respected. A longer delay counts as one hour.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// A period in which no other token fetch starts: the time limit of the running fetch, or a
/// backoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AttemptWindow {
    /// The end of the period in which no other token fetch starts.
    pub(crate) until: SystemTime,
    /// Whether calls without a valid token wait for the end of this backoff, and then retry. If
    /// false, such calls fail immediately. Always false for a running fetch.
    pub(crate) callers_wait: bool,
}

impl AttemptWindow {
    /// Creates a period of `length` that begins at `now`, with `callers_wait` set to false.
    pub(crate) fn starting(now: SystemTime, length: Duration) -> Self {
        Self { until: now.checked_add(length).unwrap_or(now), callers_wait: false }
    }

    /// Returns whether `now` is before the end of the period.
    pub(crate) fn covers(&self, now: SystemTime) -> bool {
        now < self.until
    }
}

/// Counts consecutive failed token fetches, and computes the backoff after each failure.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RetryBackoff {
    failures: u32,
    /// The end of the last backoff. `None` before the first failure.
    ended: Option<SystemTime>,
}

/// A failed token fetch, from which the backoff is computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedAttempt {
    /// The duration of the fetch.
    pub(crate) took: Duration,
    /// How long the cached token is still valid; zero if the token has expired. `None` if no token
    /// is cached.
    pub(crate) left: Option<Duration>,
    /// The delay in the `Retry-After` header of the response, if there is one.
    pub(crate) retry_after: Option<Duration>,
    /// The random number for the jitter, in 0..1.
    pub(crate) random: f64,
}

impl RetryBackoff {
    /// Counts a transient failure, and returns the backoff after that failure.
    ///
    /// The backoff is a random fraction, at least a tenth, of a maximum delay (full jitter):
    /// - The maximum doubles with each consecutive failure, from 0.5 s to 30 s. Without a valid
    ///   token, the maximum doubles to 8 s only.
    /// - The duration of the failed fetch is deducted from the maximum, because it has already
    ///   delayed the next fetch. At least a third of the maximum remains, so that the instances of
    ///   a service do not retry at the same time.
    /// - While a token is valid, the backoff ends at the latest when a backoff that begins at the
    ///   expiry of the token would end.
    /// - `Retry-After` is the minimum of the backoff.
    ///
    /// Calls without a valid token wait for the first two backoffs. If such a backoff is longer
    /// than 1 s, these calls fail immediately.
    pub(crate) fn failed(&mut self, now: SystemTime, attempt: FailedAttempt) -> AttemptWindow {
        let FailedAttempt { took, left, retry_after, random } = attempt;
        if self
            .ended
            .and_then(|ended| now.duration_since(ended).ok())
            .is_some_and(|quiet| quiet > RESET_AFTER)
        {
            self.failures = 0;
        }
        let earlier = self.failures;
        self.failures = earlier.saturating_add(1);
        let jittered = |backoff: Backoff| {
            let max_delay = backoff.max_delay(earlier);
            let max_delay = max_delay.saturating_sub(took).max(max_delay / 3);
            max_delay.mul_f64(random.clamp(MIN_FRACTION, 1.0))
        };
        let without_token = jittered(WITHOUT_TOKEN);
        let length =
            left.map_or(without_token, |left| jittered(WITH_TOKEN).min(left.saturating_add(without_token)));
        let length = at_least(length, retry_after);
        let callers_wait = self.failures <= RETRIED_FAILURES && length <= MAX_AWAITED_BACKOFF;
        let backoff = AttemptWindow { callers_wait, ..AttemptWindow::starting(now, length) };
        self.ended = Some(backoff.until);
        backoff
    }

    /// Returns the backoff after Passport rejected the client: 10 s to 15 s. This backoff does not
    /// grow with the number of rejections. `random` is the random number for the jitter, in 0..1.
    pub(crate) fn rejected(random: f64) -> Duration {
        REJECTED + REJECTED_JITTER.mul_f64(random.clamp(0.0, 1.0))
    }
}

/// Returns the backoff after the issuer returned the current token again. The backoff lasts
/// until the current token expires, but at least 1 s and at most 5 s. Such an issuer issues a
/// new token only after the current one has expired. The backoff does not grow, because the
/// issuer works.
///
/// `left` is how long the current token is still valid. `None` means that no token is cached,
/// and results in a backoff of 5 s.
pub(crate) fn unchanged_backoff(left: Option<Duration>) -> Duration {
    left.map_or(UNCHANGED, |left| left.clamp(MIN_UNCHANGED, UNCHANGED))
}

/// Returns the longer of `backoff` and `retry_after`. A `retry_after` of more than one hour
/// counts as one hour.
pub(crate) fn at_least(backoff: Duration, retry_after: Option<Duration>) -> Duration {
    backoff.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))
}

#[cfg(test)]
#[path = "retry_backoff/tests.rs"]
mod tests;
