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
fn clock_set_back_after_a_long_idle_time_is_ignored() {
    let watched = Watched::begin();
    watched.clock.advance(50 * MINUTE);
    watched.clock.set_back(40 * MINUTE);
    assert_eq!(watched.passed(), 50 * MINUTE);
    watched.clock.advance(MINUTE);
    watched.clock.set_back(24 * 60 * MINUTE);
    watched.clock.advance(MINUTE);
    assert_eq!(watched.passed(), 52 * MINUTE);
    let now = watched.monotonic.now(&watched.clock);
    assert_eq!(watched.monotonic.to_wall(now), watched.clock.now());
    assert_eq!(watched.monotonic.at_wall(watched.clock.now()), now);
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
fn set_back_by_5_s_is_ignored() {
    let watched = Watched::begin();
    watched.clock.advance(MINUTE);
    watched.clock.set_back(IGNORED_STEP);
    assert_eq!(watched.passed(), MINUTE - IGNORED_STEP);
}

#[test]
fn time_before_the_first_reading_is_ignored() {
    let clock = ManualClock::at_unix_seconds(0);
    clock.advance(60 * MINUTE);
    clock.set_back(30 * MINUTE);
    let monotonic = MonotonicClock::default();
    assert_eq!(monotonic.now(&clock), UNIX_EPOCH + 30 * MINUTE);
}

/// A clock whose reader is stopped for a minute between any two looks at the one, and for two
/// seconds at the other.
#[derive(Debug, Default)]
struct Interrupted {
    wall: AtomicU64,
    monotonic: AtomicU64,
}

impl Clock for Interrupted {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + 1000 * MINUTE + Duration::from_secs(self.wall.fetch_add(2, Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.monotonic.fetch_add(60, Ordering::Relaxed))
    }
}

#[test]
fn an_interruption_between_the_two_clocks_is_no_set_back() {
    let (clock, monotonic) = (Interrupted::default(), MonotonicClock::default());
    for _ in 0..10 {
        monotonic.now(&clock);
    }
    assert_eq!(monotonic.offset(), Duration::ZERO);
}

/// A clock that advances by the longest tolerated interruption with each reading of the monotonic.
#[derive(Debug)]
struct Slow(ManualClock);

impl Clock for Slow {
    fn now(&self) -> SystemTime {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        let monotonic = self.0.monotonic();
        self.0.advance(MAX_INTERRUPTION);
        monotonic
    }
}

#[test]
fn set_back_is_detected_despite_an_interruption_of_100_ms() {
    let (clock, monotonic) = (Slow(ManualClock::at_unix_seconds(1_750_000_000)), MonotonicClock::default());
    monotonic.now(&clock);
    clock.0.set_back(60 * MINUTE);
    monotonic.now(&clock);
    assert_eq!(monotonic.offset(), 60 * MINUTE);
}

#[test]
fn concurrent_readers_see_no_false_step_back() {
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
