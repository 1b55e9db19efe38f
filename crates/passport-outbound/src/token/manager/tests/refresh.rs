use super::*;

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_make_a_token_live_longer() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(HOUR - 10 * SECOND);
    source.clock.set_back(HOUR / 2);
    assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    source.clock.advance(5 * SECOND);
    assert_eq!(ready(&manager), None, "by the wall clock it would have half an hour more");
}

#[tokio::test]
async fn a_fresh_token_is_ready_without_another_attempt() {
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
async fn an_expired_token_is_never_sent() {
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
async fn a_token_that_lives_shorter_than_the_threshold_is_still_used() {
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
async fn token_without_lifetime_is_not_sent_and_starts_a_pause() {
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
    let seen = manager.entry.snapshot();
    for _ in 0..1000 {
        assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    }
    assert!(Arc::ptr_eq(&seen, &manager.entry.snapshot()), "a look changes nothing");
    assert_eq!(source.calls(), 1, "the task has not even been polled");
    source.release();
    settle(&manager).await;
}

#[tokio::test]
async fn token_expires_while_the_machine_sleeps() {
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
async fn attempt_made_overdue_by_a_clock_jump_is_replaced() {
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
    assert_eq!(before.await.unwrap(), "token-1", "who waited for it still gets it");
    assert_eq!(ready(&manager).as_deref(), Some("token-2"), "the later one stays");
    assert_eq!(source.calls(), 2);
}

#[tokio::test]
async fn issuer_that_repeats_its_token_gets_few_requests() {
    let (source, manager) = with_a_token().await;
    source.repeat_the_token();
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
        "asked again as soon as it may not be sent"
    );
    assert_eq!(source.calls(), 3);
}

#[tokio::test]
async fn late_result_does_not_hide_the_running_attempt() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    source.hold();
    let mut first = task::spawn(fetch(&manager));
    assert_pending!(first.poll());
    tokio::task::yield_now().await;
    let silent = manager.entry.running().unwrap();
    source.clock.advance(11 * SECOND);
    assert!(manager.entry.abandon(&silent, source.clock.now()));
    let mut second = task::spawn(fetch(&manager));
    assert_pending!(second.poll());
    tokio::task::yield_now().await;
    source.release_one();
    assert_eq!(first.await.unwrap(), "token-1");
    assert_eq!(manager.entry.snapshot().activity(source.clock.now()), crate::token::Activity::Running);
    source.release();
    assert_eq!(second.await.unwrap(), "token-2");
}

/// The issuer is well; a backoff would make the gap after the expiry longer than it need be.
#[tokio::test]
async fn repeated_token_is_requested_at_a_flat_interval() {
    let (source, manager) = with_a_token().await;
    source.repeat_the_token();
    source.clock.advance(HOUR - 60 * SECOND);
    for _ in 0..50 {
        assert_eq!(ready(&manager).as_deref(), Some("token-1"));
        settle(&manager).await;
        source.clock.advance(SECOND);
    }
    assert_eq!(source.calls(), 1 + 10, "each five seconds");
}
