use std::time::{Duration, SystemTime};

use super::schedule::NUDGE;

const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The least part of a backoff's ceiling that is waited, so that bad luck is no storm.
const LEAST_PART: f64 = 0.1;

/// How long Passport's refusal stands before it is asked again. Its audit takes bursts of refusals for brute force.
const REFUSED: Duration = Duration::from_secs(10);

/// How much longer at most, so that a fleet that shares a wrong secret does not ask in step.
const REFUSED_JITTER: Duration = Duration::from_secs(5);

/// The most that a `Retry-After` is obeyed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pause {
    since: SystemTime,
    until: SystemTime,
}

impl Pause {
    pub(crate) fn starting(now: SystemTime, length: Duration) -> Self {
        Self { since: now, until: now.checked_add(length).unwrap_or(now) }
    }

    /// A caller may have read the clock a little before the pause began that it meets. But a time well before that means
    /// that the clock was set back; the pause does not count then, as nobody knows when it would end.
    pub(crate) fn covers(&self, now: SystemTime) -> bool {
        let set_back = self.since.duration_since(now).is_ok_and(|by| by > NUDGE);
        now < self.until && !set_back
    }

    pub(crate) fn until(&self) -> SystemTime {
        self.until
    }
}

/// How long to leave Passport alone after attempts that brought nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// After a failure that may pass by itself: full jitter, doubling from 0.5 s to 30 s; at least a tenth of that.
    /// `random` is in 0..1.
    pub(crate) fn failed(&mut self, random: f64) -> Duration {
        let ceiling = FIRST_BACKOFF.saturating_mul(1 << self.failures.min(6)).min(MAX_BACKOFF);
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(random.clamp(LEAST_PART, 1.0))
    }

    /// After a refusal, which does not pass by itself: 10 s to 15 s, however often it happens. `random` is in 0..1.
    pub(crate) fn refused(random: f64) -> Duration {
        REFUSED + REFUSED_JITTER.mul_f64(random.clamp(0.0, 1.0))
    }
}

/// The longer of our own pause and the one that Passport asked for, an hour at most.
pub(crate) fn at_least(pause: Duration, retry_after: Option<Duration>) -> Duration {
    pause.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn the_backoff_doubles_up_to_its_ceiling() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..8).map(|_| backoff.failed(1.0).as_secs_f64()).collect();
        assert_eq!(pauses, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
    }

    #[test]
    fn bad_luck_is_no_storm() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            backoff.failed(0.0);
        }
        assert_eq!(Backoff::default().failed(0.0), Duration::from_millis(50));
        assert_eq!(backoff.failed(0.0), Duration::from_secs(3));
        assert_eq!(backoff.failed(f64::INFINITY), Duration::from_secs(30));
    }

    #[test]
    fn a_refusal_stands_for_ten_to_fifteen_seconds() {
        assert_eq!(Backoff::refused(0.0), Duration::from_secs(10));
        assert_eq!(Backoff::refused(1.0), Duration::from_secs(15));
    }

    #[test]
    fn retry_after_prolongs_a_pause_and_is_capped() {
        let own = Duration::from_secs(2);
        for (asked, pause) in [(None, 2), (Some(1), 2), (Some(120), 120), (Some(86_400), 3600)] {
            let pause = Duration::from_secs(pause);
            assert_eq!(at_least(own, asked.map(Duration::from_secs)), pause, "{asked:?}");
        }
    }

    #[test]
    fn a_clock_that_was_set_back_ends_a_pause() {
        let start = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let pause = Pause::starting(start, Duration::from_secs(10));
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(pause.covers(start) && pause.covers(after(9)));
        assert!(!pause.covers(after(10)) && !pause.covers(start - Duration::from_secs(6)));
    }

    #[test]
    fn a_caller_that_read_the_clock_just_before_a_pause_began_is_held_by_it() {
        let start = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let pause = Pause::starting(start, Duration::from_secs(10));
        assert!(pause.covers(start - Duration::from_micros(1)));
        assert!(!Pause::starting(start, Duration::ZERO).covers(start));
    }
}
