use crate::{ManualClock, unix_nanos::from_unix_nanos};

use super::*;

#[test]
fn custom_clock_is_read() {
    let manual = ManualClock::at_unix_seconds(1000);
    let clock = SharedClock::new(manual.clone());
    manual.advance(Duration::from_millis(1500));
    assert_eq!(clock.unix_nanos(), 1_001_500_000_000);
    assert_eq!((clock.now(), clock.monotonic()), (manual.now(), manual.monotonic()));
}

#[test]
fn integer_time_of_the_system_clock_equals_its_time() {
    for clock in [SharedClock::default(), SharedClock::new(SystemClock)] {
        let (before, nanos, after) = (clock.now(), clock.unix_nanos(), clock.now());
        assert!((before..=after).contains(&from_unix_nanos(nanos)));
    }
}
