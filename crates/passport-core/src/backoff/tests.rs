use super::*;

const BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));

#[test]
fn delay_doubles_up_to_its_maximum() {
    let delays = [0, 1, 2, 3, 4, 5, 6, 7, 31, 32, u32::MAX].map(|failures| BACKOFF.delay(failures, 1.0));
    let seconds = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, 30.0];
    assert_eq!(delays, seconds.map(Duration::from_secs_f64));
}

#[test]
fn delay_never_exceeds_the_maximum() {
    let backoff = Backoff::new(Duration::from_secs(1), Duration::from_millis(300));
    assert_eq!(backoff.delay(0, 1.0), Duration::from_millis(300));
}

#[test]
fn jitter_spreads_delays_between_its_factors() {
    let delays = |backoff: Backoff| [0.0, 0.5, 1.0].map(|chance| backoff.delay(1, chance).as_millis());
    assert_eq!(delays(BACKOFF), [500, 750, 1000]);
    assert_eq!(delays(BACKOFF.with_jitter(0.5..=1.5)), [500, 1000, 1500]);
}

#[test]
fn chance_out_of_range_is_clamped() {
    for (chance, millis) in [(-1.0, 250), (7.0, 500), (f64::INFINITY, 500), (f64::NEG_INFINITY, 250)] {
        assert_eq!(BACKOFF.delay(0, chance).as_millis(), millis, "{chance}");
    }
}

#[test]
fn jitter_may_start_below_half_of_the_ceiling() {
    let backoff = BACKOFF.with_jitter(0.1..=0.2);
    assert_eq!([0.0, 1.0].map(|chance| backoff.delay(1, chance).as_millis()), [100, 200]);
}
