use std::time::{Duration, SystemTime};

const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The same while no token is live. Calls fail until the next attempt, so it comes sooner.
const MAX_BACKOFF_WITHOUT_TOKEN: Duration = Duration::from_secs(8);

/// After how many failures in a row callers no longer wait for the next attempt.
const RETRIED_FAILURES: u32 = 2;

/// The longest pause that callers without a token wait for.
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A failure that comes later than this after the last pause starts a new count: a single failure
/// is not taken for a part of an outage that nothing has tested since.
const QUIET: Duration = Duration::from_secs(60);

/// The least part of a backoff's ceiling that is waited, so that bad luck is no storm.
const LEAST_PART: f64 = 0.1;

/// How long Passport's refusal stands before it is asked again. Its audit takes bursts of refusals for brute force.
const REFUSED: Duration = Duration::from_secs(10);

/// How much longer at most, so that a fleet that shares a wrong secret does not ask in step.
const REFUSED_JITTER: Duration = Duration::from_secs(5);

/// How often an issuer is asked that repeats its tokens until they expire.
const REPEATED: Duration = Duration::from_secs(5);
const REPEATED_LEAST: Duration = Duration::from_secs(1);

/// The most that a `Retry-After` is obeyed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    until: SystemTime,
    /// Whether callers without a token wait for its end.
    waited_for: bool,
}

impl Pause {
    pub(crate) fn starting(now: SystemTime, length: Duration) -> Self {
        Self { until: now.checked_add(length).unwrap_or(now), waited_for: false }
    }

    pub(crate) fn is_waited_for(&self) -> bool {
        self.waited_for
    }

    pub(crate) fn not_waited_for(self) -> Self {
        Self { waited_for: false, ..self }
    }

    pub(crate) fn covers(&self, now: SystemTime) -> bool {
        now < self.until
    }

    pub(crate) fn until(&self) -> SystemTime {
        self.until
    }
}

/// How long to leave Passport alone after attempts that brought nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    /// When the last pause ended.
    ended: Option<SystemTime>,
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed {
    /// From its start to its end.
    pub(crate) took: Duration,
    /// How long the held token may still be sent.
    pub(crate) left: Option<Duration>,
    /// What Passport has asked for.
    pub(crate) retry_after: Option<Duration>,
    /// In 0..1.
    pub(crate) random: f64,
}

impl Backoff {
    /// Returns the pause after a failure that may pass by itself.
    ///
    /// Full jitter below a ceiling that doubles from 0.5 s to 30 s, to 8 s only while no token is
    /// live; at least a tenth of the ceiling. The time of the attempt counts for up to two thirds
    /// of the ceiling, as an attempt that hangs has been a pause itself; the rest keeps instances
    /// apart. Callers without a token wait for the first two pauses, if they are short.
    pub(crate) fn failed(&mut self, now: SystemTime, attempt: Failed) -> Pause {
        let Failed { took, left, retry_after, random } = attempt;
        if self.ended.and_then(|ended| now.duration_since(ended).ok()).is_some_and(|quiet| quiet > QUIET) {
            self.failures = 0;
        }
        let step = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(6));
        self.failures = self.failures.saturating_add(1);
        let part = |ceiling| {
            let ceiling = step.min(ceiling);
            let ceiling = ceiling.saturating_sub(took).max(ceiling / 3);
            ceiling.mul_f64(random.clamp(LEAST_PART, 1.0))
        };
        let without_token = part(MAX_BACKOFF_WITHOUT_TOKEN);
        let own =
            left.map_or(without_token, |left| part(MAX_BACKOFF).min(left.saturating_add(without_token)));
        let length = at_least(own, retry_after);
        let waited_for = self.failures <= RETRIED_FAILURES && length <= MAX_RETRY_PAUSE;
        let pause = Pause { waited_for, ..Pause::starting(now, length) };
        self.ended = Some(pause.until);
        pause
    }

    /// After a refusal, which does not pass by itself: 10 s to 15 s, however often it happens. `random` is in 0..1.
    pub(crate) fn refused(random: f64) -> Duration {
        REFUSED + REFUSED_JITTER.mul_f64(random.clamp(0.0, 1.0))
    }
}

/// After an issuer gave the token that is held already, which may be sent for `left` more; it gives another when that one
/// has expired. Flat, as it is well. None if the token was not wanted any more, and nothing is held.
pub(crate) fn repeated(left: Option<Duration>) -> Duration {
    left.map_or(REPEATED, |left| left.clamp(REPEATED_LEAST, REPEATED))
}

/// The longer of our own pause and the one that Passport asked for, an hour at most.
pub(crate) fn at_least(pause: Duration, retry_after: Option<Duration>) -> Duration {
    pause.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))
}

#[cfg(test)]
#[path = "backoff/tests.rs"]
mod tests;
