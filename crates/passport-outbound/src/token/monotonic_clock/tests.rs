use std::{sync::Arc, time::UNIX_EPOCH};

use passport_core::ManualClock;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// A manual wall clock, the monotonic clock under test that reads the wall clock, and the start
/// time.
struct Started {
    clock: ManualClock,
    shared: SharedClock,
    monotonic: MonotonicClock,
    start: SystemTime,
}

impl Started {
    fn new() -> Self {
        let (clock, monotonic) = (ManualClock::at_unix_seconds(1_750_000_000), MonotonicClock::default());
        let shared = SharedClock::new(clock.clone());
        let start = monotonic.now(&shared);
        assert_eq!(start, clock.now());
        Self { clock, shared, monotonic, start }
    }

    fn elapsed(&self) -> Duration {
        self.monotonic.now(&self.shared).duration_since(self.start).unwrap_or_default()
    }
}

#[test]
fn clock_advances_while_the_machine_is_suspended() {
    let started = Started::new();
    started.clock.advance(MINUTE);
    assert_eq!(started.elapsed(), MINUTE);
    started.clock.set_forward(60 * MINUTE);
    assert_eq!(started.elapsed(), 61 * MINUTE);
}

#[test]
fn wall_clock_set_back_after_idle_time_is_ignored() {
    let started = Started::new();
    started.clock.advance(50 * MINUTE);
    started.clock.set_back(40 * MINUTE);
    assert_eq!(started.elapsed(), 50 * MINUTE);
    started.clock.advance(MINUTE);
    started.clock.set_back(24 * 60 * MINUTE);
    started.clock.advance(MINUTE);
    assert_eq!(started.elapsed(), 52 * MINUTE);
    let now = started.monotonic.now(&started.shared);
    assert_eq!(started.monotonic.to_wall(now), started.clock.now());
    assert_eq!(started.monotonic.at_wall(started.clock.now()), now);
}

#[test]
fn wall_clock_set_back_after_a_suspend_is_ignored() {
    let started = Started::new();
    started.clock.set_forward(60 * MINUTE);
    assert_eq!(started.elapsed(), 60 * MINUTE);
    started.clock.set_back(10 * MINUTE);
    assert_eq!(started.elapsed(), 60 * MINUTE);
}

#[test]
fn small_step_back_is_followed() {
    let started = Started::new();
    started.clock.advance(MINUTE);
    started.clock.set_back(Duration::from_secs(4));
    assert_eq!(started.elapsed(), Duration::from_secs(56));
}

#[test]
fn step_back_by_5_s_is_followed() {
    let started = Started::new();
    started.clock.advance(MINUTE);
    started.clock.set_back(Duration::from_nanos(MAX_FOLLOWED_STEP));
    assert_eq!(started.elapsed(), MINUTE - Duration::from_nanos(MAX_FOLLOWED_STEP));
}

#[test]
fn step_back_before_the_first_reading_is_ignored() {
    let clock = ManualClock::at_unix_seconds(0);
    clock.advance(60 * MINUTE);
    clock.set_back(30 * MINUTE);
    let monotonic = MonotonicClock::default();
    assert_eq!(monotonic.now(&SharedClock::new(clock)), UNIX_EPOCH + 30 * MINUTE);
}

/// A clock with interrupted readers: each reading of the monotonic clock takes a minute, and
/// each reading of the wall clock takes two seconds.
#[derive(Debug, Default)]
struct WaitError {
    wall: AtomicU64,
    monotonic: AtomicU64,
}

impl Clock for WaitError {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + 1000 * MINUTE + Duration::from_secs(self.wall.fetch_add(2, Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.monotonic.fetch_add(60, Ordering::Relaxed))
    }
}

#[test]
fn interruption_between_the_readings_is_no_step_back() {
    let (clock, monotonic) = (SharedClock::new(WaitError::default()), MonotonicClock::default());
    for _ in 0..10 {
        monotonic.now(&clock);
    }
    assert_eq!(monotonic.offset(), Duration::ZERO);
}

/// A clock that advances by the maximum interruption with each reading of the monotonic clock.
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
fn step_back_is_detected_with_an_interruption_of_100_ms() {
    let clock = ManualClock::at_unix_seconds(1_750_000_000);
    let (slow, monotonic) = (SharedClock::new(Slow(clock.clone())), MonotonicClock::default());
    monotonic.now(&slow);
    clock.set_back(60 * MINUTE);
    monotonic.now(&slow);
    assert_eq!(monotonic.offset(), 60 * MINUTE);
}

#[test]
fn concurrent_readers_see_no_false_step_back() {
    let started = Arc::new(Started::new());
    let callers = (0..4).map(|_| {
        let started = Arc::clone(&started);
        std::thread::spawn(move || {
            for _ in 0..2000 {
                started.clock.advance(30 * MINUTE);
                started.elapsed();
            }
        })
    });
    callers.collect::<Vec<_>>().into_iter().for_each(|caller| caller.join().unwrap());
    assert_eq!(started.elapsed(), 8000 * 30 * MINUTE);
}

#[test]
fn integer_time_equals_the_time_after_ignored_steps() {
    let started = Started::new();
    for seconds in [1, 30, 2, 7_000, 4, 6] {
        started.clock.advance(Duration::from_millis(seconds * 700));
        started.clock.set_back(Duration::from_secs(seconds));
        let nanos = started.monotonic.now_nanos(&started.shared);
        assert_eq!(from_unix_nanos(nanos), started.monotonic.at_wall(started.clock.now()));
    }
}
