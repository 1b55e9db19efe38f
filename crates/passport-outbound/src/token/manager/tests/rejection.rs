use super::*;

/// Reports that a receiver rejected the token of `generation`. Returns the token for the retry,
/// or `None` if the rejected token is not replaced.
async fn replacement(manager: &Arc<TokenManager>, generation: u64) -> Option<String> {
    match manager.replace_rejected(generation)? {
        Credential::Ready(token) => Some(text(&token)),
        Credential::Pending(pending) => {
            let token = pending.await.ok()?;
            (token.generation != generation).then(|| text(&token))
        }
        Credential::Failed(_) => None,
    }
}

#[tokio::test]
async fn rejected_token_is_replaced_once_for_all_callers() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(5 * SECOND);
    let rejected = generation(&manager);
    for token in futures_util::future::join_all((0..50).map(|_| replacement(&manager, rejected))).await {
        assert_eq!(token.as_deref(), Some("token-2"));
    }
    assert_eq!(source.calls(), 2);
    assert_eq!(source.last_request().excluded.unwrap().expose(), "token-1");
}

#[tokio::test(start_paused = true)]
async fn one_failure_only_delays_the_replacement() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(5 * SECOND);
    source.fail_next(TokenErrorKind::Unavailable);
    let rejected = generation(&manager);
    let token = in_step(&source.clock, replacement(&manager, rejected)).await;
    assert_eq!(token.as_deref(), Some("token-3"));
}

#[tokio::test(start_paused = true)]
async fn rejected_token_is_not_its_own_replacement() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(5 * SECOND);
    for _ in 0..3 {
        source.fail_next(TokenErrorKind::Unavailable);
    }
    let rejected = generation(&manager);
    let Some(Credential::Pending(pending)) = manager.replace_rejected(rejected) else {
        panic!("a replacement is due")
    };
    let error = in_step(&source.clock, pending).await.unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Unavailable);
}

#[tokio::test]
async fn late_rejection_of_an_old_token_starts_no_fetch() {
    let (source, manager) = with_a_token().await;
    let old = generation(&manager);
    source.clock.advance(HOUR);
    fetch(&manager).await.unwrap();
    source.clock.advance(HOUR / 2);
    assert_eq!(replacement(&manager, old).await.as_deref(), Some("token-2"));
    assert_eq!(source.calls(), 2);
}

#[tokio::test]
async fn token_younger_than_5_s_is_not_replaced() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(5 * SECOND - Duration::from_millis(1));
    assert_eq!(replacement(&manager, generation(&manager)).await, None);
    assert_eq!(source.calls(), 1);
}

/// An API that expects another audience rejects each token, ten times a second, for an hour.
#[tokio::test]
async fn receiver_that_rejects_every_token_causes_no_fetch_loop() {
    let (source, manager) = with_a_token().await;
    for _ in 0..36_000 {
        replacement(&manager, generation(&manager)).await;
        source.clock.advance(SECOND / 10);
        fetch(&manager).await.unwrap();
        settle(&manager).await;
    }
    // The first token, replacements at 5, 15, 35, 75, 155 and 315 s, and then one every 300 s.
    assert_eq!(source.calls(), 17);
}

#[tokio::test]
async fn scheduled_refresh_resets_the_count_of_rejections() {
    let (source, manager) = with_a_token().await;
    for _ in 0..8 {
        source.clock.advance(300 * SECOND);
        replacement(&manager, generation(&manager)).await.unwrap();
    }
    source.clock.advance(HOUR);
    fetch(&manager).await.unwrap();
    source.clock.advance(5 * SECOND);
    assert!(replacement(&manager, generation(&manager)).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn rejection_by_one_receiver_leaves_the_token_to_others() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(5 * SECOND);
    source.fail_next(TokenErrorKind::Unavailable);
    assert_eq!(
        replacement(&manager, generation(&manager)).await,
        None,
        "Passport is down: the 401 is returned to the caller"
    );
    assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    assert_eq!(replacement(&manager, generation(&manager)).await, None, "no fetch starts during the backoff");
    assert_eq!(source.calls(), 2);
    pass_the_backoff(&source.clock);
    assert_eq!(ready(&manager).as_deref(), Some("token-1"));
    settle(&manager).await;
    assert_eq!(ready(&manager).as_deref(), Some("token-3"));
}

#[tokio::test]
async fn unchanged_token_after_a_rejection_ends_the_retry() {
    let (source, manager) = with_a_token().await;
    source.repeat_first_token();
    source.clock.advance(5 * SECOND);
    for _ in 0..10 {
        assert_eq!(replacement(&manager, generation(&manager)).await, None);
    }
    assert_eq!(source.calls(), 2);
}

#[tokio::test]
async fn caller_polled_late_gets_no_expired_replacement() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(5 * SECOND);
    let mut call = task::spawn(replacement(&manager, generation(&manager)));
    assert_pending!(call.poll());
    settle(&manager).await;
    source.clock.advance(2 * HOUR);
    assert_eq!(call.await.as_deref(), Some("token-3"), "token-2 has expired");
}

#[tokio::test]
async fn rejection_joins_a_running_refresh() {
    let (source, manager) = with_a_token().await;
    source.clock.advance(HOUR - 60 * SECOND);
    source.hold();
    ready(&manager);
    let mut call = task::spawn(replacement(&manager, generation(&manager)));
    assert_pending!(call.poll());
    source.release();
    assert_eq!(call.await.as_deref(), Some("token-2"));
    assert_eq!(source.calls(), 2);
}

#[tokio::test]
async fn uncached_token_is_not_replaced() {
    let source = ScriptedSource::new();
    let manager = manager_that_retains(&source, Retention::Nothing);
    let Credential::Pending(pending) = manager.credential() else { panic!("nothing is cached") };
    let sent = pending.await.unwrap();
    source.clock.advance(60 * SECOND);
    assert_eq!(replacement(&manager, sent.generation).await, None);
    assert_eq!(source.calls(), 1);
}
