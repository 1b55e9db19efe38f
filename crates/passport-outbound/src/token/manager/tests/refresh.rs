use super::*;

#[tokio::test]
async fn clock_set_back_does_not_extend_the_lifetime() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(HOUR - 10 * SECOND);
    source.clock.set_back(HOUR / 2);
    assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    source.clock.advance(5 * SECOND);
    assert_eq!(ready(&manager), None, "by the wall clock, it would be valid for another half hour");
}

#[tokio::test]
async fn fresh_token_is_returned_without_another_fetch() {
    let source = ScriptedSource::new();
    let clock = source.clock.clone();
    let manager = manager(&source);
    fetch(&manager).await.unwrap();
    clock.advance(HOUR - Duration::from_secs(61));
    assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    settle(&manager).await;
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn callers_use_the_token_during_its_refresh() {
    let source = ScriptedSource::new();
    let clock = source.clock.clone();
    let manager = manager(&source);
    fetch(&manager).await.unwrap();
    clock.advance(HOUR - Duration::from_secs(60));
    source.hold();
    for _ in 0..100 {
        assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    }
    source.release();
    settle(&manager).await;
    assert_eq!(ready(&manager).as_deref(), Some("token-2"));
    assert_eq!(source.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn expired_token_is_never_sent() {
    let source = ScriptedSource::new();
    let clock = source.clock.clone();
    let manager = manager(&source);
    fetch(&manager).await.unwrap();
    clock.advance(HOUR - Duration::from_secs(5));
    assert_eq!(ready(&manager), None);
    source.fail_next(TokenErrorKind::Unavailable);
    assert_eq!(fetch(&manager).await, Err(TokenErrorKind::Unavailable));
}

#[tokio::test]
async fn token_shorter_than_the_threshold_is_used() {
    let source = ScriptedSource::with_lifetime(Duration::from_secs(20));
    let clock = source.clock.clone();
    let manager = manager(&source);
    fetch(&manager).await.unwrap();
    clock.advance(Duration::from_secs(9));
    assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    settle(&manager).await;
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn token_without_lifetime_is_a_failure_with_backoff() {
    for life in [Duration::ZERO, Duration::from_millis(999)] {
        let source = ScriptedSource::with_lifetime(life);
        let manager = manager(&source);
        for _ in 0..10 {
            assert_eq!(fetch(&manager).await, Err(TokenErrorKind::InvalidResponse));
        }
        assert_eq!(source.calls(), 1);
    }
}

#[tokio::test]
async fn token_that_expires_while_waiting_is_not_sent() {
    let source = ScriptedSource::with_lifetime(Duration::from_secs(3));
    let clock = source.clock.clone();
    let manager = manager(&source);
    source.hold();
    let mut caller = task::spawn(fetch(&manager));
    assert_pending!(caller.poll());
    tokio::task::yield_now().await;
    clock.advance(Duration::from_secs(4));
    source.release();
    assert_eq!(caller.await, Err(TokenErrorKind::InvalidResponse));
}

#[tokio::test]
async fn callers_do_not_wait_during_a_background_refresh() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(HOUR - 60 * SECOND);
    source.hold();
    ready(&manager);
    let before = manager.entry.snapshot();
    for _ in 0..1000 {
        assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    }
    assert!(Arc::ptr_eq(&before, &manager.entry.snapshot()), "a lookup changes nothing");
    assert_eq!(source.calls(), 1, "the task has not been polled");
    source.release();
    settle(&manager).await;
}

#[tokio::test]
async fn token_expires_while_the_machine_is_suspended() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(8 * HOUR);
    assert_eq!(ready(&manager), None);
    assert_eq!(fetch(&manager).await.unwrap(), "token-2");
}

#[tokio::test]
async fn caller_polled_late_gets_the_next_token() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    let mut caller = task::spawn(fetch(&manager));
    assert_pending!(caller.poll());
    settle(&manager).await;
    source.clock.advance(2 * HOUR);
    assert_eq!(caller.await.unwrap(), "token-2");
}

#[tokio::test]
async fn fetch_made_overdue_by_a_clock_jump_is_replaced() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    source.hold();
    let mut before = task::spawn(fetch(&manager));
    assert_pending!(before.poll());
    tokio::task::yield_now().await;
    source.clock.set_forward(HOUR / 2);
    let mut after = task::spawn(fetch(&manager));
    assert_pending!(after.poll());
    tokio::task::yield_now().await;
    source.release();
    assert_eq!(after.await.unwrap(), "token-2");
    assert_eq!(before.await.unwrap(), "token-1", "its waiters still get it");
    assert_eq!(ready(&manager).as_deref(), Some("token-2"), "the later token stays cached");
    assert_eq!(source.calls(), 2);
}

#[tokio::test]
async fn issuer_that_returns_the_same_token_gets_few_requests() {
    let (source, manager) = with_a_token().await;
    source.repeat_first_token();
    source.clock.advance(HOUR - 60 * SECOND);
    for _ in 0..100 {
        assert_eq!(ready(&manager).as_deref(), Some("token-1"));
        settle(&manager).await;
    }
    assert_eq!(source.calls(), 2);
    let error = manager.entry.snapshot().last_error.clone().unwrap();
    assert_eq!(error.kind(), TokenErrorKind::Unchanged);
    source.clock.advance(56 * SECOND);
    assert_eq!(
        fetch(&manager).await,
        Err(TokenErrorKind::Unchanged),
        "the next fetch starts when the token expires"
    );
    assert_eq!(source.calls(), 3);
}

#[tokio::test]
async fn late_result_does_not_hide_the_running_fetch() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    source.hold();
    let mut first = task::spawn(fetch(&manager));
    assert_pending!(first.poll());
    tokio::task::yield_now().await;
    let stalled = manager.entry.running().unwrap();
    source.clock.advance(11 * SECOND);
    assert!(manager.entry.abandon(&stalled, source.clock.now()));
    let mut second = task::spawn(fetch(&manager));
    assert_pending!(second.poll());
    tokio::task::yield_now().await;
    source.release_one();
    assert_eq!(first.await.unwrap(), "token-1");
    assert_eq!(manager.entry.snapshot().activity(source.clock.now()), crate::token::Activity::Running);
    source.release();
    assert_eq!(second.await.unwrap(), "token-2");
}

/// The issuer works, so a growing backoff would only lengthen the time without a token after the
/// expiry.
#[tokio::test]
async fn unchanged_token_is_requested_at_a_flat_interval() {
    let (source, manager) = with_a_token().await;
    source.repeat_first_token();
    source.clock.advance(HOUR - 60 * SECOND);
    for _ in 0..50 {
        assert_eq!(ready(&manager).as_deref(), Some("token-1"));
        settle(&manager).await;
        source.clock.advance(SECOND);
    }
    assert_eq!(source.calls(), 1 + 10, "one every five seconds");
}
