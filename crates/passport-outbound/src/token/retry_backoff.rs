//! Backoff after failed attempts. Pure.

use std::time::{Duration, SystemTime};

use passport_core::Backoff;

/// The max_delay of the first backoff.
const FIRST_CEILING: Duration = Duration::from_millis(500);

/// The max_delay of the backoff while a token is valid: 0.5 s, doubling up to 30 s.
const WITH_TOKEN: Backoff = Backoff::new(FIRST_CEILING, Duration::from_secs(30));

/// The max_delay of the backoff without a valid token: 0.5 s, doubling up to 8 s. It is shorter
/// because calls fail until the next attempt.
const WITHOUT_TOKEN: Backoff = Backoff::new(FIRST_CEILING, Duration::from_secs(8));

/// The number of consecutive failures after which callers still wait for the next attempt.
const RETRIED_FAILURES: u32 = 2;

/// The longest backoff that callers without a token wait for.
const MAX_AWAITED_BACKOFF: Duration = Duration::from_secs(1);

/// The time without attempts after the last backoff that resets the count of failures. The
/// earlier outage may have ended unnoticed.
const RESET_AFTER: Duration = Duration::from_secs(60);

/// The minimum backoff as a fraction of the max_delay, so that small random numbers cause no
/// storm.
const MIN_FRACTION: f64 = 0.1;

/// The backoff after Passport rejected the client. It is long because Passport's audit treats
/// bursts of rejections as an attack.
const REJECTED: Duration = Duration::from_secs(10);

/// The jitter of that backoff, so that a fleet with a wrong secret does not retry in step.
const REJECTED_JITTER: Duration = Duration::from_secs(5);

/// The backoff after Passport returned the current token instead of a new one.
const UNCHANGED: Duration = Duration::from_secs(5);
const MIN_UNCHANGED: Duration = Duration::from_secs(1);

/// The cap of `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The time limit of a running attempt, or a backoff in which none starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AttemptWindow {
    pub(crate) until: SystemTime,
    /// Whether callers without a token wait for the end.
    pub(crate) callers_wait: bool,
}

impl AttemptWindow {
    /// Creates a window of `length` that begins at `now`.
    pub(crate) fn starting(now: SystemTime, length: Duration) -> Self {
        Self { until: now.checked_add(length).unwrap_or(now), callers_wait: false }
    }

    /// Returns whether the window has not ended at `now`.
    pub(crate) fn covers(&self, now: SystemTime) -> bool {
        now < self.until
    }
}

/// Computes the backoff after consecutive failures.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RetryBackoff {
    failures: u32,
    /// The end of the last backoff.
    ended: Option<SystemTime>,
}

/// A failed attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedAttempt {
    /// The duration of the attempt.
    pub(crate) took: Duration,
    /// How long the current token may still be sent. `None` if no token is cached.
    pub(crate) left: Option<Duration>,
    /// The `Retry-After` of the response.
    pub(crate) retry_after: Option<Duration>,
    /// A random number in 0..1.
    pub(crate) random: f64,
}

impl RetryBackoff {
    /// Returns the backoff after a transient failure.
    ///
    /// Full jitter: a random fraction, at least a tenth, of a max_delay that doubles from 0.5 s to
    /// 30 s, or to 8 s without a valid token. The duration of the attempt is deducted from the
    /// max_delay, up to two thirds of it: an attempt that hung has already delayed the next one. The
    /// last third remains, so that the instances of a fleet do not retry in step. Callers without a
    /// token wait for the first two backoffs, if they are at most 1 s.
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

    /// Returns the backoff after a rejection: 10 s to 15 s. It does not grow with the number of
    /// rejections. `random` is in 0..1.
    pub(crate) fn rejected(random: f64) -> Duration {
        REJECTED + REJECTED_JITTER.mul_f64(random.clamp(0.0, 1.0))
    }
}

/// Returns the backoff after the issuer returned the current token again: 5 s, or until the
/// token expires if that is sooner, but at least 1 s. Such an issuer issues a new token only
/// after the expiry. The backoff does not grow, because the issuer works. `left` is the time for
/// which the token may still be sent, or `None` if no token is cached.
pub(crate) fn unchanged_backoff(left: Option<Duration>) -> Duration {
    left.map_or(UNCHANGED, |left| left.clamp(MIN_UNCHANGED, UNCHANGED))
}

/// Returns the longer of `backoff` and `retry_after`, which is capped at one hour.
pub(crate) fn at_least(backoff: Duration, retry_after: Option<Duration>) -> Duration {
    backoff.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))
}

#[cfg(test)]
#[path = "retry_backoff/tests.rs"]
mod tests;
