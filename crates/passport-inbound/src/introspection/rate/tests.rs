//! Bursts and the steady rate.

use super::*;

#[test]
fn burst_and_steady_rate_are_limited() {
    let mut limit = RateLimit::new(100);
    let mut allowed = |now: Duration| (0..1000).filter(|_| limit.take(now).is_ok()).count();
    assert_eq!(allowed(Duration::from_secs(5)), 100);
    assert_eq!(allowed(Duration::from_secs(5)), 0);
    assert_eq!(allowed(Duration::from_millis(5_500)), 50);
    assert_eq!(allowed(Duration::from_secs(60)), 100);
}

#[test]
fn wait_ends_when_a_call_is_allowed() {
    let mut limit = RateLimit::new(2);
    let now = Duration::from_secs(1);
    assert_eq!([limit.take(now), limit.take(now)], [Ok(()), Ok(())]);
    let wait = limit.take(now).unwrap_err();
    assert_eq!(wait, Duration::from_millis(500));
    assert_eq!(limit.take(now + wait), Ok(()));
}

#[test]
fn extreme_rates_do_not_panic() {
    for rate in [0, 1, u32::MAX] {
        assert_eq!(RateLimit::new(rate).take(Duration::ZERO), Ok(()));
    }
}
