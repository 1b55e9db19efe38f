use std::time::Duration;

use tokio_test::{assert_pending, assert_ready_ok, task};

use super::*;
use crate::test_support::{ScriptedSource, clock, engine};

const HOUR: Duration = Duration::from_secs(3600);

/// The token that would be sent now, if one would.
fn ready(engine: &Arc<Engine>) -> Option<String> {
    match engine.credential() {
        Credential::Ready(header) => Some(header.to_str().unwrap().replace("Bearer ", "")),
        Credential::Pending(_) => None,
    }
}

async fn fetch(engine: &Arc<Engine>) -> Result<String, TokenErrorKind> {
    engine.token().await.map(|token| token.expose().to_owned()).map_err(|error| error.kind())
}

/// Waits for the attempt that runs in the background, if one does.
async fn settle(engine: &Arc<Engine>) {
    if let Role::Follower(flight) = engine.slot.flights.join() {
        flight.outcome().await;
    }
}

#[tokio::test]
async fn a_thousand_callers_on_an_empty_slot_make_one_attempt() {
    let source = ScriptedSource::new();
    let engine = engine(&source, &clock());
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move { fetch(&engine).await })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), "token-1");
    }
    assert_eq!(source.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_herd_on_many_threads_makes_one_attempt_however_fast_it_ends() {
    for _ in 0..300 {
        let source = ScriptedSource::new();
        let engine = engine(&source, &clock());
        let callers = (0..64).map(|_| {
            let engine = Arc::clone(&engine);
            tokio::spawn(async move { fetch(&engine).await })
        });
        for caller in futures_util::future::join_all(callers).await {
            assert_eq!(caller.unwrap().unwrap(), "token-1");
        }
        assert_eq!(source.calls(), 1);
    }
}

#[tokio::test]
async fn a_source_that_panics_is_an_error_with_a_pause() {
    let source = ScriptedSource::new();
    let engine = engine(&source, &clock());
    source.panic_from_now_on();
    assert_eq!(fetch(&engine).await, Err(TokenErrorKind::Aborted));
    assert_eq!(source.calls(), 2, "once, and once more in case it was the runtime");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_on_a_runtime_that_nobody_drives_is_given_up() {
    let source = ScriptedSource::new();
    let engine = engine(&source, &clock());
    let frozen = engine.slot.flights.join();
    assert_eq!(fetch(&engine).await.unwrap(), "token-1");
    assert_eq!(source.calls(), 1);
    drop(frozen);
}

#[tokio::test]
async fn a_clock_that_was_set_back_makes_the_token_due() {
    let (source, clock) = (ScriptedSource::new(), clock());
    let engine = engine(&source, &clock);
    clock.advance(HOUR * 24);
    fetch(&engine).await.unwrap();
    clock.set_back(HOUR * 24);
    assert_eq!(ready(&engine).as_deref(), Some("token-1"));
    settle(&engine).await;
    assert_eq!(ready(&engine).as_deref(), Some("token-2"));
}

#[tokio::test]
async fn nothing_is_fetched_before_somebody_asks() {
    let source = ScriptedSource::new();
    let _engine = engine(&source, &clock());
    tokio::task::yield_now().await;
    assert_eq!(source.calls(), 0);
}

#[tokio::test]
async fn a_fresh_token_is_ready_without_another_attempt() {
    let (source, clock) = (ScriptedSource::new(), clock());
    let engine = engine(&source, &clock);
    fetch(&engine).await.unwrap();
    clock.advance(HOUR - Duration::from_secs(61));
    assert_eq!(ready(&engine).as_deref(), Some("token-1"));
    settle(&engine).await;
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn within_the_threshold_callers_keep_the_token_while_one_attempt_replaces_it() {
    let (source, clock) = (ScriptedSource::new(), clock());
    let engine = engine(&source, &clock);
    fetch(&engine).await.unwrap();
    clock.advance(HOUR - Duration::from_secs(60));
    source.hold();
    for _ in 0..100 {
        assert_eq!(ready(&engine).as_deref(), Some("token-1"));
    }
    source.release();
    settle(&engine).await;
    assert_eq!(ready(&engine).as_deref(), Some("token-2"));
    assert_eq!(source.calls(), 2);
}

#[tokio::test]
async fn a_failed_refresh_is_not_seen_and_is_not_repeated_at_once() {
    let (source, clock) = (ScriptedSource::new(), clock());
    let engine = engine(&source, &clock);
    fetch(&engine).await.unwrap();
    clock.advance(HOUR - Duration::from_secs(60));
    source.fail_next(TokenErrorKind::Unavailable);
    assert_eq!(ready(&engine).as_deref(), Some("token-1"));
    settle(&engine).await;
    engine.slot.note_failure(
        &TokenError::new(&engine.client_id, Failure::of(TokenErrorKind::Unavailable)),
        clock.now(),
        1.0,
    );
    for _ in 0..100 {
        assert_eq!(ready(&engine).as_deref(), Some("token-1"));
        settle(&engine).await;
    }
    assert_eq!(source.calls(), 2);
}

#[tokio::test]
async fn an_expired_token_is_never_sent() {
    let (source, clock) = (ScriptedSource::new(), clock());
    let engine = engine(&source, &clock);
    fetch(&engine).await.unwrap();
    clock.advance(HOUR - Duration::from_secs(5));
    assert_eq!(ready(&engine), None);
    source.fail_next(TokenErrorKind::Unavailable);
    assert_eq!(fetch(&engine).await, Err(TokenErrorKind::Unavailable));
}

#[tokio::test]
async fn all_callers_of_a_failed_attempt_share_its_error() {
    let source = ScriptedSource::new();
    let engine = engine(&source, &clock());
    source.fail_next(TokenErrorKind::Refused);
    source.hold();
    let mut callers: Vec<_> = (0..10).map(|_| task::spawn(fetch(&engine))).collect();
    for caller in &mut callers {
        assert_pending!(caller.poll());
    }
    source.release();
    for caller in callers {
        assert_eq!(caller.await, Err(TokenErrorKind::Refused));
    }
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn during_the_pause_after_a_failure_callers_get_its_error_without_an_attempt() {
    let (source, clock) = (ScriptedSource::new(), clock());
    let engine = engine(&source, &clock);
    let error = TokenError::new(&engine.client_id, Failure::of(TokenErrorKind::Unavailable));
    engine.slot.note_failure(&error, clock.now(), 1.0);
    assert_eq!(fetch(&engine).await, Err(TokenErrorKind::Unavailable));
    assert_eq!(source.calls(), 0);
    clock.advance(Duration::from_millis(500));
    assert_eq!(fetch(&engine).await.unwrap(), "token-1");
}

#[tokio::test]
async fn a_cancelled_caller_does_not_cancel_the_attempt() {
    let source = ScriptedSource::new();
    let engine = engine(&source, &clock());
    source.hold();
    let mut first = task::spawn(fetch(&engine));
    assert_pending!(first.poll());
    drop(first);
    let mut second = task::spawn(fetch(&engine));
    assert_pending!(second.poll());
    source.release();
    assert_eq!(second.await.unwrap(), "token-1");
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn a_token_that_lives_shorter_than_the_threshold_is_still_used() {
    let (source, clock) = (ScriptedSource::with_lifetime(Duration::from_secs(20)), clock());
    let engine = engine(&source, &clock);
    fetch(&engine).await.unwrap();
    clock.advance(Duration::from_secs(9));
    assert_eq!(ready(&engine).as_deref(), Some("token-1"));
    settle(&engine).await;
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn a_token_without_a_life_is_neither_sent_nor_asked_for_again_at_once() {
    let (source, clock) = (ScriptedSource::with_lifetime(Duration::ZERO), clock());
    let engine = engine(&source, &clock);
    assert_eq!(fetch(&engine).await, Err(TokenErrorKind::UnusableResponse));
    assert_eq!(ready(&engine), None);
}

#[tokio::test]
async fn a_token_that_dies_on_the_way_is_not_sent() {
    let (source, clock) = (ScriptedSource::with_lifetime(Duration::from_secs(3)), clock());
    let engine = engine(&source, &clock);
    source.hold();
    let mut caller = task::spawn(fetch(&engine));
    assert_pending!(caller.poll());
    tokio::task::yield_now().await;
    clock.advance(Duration::from_secs(4));
    source.release();
    assert_eq!(caller.await, Err(TokenErrorKind::UnusableResponse));
}

#[test]
fn without_a_runtime_the_caller_gets_an_error_and_no_panic() {
    let engine = engine(&ScriptedSource::new(), &clock());
    let mut caller = task::spawn(fetch(&engine));
    let outcome = match caller.poll() {
        std::task::Poll::Ready(outcome) => outcome,
        std::task::Poll::Pending => panic!("nobody could ever wake this caller"),
    };
    assert_eq!(outcome, Err(TokenErrorKind::Aborted));
}

#[tokio::test]
async fn an_attempt_that_is_lost_makes_room_for_the_next() {
    let source = ScriptedSource::new();
    let engine = engine(&source, &clock());
    drop(engine.slot.flights.join());
    let mut caller = task::spawn(fetch(&engine));
    assert_pending!(caller.poll());
    tokio::task::yield_now().await;
    assert_eq!(assert_ready_ok!(caller.poll()), "token-1");
}
