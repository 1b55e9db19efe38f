use std::time::{Duration, SystemTime};

const FIRST_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

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
}

impl Pause {
    pub(crate) fn starting(now: SystemTime, length: Duration) -> Self {
        Self { until: now.checked_add(length).unwrap_or(now) }
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
    fn a_pause_ends() {
        let start = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let pause = Pause::starting(start, Duration::from_secs(10));
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(pause.covers(start) && pause.covers(after(9)) && !pause.covers(after(10)));
        assert!(!Pause::starting(start, Duration::ZERO).covers(start));
    }

    #[test]
    fn a_caller_that_read_the_clock_just_before_a_pause_began_is_held_by_it() {
        let start = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let pause = Pause::starting(start, Duration::from_secs(10));
        assert!(pause.covers(start - Duration::from_micros(1)));
    }

    #[test]
    fn a_repeated_token_is_asked_for_again_when_the_held_one_may_not_be_sent_any_more() {
        for (left, pause) in [(Some(60), 5), (Some(5), 5), (Some(3), 3), (Some(0), 1), (None, 5)] {
            assert_eq!(repeated(left.map(Duration::from_secs)), Duration::from_secs(pause), "{left:?}");
        }
    }
}
