use super::*;

#[test]
#[expect(clippy::disallowed_methods, reason = "it is held against the standard library's")]
fn the_system_clock_shows_the_time_of_day_and_is_not_ahead_of_it() {
    let shown = SystemClock.now();
    let behind = SystemTime::now().duration_since(shown).expect("it is not ahead");
    assert!(behind < Duration::from_secs(60), "{behind:?}");
}

#[test]
fn uptime_of_the_system_clock_advances() {
    assert!((0..1_000_000).any(|_| !SystemClock.monotonic().is_zero()));
}

#[test]
fn manual_clock_is_set_without_time_passing() {
    let clock = ManualClock::at_unix_seconds(1000);
    let shown =
        |seconds, monotonic| (UNIX_EPOCH + Duration::from_secs(seconds), Duration::from_secs(monotonic));
    assert_eq!((clock.now(), clock.monotonic()), shown(1000, 0));
    clock.advance(Duration::from_secs(10));
    assert_eq!((clock.now(), clock.monotonic()), shown(1010, 10));
    clock.set_forward(Duration::from_secs(5));
    assert_eq!((clock.now(), clock.monotonic()), shown(1015, 10));
    clock.set_back(Duration::from_secs(15));
    assert_eq!((clock.now(), clock.monotonic()), shown(1000, 10));
    clock.set_back(Duration::from_secs(2000));
    assert_eq!((clock.now(), clock.monotonic()), shown(0, 10));
}
