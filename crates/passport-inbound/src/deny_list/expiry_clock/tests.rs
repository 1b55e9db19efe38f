use passport_core::ManualClock;

use super::*;

const START: u32 = 1_750_000_000;
const HOUR: Duration = Duration::from_secs(3600);

fn clocks() -> (ManualClock, ExpiryClock) {
    let clock = ManualClock::at_unix_seconds(START);
    (clock.clone(), ExpiryClock::new(SharedClock::new(clock)))
}

#[test]
fn entries_age_by_both_clocks() {
    let (clock, expiry) = clocks();
    assert_eq!(expiry.now(), START);
    clock.advance(HOUR);
    assert_eq!(expiry.now(), START + 3600);
    assert_eq!(expiry.wall(), clock.now());
}

#[test]
fn clock_set_forward_lets_no_entry_expire() {
    let (clock, expiry) = clocks();
    clock.set_forward(24 * HOUR);
    assert_eq!(expiry.now(), START);
    clock.advance(HOUR);
    assert_eq!(expiry.now(), START + 3600);
    clock.set_back(24 * HOUR);
    assert_eq!(expiry.now(), START + 3600, "the wall clock was corrected");
}

#[test]
fn clock_set_back_lets_entries_live_longer() {
    let (clock, expiry) = clocks();
    clock.set_back(HOUR);
    assert_eq!(expiry.now(), START - 3600);
    clock.set_forward(HOUR);
    assert_eq!(expiry.now(), START);
}
