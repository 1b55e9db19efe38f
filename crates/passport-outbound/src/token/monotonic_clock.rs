use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use passport_core::Clock;

/// Clocks are nudged; only what is more than this was set back.
const NUDGE: Duration = Duration::from_secs(5);

/// Whoever was interrupted for longer between the two clocks has not read them together.
const TOGETHER: Duration = Duration::from_millis(100);

/// Wall-clock time that does not go back: the time by which the tokens of a slot age. All who use the slot use this.
///
/// It goes on while the machine sleeps, which a monotonic clock does not on most systems; and when the wall clock is set
/// back it goes on as if it had not been, so that no token lives longer for it. A look costs two loads more than one at the
/// wall clock; once a second, the wall clock is held against the monotonic clock.
///
/// Its time must not leave the slot: for others, it is as far ahead as the wall clock was set back.
#[derive(Debug, Default)]
pub(crate) struct MonotonicClock {
    /// By how many milliseconds the wall clock was set back in all.
    lost: AtomicU64,
    /// The wall clock at the last comparison, in whole seconds since the Unix epoch.
    compared_at: AtomicU64,
    /// Both clocks at the last comparison. Never waited for: one comparison at a time is enough.
    compared: Mutex<Option<(SystemTime, Duration)>>,
}

impl MonotonicClock {
    pub(crate) fn now(&self, clock: &dyn Clock) -> SystemTime {
        let wall = clock.now();
        if self.compared_at.load(Ordering::Relaxed) != seconds(wall) {
            self.compare(clock);
        }
        self.of(wall)
    }

    /// The steady time at which the wall clock shows this, if it is not set back any more.
    pub(crate) fn of(&self, wall: SystemTime) -> SystemTime {
        match self.lost() {
            Duration::ZERO => wall,
            lost => wall.checked_add(lost).unwrap_or(wall),
        }
    }

    /// What the wall clock shows at this steady time, if it is not set back any more.
    pub(crate) fn wall(&self, monotonic: SystemTime) -> SystemTime {
        monotonic.checked_sub(self.lost()).unwrap_or(monotonic)
    }

    fn lost(&self) -> Duration {
        Duration::from_millis(self.lost.load(Ordering::Relaxed))
    }

    fn compare(&self, clock: &dyn Clock) {
        let Ok(mut compared) = self.compared.try_lock() else { return };
        let (uptime, wall) = (clock.uptime(), clock.now());
        if clock.uptime().saturating_sub(uptime) > TOGETHER {
            return;
        }
        if let Some((wall_before, uptime_before)) = *compared {
            let expected = wall_before + uptime.saturating_sub(uptime_before);
            let lost = expected.duration_since(wall).unwrap_or_default();
            if lost > NUDGE {
                self.lost.fetch_add(u64::try_from(lost.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        }
        *compared = Some((wall, uptime));
        self.compared_at.store(seconds(wall), Ordering::Relaxed);
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use passport_core::ManualClock;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    struct Watched {
        clock: ManualClock,
        monotonic: MonotonicClock,
        start: SystemTime,
    }

    impl Watched {
        fn begin() -> Self {
            let (clock, monotonic) = (ManualClock::at_unix_seconds(1_750_000_000), MonotonicClock::default());
            let start = monotonic.now(&clock);
            assert_eq!(start, clock.now());
            Self { clock, monotonic, start }
        }

        fn passed(&self) -> Duration {
            self.monotonic.now(&self.clock).duration_since(self.start).unwrap_or_default()
        }
    }

    #[test]
    fn time_that_passes_and_time_that_was_slept_count() {
        let watched = Watched::begin();
        watched.clock.advance(MINUTE);
        assert_eq!(watched.passed(), MINUTE);
        watched.clock.set_forward(60 * MINUTE);
        assert_eq!(watched.passed(), 61 * MINUTE);
    }

    #[test]
    fn a_wall_clock_that_is_set_back_takes_nothing_back_even_if_nobody_looked_for_long() {
        let watched = Watched::begin();
        watched.clock.advance(50 * MINUTE);
        watched.clock.set_back(40 * MINUTE);
        assert_eq!(watched.passed(), 50 * MINUTE);
        watched.clock.advance(MINUTE);
        watched.clock.set_back(24 * 60 * MINUTE);
        watched.clock.advance(MINUTE);
        assert_eq!(watched.passed(), 52 * MINUTE);
        let now = watched.monotonic.now(&watched.clock);
        assert_eq!(watched.monotonic.wall(now), watched.clock.now());
        assert_eq!(watched.monotonic.of(watched.clock.now()), now);
    }

    #[test]
    fn a_set_back_after_a_sleep_is_seen_for_what_it_is() {
        let watched = Watched::begin();
        watched.clock.set_forward(60 * MINUTE);
        assert_eq!(watched.passed(), 60 * MINUTE);
        watched.clock.set_back(10 * MINUTE);
        assert_eq!(watched.passed(), 60 * MINUTE);
    }

    #[test]
    fn a_nudge_is_let_pass() {
        let watched = Watched::begin();
        watched.clock.advance(MINUTE);
        watched.clock.set_back(Duration::from_secs(4));
        assert_eq!(watched.passed(), Duration::from_secs(56));
    }

    #[test]
    fn what_was_before_the_first_look_does_not_count() {
        let clock = ManualClock::at_unix_seconds(0);
        clock.advance(60 * MINUTE);
        clock.set_back(30 * MINUTE);
        let monotonic = MonotonicClock::default();
        assert_eq!(monotonic.now(&clock), UNIX_EPOCH + 30 * MINUTE);
    }

    /// A clock whose reader is stopped for a minute between any two looks at the one, and for two seconds at the other.
    #[derive(Debug, Default)]
    struct Interrupted {
        wall: AtomicU64,
        uptime: AtomicU64,
    }

    impl Clock for Interrupted {
        fn now(&self) -> SystemTime {
            UNIX_EPOCH + 1000 * MINUTE + Duration::from_secs(self.wall.fetch_add(2, Ordering::Relaxed))
        }

        fn uptime(&self) -> Duration {
            Duration::from_secs(self.uptime.fetch_add(60, Ordering::Relaxed))
        }
    }

    #[test]
    fn an_interruption_between_the_two_clocks_is_no_set_back() {
        let (clock, monotonic) = (Interrupted::default(), MonotonicClock::default());
        for _ in 0..10 {
            monotonic.now(&clock);
        }
        assert_eq!(monotonic.lost(), Duration::ZERO);
    }

    #[test]
    fn a_herd_after_long_idle_times_sees_no_set_back_where_there_was_none() {
        let watched = Arc::new(Watched::begin());
        let callers = (0..4).map(|_| {
            let watched = Arc::clone(&watched);
            std::thread::spawn(move || {
                for _ in 0..2000 {
                    watched.clock.advance(30 * MINUTE);
                    watched.passed();
                }
            })
        });
        callers.collect::<Vec<_>>().into_iter().for_each(|caller| caller.join().unwrap());
        assert_eq!(watched.passed(), 8000 * 30 * MINUTE);
    }
}
