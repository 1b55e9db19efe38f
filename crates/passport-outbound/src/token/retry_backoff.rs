//! The pauses after failed attempts. Pure.

use std::time::{Duration, SystemTime};

use passport_core::Backoff;

const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The ceiling of a pause while a token is live.
const WITH_TOKEN: Backoff = Backoff::new(FIRST_PAUSE, Duration::from_secs(30));

/// The same while no token is live. Calls fail until the next attempt, so it is made sooner.
const WITHOUT_TOKEN: Backoff = Backoff::new(FIRST_PAUSE, Duration::from_secs(8));

/// After each of the first so many failures in a row, callers wait for the next attempt.
const RETRIED_FAILURES: u32 = 2;

/// The longest pause that callers without a token wait for.
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A failure later than this after the last pause starts a new count: nothing has shown that an
/// outage lasted until then.
const QUIET: Duration = Duration::from_secs(60);

/// The shortest pause as a part of the ceiling, so that a small random number causes no storm.
const LEAST_PART: f64 = 0.1;

/// The pause after Passport has rejected the client. Its audit treats bursts of rejections as an
/// attack.
const REJECTED: Duration = Duration::from_secs(10);

/// The jitter of that pause, so that a fleet with a wrong secret does not retry at the same time.
const REJECTED_JITTER: Duration = Duration::from_secs(5);

/// The pause after an issuer has returned the current token once more.
const REPEATED: Duration = Duration::from_secs(5);
const REPEATED_LEAST: Duration = Duration::from_secs(1);

/// The longest `Retry-After` that is obeyed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// A time in which an attempt runs, or in which none is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AttemptWindow {
    pub(crate) until: SystemTime,
    /// Whether callers without a token wait for the end.
    pub(crate) waited_for: bool,
}

impl AttemptWindow {
    /// Returns a pause of `length` from `now` on.
    pub(crate) fn starting(now: SystemTime, length: Duration) -> Self {
        Self { until: now.checked_add(length).unwrap_or(now), waited_for: false }
    }

    pub(crate) fn covers(&self, now: SystemTime) -> bool {
        now < self.until
    }
}

/// Computes the pauses after failures in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RetryBackoff {
    failures: u32,
    /// When the last pause ended.
    ended: Option<SystemTime>,
}

/// A failed attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedAttempt {
    /// The duration of the attempt.
    pub(crate) took: Duration,
    /// How long the current token may still be sent.
    pub(crate) left: Option<Duration>,
    /// The `Retry-After` of the response.
    pub(crate) retry_after: Option<Duration>,
    /// A random number in 0..1.
    pub(crate) random: f64,
}

impl RetryBackoff {
    /// Returns the pause after a transient failure.
    ///
    /// Full jitter below a ceiling that doubles from 0.5 s to 30 s, to 8 s only while no token is
    /// live; at least a tenth of the ceiling. The time of the attempt counts for up to two thirds
    /// of the ceiling, as an attempt that hangs has been a pause itself; the rest keeps instances
    /// apart. Callers without a token wait for the first two pauses, if they are short.
    pub(crate) fn failed(&mut self, now: SystemTime, attempt: FailedAttempt) -> AttemptWindow {
        let FailedAttempt { took, left, retry_after, random } = attempt;
        if self.ended.and_then(|ended| now.duration_since(ended).ok()).is_some_and(|quiet| quiet > QUIET) {
            self.failures = 0;
        }
        let earlier = self.failures;
        self.failures = earlier.saturating_add(1);
        let part = |backoff: Backoff| {
            let ceiling = backoff.ceiling(earlier);
            let ceiling = ceiling.saturating_sub(took).max(ceiling / 3);
            ceiling.mul_f64(random.clamp(LEAST_PART, 1.0))
        };
        let without_token = part(WITHOUT_TOKEN);
        let own = left.map_or(without_token, |left| part(WITH_TOKEN).min(left.saturating_add(without_token)));
        let length = at_least(own, retry_after);
        let waited_for = self.failures <= RETRIED_FAILURES && length <= MAX_RETRY_PAUSE;
        let pause = AttemptWindow { waited_for, ..AttemptWindow::starting(now, length) };
        self.ended = Some(pause.until);
        pause
    }

    /// Returns the pause after a rejection, which is permanent: 10 s to 15 s, however often it
    /// happens. `random` is in 0..1.
    pub(crate) fn rejected(random: f64) -> Duration {
        REJECTED + REJECTED_JITTER.mul_f64(random.clamp(0.0, 1.0))
    }
}

/// Returns the pause after an issuer has returned the current token, which may be sent for `left`
/// more: such an issuer returns another one when it has expired. It does not grow, as the issuer
/// works. `left` is `None` if no token is cached.
pub(crate) fn repeated(left: Option<Duration>) -> Duration {
    left.map_or(REPEATED, |left| left.clamp(REPEATED_LEAST, REPEATED))
}

/// Returns the longer of `pause` and `retry_after`, which is obeyed for an hour at most.
pub(crate) fn at_least(pause: Duration, retry_after: Option<Duration>) -> Duration {
    pause.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))
}

#[cfg(test)]
#[path = "retry_backoff/tests.rs"]
mod tests;
