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
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const START: SystemTime = UNIX_EPOCH;
    const LONG: Option<Duration> = Some(Duration::from_secs(600));

    fn failed(left: Option<Duration>, random: f64) -> Failed {
        Failed { took: Duration::ZERO, left, retry_after: None, random }
    }

    /// The length of the pause after one more failure, and whether callers wait for it.
    fn pause(backoff: &mut Backoff, left: Option<Duration>, random: f64) -> (f64, bool) {
        let pause = backoff.failed(START, failed(left, random));
        (pause.until().duration_since(START).unwrap().as_secs_f64(), pause.is_waited_for())
    }

    #[test]
    fn backoff_doubles_up_to_its_ceiling() {
        for (left, ceilings) in [
            (LONG, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]),
            (None, [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0]),
        ] {
            let mut backoff = Backoff::default();
            assert_eq!(ceilings.map(|_| pause(&mut backoff, left, 1.0).0), ceilings);
        }
    }

    #[test]
    fn pause_ends_8_s_after_the_held_token_at_most() {
        let mut backoff = Backoff { failures: 20, ended: None };
        assert_eq!(pause(&mut backoff, Some(Duration::from_secs(3)), 1.0).0, 11.0);
        assert_eq!(pause(&mut backoff, Some(Duration::from_secs(25)), 1.0).0, 30.0);
    }

    #[test]
    fn callers_wait_for_two_short_pauses() {
        let mut backoff = Backoff::default();
        let waited_for = [1.0; 4].map(|random| pause(&mut backoff, None, random).1);
        assert_eq!(waited_for, [true, true, false, false]);
        for (asked, waited_for) in [(1, true), (2, false)] {
            let asked = Some(Duration::from_secs(asked));
            let pause = Backoff::default().failed(START, Failed { retry_after: asked, ..failed(None, 0.5) });
            assert_eq!(pause.is_waited_for(), waited_for, "{asked:?}");
        }
    }

    #[test]
    fn failure_after_a_quiet_minute_starts_a_new_count() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            pause(&mut backoff, None, 1.0);
        }
        let after = |seconds: u64| START + Duration::from_secs(8 + seconds);
        assert!(!backoff.failed(after(60), failed(None, 1.0)).is_waited_for());
        assert!(backoff.failed(after(60 + 8 + 61), failed(None, 1.0)).is_waited_for());
    }

    #[test]
    fn time_of_the_attempt_counts_for_two_thirds_of_the_pause() {
        for (took, length) in [(0, 8.0), (3, 5.0), (6, 8.0 / 3.0), (10, 8.0 / 3.0)] {
            let mut backoff = Backoff { failures: 20, ended: None };
            let took = Duration::from_secs(took);
            let pause = backoff.failed(START, Failed { took, ..failed(None, 1.0) });
            let waited = pause.until().duration_since(START).unwrap().as_secs_f64();
            assert!((waited - length).abs() < 1e-6, "{took:?}: {waited}");
        }
    }

    #[test]
    fn bad_luck_is_no_storm() {
        let mut backoff = Backoff { failures: 100, ended: None };
        assert_eq!(pause(&mut Backoff::default(), LONG, 0.0).0, 0.05);
        assert_eq!(pause(&mut backoff, LONG, 0.0).0, 3.0);
        assert_eq!(pause(&mut backoff, LONG, f64::INFINITY).0, 30.0);
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
