use super::*;

#[tokio::test]
async fn shutdown_ends_the_running_fetch_and_its_waiters() {
    let source = ScriptedSource::new();
    let identity = identity(&source);
    source.hold();
    let mut caller = task::spawn(identity.token());
    assert_pending!(caller.poll());
    tokio::task::yield_now().await;
    identity.shutdown().await;
    assert_eq!(caller.await.unwrap_err().kind(), TokenErrorKind::ShutDown);
    assert!(identity.status().is_shut_down());
}

#[tokio::test]
async fn shutdown_waits_for_the_end_of_the_fetch() {
    let source = ScriptedSource::new();
    let identity = identity(&source);
    let current = Arc::strong_count(&identity.manager);
    source.hold();
    {
        let mut caller = task::spawn(identity.token());
        assert_pending!(caller.poll());
    }
    tokio::task::yield_now().await;
    assert!(Arc::strong_count(&identity.manager) > current, "the fetch holds a reference");
    let mut shutdown = task::spawn(identity.shutdown());
    assert_pending!(shutdown.poll(), "the fetch has not been polled since");
    shutdown.await;
    assert_eq!(Arc::strong_count(&identity.manager), current, "the fetch has ended");
}

#[test]
fn shutdown_of_an_unused_identity_needs_no_runtime() {
    let identity = identity(&ScriptedSource::new());
    let mut shutdown = task::spawn(identity.shutdown());
    assert!(shutdown.poll().is_ready());
}

#[tokio::test(start_paused = true)]
async fn status_has_wall_clock_times_after_a_step_back() {
    let source = ScriptedSource::new();
    let identity = identity(&source);
    identity.token().await.unwrap();
    source.clock.advance(HOUR - 10 * SECOND);
    source.clock.set_back(HOUR / 2);
    source.fail_next(TokenErrorKind::Unavailable);
    identity.token().await.unwrap();
    tokio::task::yield_now().await;
    let next = identity.status().retry_at().unwrap();
    let wait = next.duration_since(source.clock.now()).unwrap();
    assert!(wait <= SECOND, "{wait:?}");
}

#[tokio::test]
async fn invalidated_token_from_the_issuer_is_an_error() {
    let source = ScriptedSource::new();
    let identity = identity(&source);
    identity.token().await.unwrap();
    source.repeat_first_token();
    identity.invalidate();
    assert_eq!(identity.token().await.unwrap_err().kind(), TokenErrorKind::Unchanged);
}

#[tokio::test]
async fn valid_token_is_sent_after_a_shutdown_without_refresh() {
    let source = ScriptedSource::new();
    let identity = identity(&source);
    identity.token().await.unwrap();
    identity.shutdown().await;
    source.clock.advance(HOUR - 60 * SECOND);
    assert_eq!(identity.token().await.unwrap().expose(), "token-1");
    assert!(!identity.status().is_fetching(), "a refresh is due, but does not start");
    source.clock.advance(60 * SECOND);
    assert_eq!(identity.token().await.unwrap_err().kind(), TokenErrorKind::ShutDown);
    assert_eq!(identity.ready().await.unwrap_err().kind(), TokenErrorKind::ShutDown);
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_fetch() {
    let source = ScriptedSource::new();
    let identity = identity(&source);
    let clone = identity.clone();
    source.hold();
    {
        let mut caller = task::spawn(identity.token());
        assert_pending!(caller.poll());
    }
    tokio::task::yield_now().await;
    drop(identity);
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&source), 2, "the clone and its fetch are alive");
    drop(clone);
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&source), 1, "the fetch and the manager are dropped");
}

#[tokio::test]
async fn shutdown_does_not_affect_another_identity() {
    let source = ScriptedSource::new();
    let entry = Arc::default();
    let ending = manager_with_entry(&source, &entry);
    let staying = manager_with_entry(&source, &entry);
    source.hold();
    let mut first = task::spawn(fetch(&ending));
    let mut second = task::spawn(fetch(&staying));
    assert_pending!(first.poll());
    assert_pending!(second.poll());
    ending.life.cancel();
    source.release();
    assert_eq!(first.await, Err(TokenErrorKind::ShutDown));
    assert_eq!(second.await.unwrap(), "token-1");
}

#[tokio::test]
async fn invalidated_token_is_not_sent_from_a_running_fetch() {
    let source = ScriptedSource::new();
    let identity = identity(&source);
    identity.token().await.unwrap();
    source.clock.advance(HOUR - 60 * SECOND);
    source.hold();
    identity.token().await.unwrap(); // starts a refresh
    tokio::task::yield_now().await;
    identity.invalidate();
    assert!(!identity.status().has_valid_token());
    let mut caller = task::spawn(identity.token());
    assert_pending!(caller.poll());
    source.release();
    assert_eq!(caller.await.unwrap().expose(), "token-3", "token-2 was fetched before the invalidation");
    assert_eq!(source.last_request().excluded.unwrap().expose(), "token-1");
}

#[tokio::test]
async fn waiting_caller_gets_the_token_after_an_invalidation() {
    let source = ScriptedSource::new();
    let identity = identity(&source);
    source.hold();
    let mut caller = task::spawn(identity.token());
    assert_pending!(caller.poll());
    tokio::task::yield_now().await;
    identity.invalidate();
    source.release();
    assert_eq!(caller.await.unwrap().expose(), "token-2");
}

#[tokio::test]
async fn waiting_caller_survives_two_invalidations() {
    let source = ScriptedSource::new();
    let identity = identity(&source);
    source.hold();
    let mut caller = task::spawn(identity.token());
    for _ in 0..2 {
        assert_pending!(caller.poll());
        tokio::task::yield_now().await;
        identity.invalidate();
        tokio::task::yield_now().await;
    }
    source.release();
    assert_eq!(caller.await.unwrap().expose(), "token-3");
}

#[tokio::test]
async fn shutdown_does_not_end_the_fetch_of_another_identity() {
    let source = ScriptedSource::new();
    let entry = Arc::default();
    let staying = manager_with_entry(&source, &entry);
    let ending = manager_with_entry(&source, &entry);
    source.hold();
    let mut leader = task::spawn(fetch(&staying));
    let mut follower = task::spawn(fetch(&ending));
    assert_pending!(leader.poll());
    assert_pending!(follower.poll());
    ending.life.cancel();
    assert!(follower.is_woken());
    assert_eq!(follower.await, Err(TokenErrorKind::ShutDown));
    source.release();
    assert_eq!(leader.await.unwrap(), "token-1");
}

#[tokio::test]
async fn invalidation_does_not_end_a_backoff() {
    let source = ScriptedSource::new();
    let identity = identity(&source);
    source.fail_next(TokenErrorKind::Rejected);
    identity.token().await.unwrap_err();
    for _ in 0..10 {
        identity.invalidate();
        identity.token().await.unwrap_err();
    }
    assert_eq!(source.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn status_reports_token_error_and_next_fetch() {
    let source = ScriptedSource::new();
    let identity = identity(&source);
    let status = identity.status();
    assert!(!status.has_valid_token() && !status.is_fetching() && status.last_error().is_none());
    assert_eq!((status.expires_at(), status.retry_at()), (None, None));

    source.fail_next(TokenErrorKind::Unavailable);
    identity.token().await.unwrap_err();
    let status = identity.status();
    assert_eq!(status.last_error().unwrap().kind(), TokenErrorKind::Unavailable);
    assert!(status.retry_at().unwrap() > source.clock.now());

    source.clock.advance(SECOND);
    let token = identity.token().await.unwrap();
    let status = identity.status();
    assert!(status.has_valid_token() && status.last_error().is_none());
    assert_eq!(status.expires_at(), Some(token.expires_at()));

    source.clock.advance(HOUR - 60 * SECOND);
    source.hold();
    identity.token().await.unwrap();
    assert!(identity.status().is_fetching() && identity.status().has_valid_token());
    source.clock.advance(60 * SECOND);
    assert!(!identity.status().has_valid_token(), "it is past its hard expiry");
}

/// Advances the wall clock together with tokio's clock.
async fn let_time_pass(source: &ScriptedSource) {
    loop {
        sleep(SECOND).await;
        source.clock.advance(SECOND);
    }
}

#[tokio::test(start_paused = true)]
async fn ready_waits_for_the_end_of_an_outage() {
    let source = ScriptedSource::new();
    let identity = identity(&source);
    for kind in [TokenErrorKind::Unavailable, TokenErrorKind::InvalidResponse, TokenErrorKind::Canceled] {
        source.fail_next(kind);
    }
    tokio::select! {
        ready = identity.ready() => ready.unwrap(),
        () = let_time_pass(&source) => {}
    }
    assert!(identity.status().has_valid_token());
    assert_eq!(source.calls(), 4);
}

#[tokio::test]
async fn ready_returns_permanent_failures_immediately() {
    for kind in [TokenErrorKind::Rejected, TokenErrorKind::SecretUnavailable] {
        let source = ScriptedSource::new();
        source.fail_next(kind);
        assert_eq!(identity(&source).ready().await.unwrap_err().kind(), kind);
    }
    let source = ScriptedSource::new();
    let invalid = FetchFailure::of(TokenErrorKind::InvalidResponse);
    source.fail_next_with(FetchFailure { is_permanent: true, ..invalid });
    let error = identity(&source).ready().await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::InvalidResponse);
}

/// Runs `work` on a new runtime, and drops the runtime when `work` ends, as a blocking caller
/// does.
fn on_a_new_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Returns a manager whose first background refresh was dropped with the runtime of its caller.
fn with_a_dropped_refresh() -> (Arc<ScriptedSource>, Arc<TokenManager>) {
    let (source, manager) = on_a_new_runtime(with_a_token());
    source.clock.advance(HOUR - 60 * SECOND);
    source.hold();
    on_a_new_runtime(async {
        assert_eq!(fetch(&manager).await.unwrap(), "token-1");
        tokio::task::yield_now().await;
    });
    assert_eq!(source.calls(), 2, "the refresh was running");
    source.release();
    (source, manager)
}

#[test]
fn dropped_refresh_starts_no_backoff() {
    let (source, manager) = with_a_dropped_refresh();
    let snapshot = manager.entry.snapshot();
    assert_eq!(snapshot.activity(source.clock.now()), crate::token::Activity::Idle);
    assert!(snapshot.last_error.is_none());
}

#[test]
fn refresh_after_a_dropped_one_outlives_its_runtime() {
    let (source, manager) = with_a_dropped_refresh();
    source.hold();
    on_a_new_runtime(async { assert_eq!(fetch(&manager).await.unwrap(), "token-1") });
    source.release();
    on_a_new_runtime(settle(&manager));
    assert_eq!(ready(&manager).as_deref(), Some("token-3"));
    assert_eq!(source.calls(), 3);
}

#[test]
fn fetch_dropped_with_its_caller_is_retried_by_others() {
    let source = ScriptedSource::new();
    let manager = manager(&source);
    source.hold();
    let leader = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let started = leader.block_on(async {
        let mut caller = task::spawn(fetch(&manager));
        assert_pending!(caller.poll());
        tokio::task::yield_now().await;
        source.calls()
    });
    assert_eq!(started, 1);
    let token = on_a_new_runtime(async {
        let mut follower = task::spawn(fetch(&manager));
        assert_pending!(follower.poll());
        drop(std::thread::spawn(move || drop(leader)).join());
        source.release();
        follower.await
    });
    assert_eq!(token.unwrap(), "token-2");
}

#[test]
fn shutdown_ends_a_fetch_on_the_background_runtime() {
    let (source, manager) = with_a_dropped_refresh();
    source.hold();
    on_a_new_runtime(fetch(&manager)).unwrap();
    manager.life.cancel();
    manager.attempts.close();
    on_a_new_runtime(manager.attempts.wait());
    assert!(manager.entry.running().is_none());
}
