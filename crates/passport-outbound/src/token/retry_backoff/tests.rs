use std::time::UNIX_EPOCH;

use super::*;

const START: SystemTime = UNIX_EPOCH;
const LONG: Option<Duration> = Some(Duration::from_secs(600));

fn failed(left: Option<Duration>, random: f64) -> FailedAttempt {
    FailedAttempt { took: Duration::ZERO, left, retry_after: None, random }
}

/// Returns the backoff in seconds after one more failure, and whether callers wait for that
/// backoff.
fn next_backoff(backoff: &mut RetryBackoff, left: Option<Duration>, random: f64) -> (f64, bool) {
    let next = backoff.failed(START, failed(left, random));
    (next.until.duration_since(START).unwrap().as_secs_f64(), next.callers_wait)
}

#[test]
fn backoff_doubles_up_to_its_ceiling() {
    for (left, ceilings) in [
        (LONG, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]),
        (None, [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0]),
    ] {
        let mut backoff = RetryBackoff::default();
        assert_eq!(ceilings.map(|_| next_backoff(&mut backoff, left, 1.0).0), ceilings);
    }
}

#[test]
fn backoff_ends_at_most_8_s_after_the_cached_token() {
    let mut backoff = RetryBackoff { failures: 20, ended: None };
    assert_eq!(next_backoff(&mut backoff, Some(Duration::from_secs(3)), 1.0).0, 11.0);
    assert_eq!(next_backoff(&mut backoff, Some(Duration::from_secs(25)), 1.0).0, 30.0);
}

#[test]
fn callers_wait_for_two_short_backoffs() {
    let mut backoff = RetryBackoff::default();
    let callers_wait = [1.0; 4].map(|random| next_backoff(&mut backoff, None, random).1);
    assert_eq!(callers_wait, [true, true, false, false]);
    for (retry_after, callers_wait) in [(1, true), (2, false)] {
        let retry_after = Some(Duration::from_secs(retry_after));
        let backoff =
            RetryBackoff::default().failed(START, FailedAttempt { retry_after, ..failed(None, 0.5) });
        assert_eq!(backoff.callers_wait, callers_wait, "{retry_after:?}");
    }
}

#[test]
fn failure_after_a_minute_without_fetches_resets_count() {
    let mut backoff = RetryBackoff::default();
    for _ in 0..10 {
        next_backoff(&mut backoff, None, 1.0);
    }
    let after = |seconds: u64| START + Duration::from_secs(8 + seconds);
    assert!(!backoff.failed(after(60), failed(None, 1.0)).callers_wait);
    assert!(backoff.failed(after(60 + 8 + 61), failed(None, 1.0)).callers_wait);
}

#[test]
fn fetch_time_is_deducted_up_to_two_thirds() {
    for (took, length) in [(0, 8.0), (3, 5.0), (6, 8.0 / 3.0), (10, 8.0 / 3.0)] {
        let mut backoff = RetryBackoff { failures: 20, ended: None };
        let took = Duration::from_secs(took);
        let next = backoff.failed(START, FailedAttempt { took, ..failed(None, 1.0) });
        let waited = next.until.duration_since(START).unwrap().as_secs_f64();
        assert!((waited - length).abs() < 1e-6, "{took:?}: {waited}");
    }
}

#[test]
fn backoff_is_a_tenth_of_its_ceiling_at_least() {
    let mut backoff = RetryBackoff { failures: 100, ended: None };
    assert_eq!(next_backoff(&mut RetryBackoff::default(), LONG, 0.0).0, 0.05);
    assert_eq!(next_backoff(&mut backoff, LONG, 0.0).0, 3.0);
    assert_eq!(next_backoff(&mut backoff, LONG, f64::INFINITY).0, 30.0);
}

#[test]
fn backoff_after_a_rejection_is_10_to_15_s() {
    assert_eq!(RetryBackoff::rejected(0.0), Duration::from_secs(10));
    assert_eq!(RetryBackoff::rejected(1.0), Duration::from_secs(15));
}

#[test]
fn retry_after_extends_a_backoff_and_is_capped() {
    let backoff = Duration::from_secs(2);
    for (retry_after, expected) in [(None, 2), (Some(1), 2), (Some(120), 120), (Some(86_400), 3600)] {
        let expected = Duration::from_secs(expected);
        assert_eq!(at_least(backoff, retry_after.map(Duration::from_secs)), expected, "{retry_after:?}");
    }
}

#[test]
fn window_ends_after_its_length() {
    let start = UNIX_EPOCH + Duration::from_secs(1_000_000);
    let window = AttemptWindow::starting(start, Duration::from_secs(10));
    let after = |seconds| start + Duration::from_secs(seconds);
    assert!(window.covers(start) && window.covers(after(9)) && !window.covers(after(10)));
    assert!(!AttemptWindow::starting(start, Duration::ZERO).covers(start));
}

#[test]
fn window_covers_a_time_just_before_its_start() {
    let start = UNIX_EPOCH + Duration::from_secs(1_000_000);
    let window = AttemptWindow::starting(start, Duration::from_secs(10));
    assert!(window.covers(start - Duration::from_micros(1)));
}

#[test]
fn backoff_after_an_unchanged_token_ends_with_its_expiry() {
    for (left, expected) in [(Some(60), 5), (Some(5), 5), (Some(3), 3), (Some(0), 1), (None, 5)] {
        assert_eq!(
            unchanged_backoff(left.map(Duration::from_secs)),
            Duration::from_secs(expected),
            "{left:?}"
        );
    }
}
