use std::time::UNIX_EPOCH;

use super::*;

const START: SystemTime = UNIX_EPOCH;
const LONG: Option<Duration> = Some(Duration::from_secs(600));

fn failed(left: Option<Duration>, random: f64) -> FailedAttempt {
    FailedAttempt { took: Duration::ZERO, left, retry_after: None, random }
}

/// The length of the pause after one more failure, and whether callers wait for it.
fn pause(backoff: &mut RetryBackoff, left: Option<Duration>, random: f64) -> (f64, bool) {
    let pause = backoff.failed(START, failed(left, random));
    (pause.until.duration_since(START).unwrap().as_secs_f64(), pause.waited_for)
}

#[test]
fn backoff_doubles_up_to_its_ceiling() {
    for (left, ceilings) in [
        (LONG, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]),
        (None, [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0]),
    ] {
        let mut backoff = RetryBackoff::default();
        assert_eq!(ceilings.map(|_| pause(&mut backoff, left, 1.0).0), ceilings);
    }
}

#[test]
fn pause_ends_8_s_after_the_held_token_at_most() {
    let mut backoff = RetryBackoff { failures: 20, ended: None };
    assert_eq!(pause(&mut backoff, Some(Duration::from_secs(3)), 1.0).0, 11.0);
    assert_eq!(pause(&mut backoff, Some(Duration::from_secs(25)), 1.0).0, 30.0);
}

#[test]
fn callers_wait_for_two_short_pauses() {
    let mut backoff = RetryBackoff::default();
    let waited_for = [1.0; 4].map(|random| pause(&mut backoff, None, random).1);
    assert_eq!(waited_for, [true, true, false, false]);
    for (asked, waited_for) in [(1, true), (2, false)] {
        let asked = Some(Duration::from_secs(asked));
        let pause =
            RetryBackoff::default().failed(START, FailedAttempt { retry_after: asked, ..failed(None, 0.5) });
        assert_eq!(pause.waited_for, waited_for, "{asked:?}");
    }
}

#[test]
fn failure_after_a_quiet_minute_starts_a_new_count() {
    let mut backoff = RetryBackoff::default();
    for _ in 0..10 {
        pause(&mut backoff, None, 1.0);
    }
    let after = |seconds: u64| START + Duration::from_secs(8 + seconds);
    assert!(!backoff.failed(after(60), failed(None, 1.0)).waited_for);
    assert!(backoff.failed(after(60 + 8 + 61), failed(None, 1.0)).waited_for);
}

#[test]
fn time_of_the_attempt_counts_for_two_thirds_of_the_pause() {
    for (took, length) in [(0, 8.0), (3, 5.0), (6, 8.0 / 3.0), (10, 8.0 / 3.0)] {
        let mut backoff = RetryBackoff { failures: 20, ended: None };
        let took = Duration::from_secs(took);
        let pause = backoff.failed(START, FailedAttempt { took, ..failed(None, 1.0) });
        let waited = pause.until.duration_since(START).unwrap().as_secs_f64();
        assert!((waited - length).abs() < 1e-6, "{took:?}: {waited}");
    }
}

#[test]
fn bad_luck_is_no_storm() {
    let mut backoff = RetryBackoff { failures: 100, ended: None };
    assert_eq!(pause(&mut RetryBackoff::default(), LONG, 0.0).0, 0.05);
    assert_eq!(pause(&mut backoff, LONG, 0.0).0, 3.0);
    assert_eq!(pause(&mut backoff, LONG, f64::INFINITY).0, 30.0);
}

#[test]
fn pause_after_a_rejection_is_10_to_15_s() {
    assert_eq!(RetryBackoff::rejected(0.0), Duration::from_secs(10));
    assert_eq!(RetryBackoff::rejected(1.0), Duration::from_secs(15));
}

#[test]
fn retry_after_prolongs_a_pause_and_is_capped() {
    let own = Duration::from_secs(2);
    for (asked, pause) in [(None, 2), (Some(1), 2), (Some(120), 120), (Some(86_400), 3600)] {
        let pause = Duration::from_secs(pause);
        assert_eq!(at_least(own, asked.map(Duration::from_secs)), pause, "{asked:?}");
    }
}

#[test]
fn a_pause_ends() {
    let start = UNIX_EPOCH + Duration::from_secs(1_000_000);
    let pause = AttemptWindow::starting(start, Duration::from_secs(10));
    let after = |seconds| start + Duration::from_secs(seconds);
    assert!(pause.covers(start) && pause.covers(after(9)) && !pause.covers(after(10)));
    assert!(!AttemptWindow::starting(start, Duration::ZERO).covers(start));
}

#[test]
fn pause_covers_a_time_just_before_its_start() {
    let start = UNIX_EPOCH + Duration::from_secs(1_000_000);
    let pause = AttemptWindow::starting(start, Duration::from_secs(10));
    assert!(pause.covers(start - Duration::from_micros(1)));
}

#[test]
fn pause_after_a_repeated_token_ends_with_the_current_one() {
    for (left, pause) in [(Some(60), 5), (Some(5), 5), (Some(3), 3), (Some(0), 1), (None, 5)] {
        assert_eq!(repeated(left.map(Duration::from_secs)), Duration::from_secs(pause), "{left:?}");
    }
}
