use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use passport_core::Clock;

/// Clocks are nudged; only what is more than this was set back.
const NUDGE: u64 = 5_000;

/// How often the wall clock is held against the monotonic one, in milliseconds.
const EACH: u64 = 1_000;

/// Wall-clock time that does not go back: the time by which tokens age.
///
/// It goes on while the machine sleeps, which a monotonic clock does not on most systems; and when the wall clock is set
/// back it goes on as if it had not been, so that no token lives longer for it. A look costs two loads more than one at the
/// wall clock; once a second it is held against the monotonic clock.
#[derive(Debug)]
pub(crate) struct SteadyClock {
    clock: Arc<dyn Clock>,
    /// At the last comparison, in milliseconds since the Unix epoch and since the start.
    wall: AtomicU64,
    uptime: AtomicU64,
    /// By how many milliseconds the wall clock was set back in all.
    lost: AtomicU64,
}

impl SteadyClock {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, wall: AtomicU64::new(0), uptime: AtomicU64::new(0), lost: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> SystemTime {
        let wall = self.clock.now();
        let millis = since_epoch(wall);
        let compared = self.wall.load(Ordering::Relaxed);
        if !(compared..compared.saturating_add(EACH)).contains(&millis) {
            self.compare(compared, millis);
        }
        wall + Duration::from_millis(self.lost.load(Ordering::Relaxed))
    }

    /// What the wall clock shows, for whatever was written down by another clock: a date, the expiry in a token.
    pub(crate) fn wall(&self) -> SystemTime {
        self.clock.now()
    }

    /// Whoever comes first compares. A comparison that is disturbed by another errs by the time it took.
    fn compare(&self, compared: u64, wall: u64) {
        if self.wall.compare_exchange(compared, wall, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let uptime = millis(self.clock.uptime());
        let passed = uptime.saturating_sub(self.uptime.swap(uptime, Ordering::Relaxed));
        let lost = compared.saturating_add(passed).saturating_sub(wall);
        if lost > NUDGE {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
    }
}

fn since_epoch(time: SystemTime) -> u64 {
    millis(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use passport_core::ManualClock;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn steady() -> (ManualClock, SteadyClock, SystemTime) {
        let clock = ManualClock::at_unix_seconds(1_750_000_000);
        let steady = SteadyClock::new(Arc::new(clock.clone()));
        let start = steady.now();
        assert_eq!(start, clock.now());
        (clock, steady, start)
    }

    #[test]
    fn time_that_passes_and_time_that_was_slept_count() {
        let (clock, steady, start) = steady();
        clock.advance(MINUTE);
        assert_eq!(steady.now(), start + MINUTE);
        clock.set_forward(60 * MINUTE);
        assert_eq!(steady.now(), start + 61 * MINUTE);
    }

    #[test]
    fn a_wall_clock_that_is_set_back_takes_nothing_back_even_if_nobody_looked_for_long() {
        let (clock, steady, start) = steady();
        clock.advance(50 * MINUTE);
        clock.set_back(40 * MINUTE);
        assert_eq!(steady.now(), start + 50 * MINUTE);
        clock.advance(MINUTE);
        clock.set_back(24 * 60 * MINUTE);
        clock.advance(MINUTE);
        assert_eq!(steady.now(), start + 52 * MINUTE);
        assert_eq!(steady.wall(), clock.now());
    }

    #[test]
    fn a_set_back_after_a_sleep_is_seen_for_what_it_is() {
        let (clock, steady, start) = steady();
        clock.set_forward(60 * MINUTE);
        assert_eq!(steady.now(), start + 60 * MINUTE);
        clock.set_back(10 * MINUTE);
        assert_eq!(steady.now(), start + 60 * MINUTE);
    }

    #[test]
    fn a_nudge_is_let_pass() {
        let (clock, steady, start) = steady();
        clock.set_back(Duration::from_secs(4));
        assert_eq!(steady.now(), start - Duration::from_secs(4));
    }

    #[test]
    fn a_clock_before_the_epoch_is_no_reason_to_panic() {
        let clock = ManualClock::at_unix_seconds(0);
        let steady = SteadyClock::new(Arc::new(clock.clone()));
        clock.advance(MINUTE);
        assert_eq!(steady.now(), UNIX_EPOCH + MINUTE);
    }
}
