use super::*;

#[test]
#[expect(clippy::disallowed_methods, reason = "compared with the clock of the standard library")]
fn system_clock_is_never_ahead_of_the_standard_library() {
    let now = SystemClock.now();
    let behind = SystemTime::now().duration_since(now).expect("the clock is not ahead");
    assert!(behind < Duration::from_secs(60), "{behind:?}");
}

#[test]
fn monotonic_time_of_the_system_clock_advances() {
    assert!((0..1_000_000).any(|_| !SystemClock.monotonic().is_zero()));
}

#[test]
fn setting_a_manual_clock_keeps_its_monotonic_time() {
    let clock = ManualClock::at_unix_seconds(1000);
    let expected =
        |seconds, monotonic| (UNIX_EPOCH + Duration::from_secs(seconds), Duration::from_secs(monotonic));
    assert_eq!((clock.now(), clock.monotonic()), expected(1000, 0));
    clock.advance(Duration::from_secs(10));
    assert_eq!((clock.now(), clock.monotonic()), expected(1010, 10));
    clock.set_forward(Duration::from_secs(5));
    assert_eq!((clock.now(), clock.monotonic()), expected(1015, 10));
    clock.set_back(Duration::from_secs(15));
    assert_eq!((clock.now(), clock.monotonic()), expected(1000, 10));
    clock.set_back(Duration::from_secs(2000));
    assert_eq!((clock.now(), clock.monotonic()), expected(0, 10));
}
