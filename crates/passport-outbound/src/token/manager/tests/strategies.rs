use super::*;

/// Returns the distinct tokens of ten concurrent calls.
async fn burst(manager: &Arc<TokenManager>) -> Vec<String> {
    let callers = futures_util::future::join_all((0..10).map(|_| fetch(manager))).await;
    let mut tokens: Vec<_> = callers.into_iter().map(Result::unwrap).collect();
    tokens.sort();
    tokens.dedup();
    tokens
}

#[tokio::test]
async fn each_burst_of_calls_without_a_cache_fetches_one_token() {
    let source = ScriptedSource::new();
    let manager = manager_that_retains(&source, Retention::Nothing);
    assert_eq!(burst(&manager).await, ["token-1"]);
    assert_eq!(burst(&manager).await, ["token-2"]);
    assert!(manager.entry.snapshot().cached.is_none());
}

#[tokio::test]
async fn min_ttl_without_a_cache_takes_one_fetch() {
    let source = ScriptedSource::new();
    let manager = manager_that_retains(&source, Retention::Nothing);
    assert_eq!(manager.token_with_min_ttl(2 * HOUR).await.unwrap().expose(), "token-1");
    assert_eq!(source.calls(), 1);
}

#[tokio::test]
async fn rejection_starts_backoff_with_every_retention() {
    for retention in [Retention::Nothing, Retention::Token] {
        let source = ScriptedSource::new();
        let manager = manager_that_retains(&source, retention);
        source.fail_next(TokenErrorKind::Rejected);
        for _ in 0..10 {
            assert_eq!(fetch(&manager).await, Err(TokenErrorKind::Rejected), "{retention:?}");
        }
        assert_eq!(source.calls(), 1, "{retention:?}");
        source.clock.advance(15 * SECOND);
        assert!(fetch(&manager).await.is_ok(), "{retention:?}");
    }
}

#[tokio::test]
async fn managers_of_one_entry_share_token_and_fetch() {
    let source = ScriptedSource::new();
    let entry = Arc::default();
    let managers = [manager_with_entry(&source, &entry), manager_with_entry(&source, &entry)];
    let tokens = futures_util::future::join_all(managers.iter().map(fetch)).await;
    assert_eq!(tokens, [Ok("token-1".to_owned()), Ok("token-1".to_owned())]);
    assert_eq!(source.calls(), 1);
}

/// The first identity was built before the clock was set back, and the second identity after
/// that.
#[tokio::test(start_paused = true)]
async fn identities_that_share_an_entry_share_its_clock() {
    let source = ScriptedSource::new();
    let entry = Arc::default();
    let before = manager_with_entry(&source, &entry);
    fetch(&before).await.unwrap();
    source.clock.advance(HOUR - 10 * SECOND);
    source.clock.set_back(HOUR / 2);
    assert_eq!(ready(&before).as_deref(), Some("token-1"));
    settle(&before).await;
    assert_eq!(ready(&before).as_deref(), Some("token-2"));
    let after = manager_with_entry(&source, &entry);
    source.clock.advance(HOUR - 5 * SECOND);
    assert_eq!(ready(&after), None);
    source.fail_next(TokenErrorKind::Unavailable);
    assert!(fetch(&before).await.is_err());
    source.clock.advance(SECOND);
    assert!(fetch(&after).await.is_ok(), "the backoff of half a second is over for both");
}
