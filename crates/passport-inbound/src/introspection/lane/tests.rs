//! The numbers of concurrent and waiting calls.

use super::*;

const TIMEOUT: Duration = Duration::from_secs(2);

#[test]
fn calls_above_the_queue_are_not_admitted() {
    let lane = Lane::new(2, None, TIMEOUT);
    let slots: Vec<_> = (0..2 + MAX_WAITING).map(|_| lane.admit(Duration::ZERO).unwrap()).collect();
    assert_eq!(lane.admit(Duration::ZERO).unwrap_err(), (OVERLOAD_RETRY_AFTER, false));
    drop(slots);
    drop(lane.admit(Duration::ZERO).unwrap());
}

#[test]
fn calls_above_the_rate_are_not_admitted() {
    let lane = Lane::new(2, Some(1), TIMEOUT);
    drop(lane.admit(Duration::ZERO).unwrap());
    assert_eq!(lane.admit(Duration::ZERO).unwrap_err(), (Duration::from_secs(1), false));
}

#[tokio::test(start_paused = true)]
async fn call_waits_for_its_turn_within_the_timeout() {
    let lane = Lane::new(1, None, TIMEOUT);
    let turn = lane.turn().await.unwrap();
    assert!(matches!(lane.turn().await, Err(CallError::Overloaded)));
    drop(turn);
    drop(lane.turn().await.unwrap());
}

#[test]
fn waiting_calls_do_not_open_the_circuit() {
    let lane = Lane::new(1, None, TIMEOUT);
    for _ in 0..10 {
        assert_eq!(lane.record(Some(&CallError::Overloaded), Duration::ZERO), None);
    }
    drop(lane.admit(Duration::ZERO).unwrap());
}

#[test]
fn open_circuit_admits_no_call() {
    let lane = Lane::new(1, None, TIMEOUT);
    assert_eq!(lane.record(Some(&CallError::ClientRejected), Duration::ZERO), Some(Transition::Opened));
    let (retry_after, is_circuit_open) = lane.admit(Duration::ZERO).unwrap_err();
    assert!(is_circuit_open && retry_after <= Duration::from_millis(500), "{retry_after:?}");
    drop(lane.admit(retry_after).unwrap());
    assert_eq!(lane.record(None, retry_after), Some(Transition::Closed));
}
