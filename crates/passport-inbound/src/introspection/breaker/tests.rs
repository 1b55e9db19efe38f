//! The transitions of the circuit breaker.

use super::*;

const LONGEST: Duration = Duration::from_secs(4);

fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Returns a breaker with a circuit that has opened at the time 0. A probe can begin after 500 ms.
fn open() -> Breaker {
    let mut breaker = Breaker::default();
    for _ in 1..MAX_FAILURES {
        assert_eq!(breaker.failed(false, at(0), 1.0), None);
        assert_eq!(breaker.admit(at(0), LONGEST), Ok(()));
    }
    assert_eq!(breaker.failed(false, at(0), 1.0), Some(Transition::Opened));
    breaker
}

#[test]
fn five_consecutive_failures_open_the_circuit() {
    let mut breaker = open();
    assert_eq!(breaker.admit(at(1), LONGEST), Err(at(499)));
}

#[test]
fn success_resets_the_failures() {
    let mut breaker = Breaker::default();
    for _ in 0..10 {
        (1..MAX_FAILURES).for_each(|_| assert_eq!(breaker.failed(false, at(0), 1.0), None));
        assert_eq!(breaker.succeeded(), None);
    }
    assert_eq!(breaker.admit(at(0), LONGEST), Ok(()));
}

#[test]
fn only_one_probe_runs_after_the_backoff() {
    let mut breaker = open();
    assert_eq!(breaker.admit(at(500), LONGEST), Ok(()));
    assert_eq!(breaker.admit(at(501), LONGEST), Err(at(3999)));
    assert_eq!(breaker.succeeded(), Some(Transition::Closed));
    assert_eq!(breaker.admit(at(502), LONGEST), Ok(()));
    assert_eq!(breaker.admit(at(502), LONGEST), Ok(()));
}

#[test]
fn failed_probe_doubles_the_backoff() {
    let mut breaker = open();
    let mut now = at(500);
    for backoff in [1000, 2000, 4000, 8000, 8000] {
        assert_eq!(breaker.admit(now, LONGEST), Ok(()));
        assert_eq!(breaker.failed(false, now, 1.0), None);
        assert_eq!(breaker.admit(now, LONGEST), Err(at(backoff)));
        now += at(backoff);
    }
}

#[test]
fn lost_probe_is_replaced() {
    let mut breaker = open();
    assert_eq!(breaker.admit(at(500), LONGEST), Ok(()));
    assert_eq!(breaker.admit(at(4500), LONGEST), Ok(()));
    breaker.dropped();
    assert_eq!(breaker.admit(at(4501), LONGEST), Ok(()));
}

#[test]
fn late_failures_do_not_prolong_the_backoff() {
    let mut breaker = open();
    assert_eq!(breaker.failed(false, at(400), 1.0), None);
    assert_eq!(breaker.admit(at(500), LONGEST), Ok(()));
}

#[test]
fn rejected_client_opens_the_circuit_at_once() {
    let mut breaker = Breaker::default();
    assert_eq!(breaker.failed(true, at(0), 1.0), Some(Transition::Opened));
    assert!(breaker.admit(at(0), LONGEST).is_err());
}
