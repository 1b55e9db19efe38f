//! Tests of which stored tokens are used.

use super::*;

/// Another instance holds the lease and never releases it. The held lease delays only the
/// refresh, and no call.
#[tokio::test(start_paused = true)]
async fn token_rejected_during_a_shared_refresh_is_replaced() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    source.clock.advance(HOUR - 60 * SECOND);
    store.try_lease(&key(), "other", HOUR).await.unwrap();
    token(&identity).await.unwrap();
    sleep(SECOND).await;
    let Some(Credential::Pending(pending)) = identity.replace_rejected(1) else {
        panic!("a replacement is due")
    };
    assert_eq!(pending.await.unwrap().authorization, "Bearer token-2");
}

#[tokio::test(start_paused = true)]
async fn older_token_in_the_store_is_not_used() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    let old = store.stored().unwrap();
    source.clock.advance(HOUR - 60 * SECOND);
    token(&identity).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(token(&identity).await.unwrap(), "token-2");
    let replayed = StoredToken::new(old.token().clone(), old.issued_at());
    store.tokens.lock().unwrap().insert(key().to_string(), replayed);
    source.clock.advance(HOUR - 120 * SECOND);
    identity.invalidate();
    assert_eq!(token(&identity).await.unwrap(), "token-3");
    assert_eq!(store.stored().unwrap().token().expose(), "token-3");
}

/// One machine stores a token after its wall clock was set back; another machine reads it.
#[tokio::test(start_paused = true)]
async fn stored_tokens_have_wall_clock_times() {
    let (store, here, there) = (InMemoryStore::default(), ScriptedSource::new(), ScriptedSource::new());
    let first = instance(&store, &here);
    token(&first).await.unwrap();
    here.clock.advance(HOUR);
    there.clock.advance(HOUR);
    here.clock.set_forward(HOUR); // the clock is wrong
    token(&first).await.unwrap();
    here.clock.set_back(HOUR); // and is corrected
    first.invalidate();
    assert_eq!(token(&first).await.unwrap(), "token-3");
    let stored = store.tokens.lock().unwrap()[&key().to_string()].clone();
    assert_eq!(
        (stored.issued_at(), stored.token().expires_at()),
        (there.clock.now(), there.clock.now() + HOUR)
    );
    let other = instance(&store, &there);
    assert_eq!(token(&other).await.unwrap(), "token-3");
    there.clock.advance(HOUR - Duration::from_secs(5));
    assert_eq!(token(&other).await.unwrap(), "token-1", "the first token that this instance fetches");
}

#[tokio::test(start_paused = true)]
async fn writers_clock_does_not_extend_a_stored_token() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let ahead = source.clock.now() + HOUR;
    let published = AccessToken::new("published", ahead + HOUR).unwrap();
    store.put(&key(), "other", &StoredToken::new(published, ahead)).await.unwrap();
    let identity = instance(&store, &source);
    assert_eq!(token(&identity).await.unwrap(), "published");
    source.clock.advance(HOUR - Duration::from_secs(5));
    assert_ne!(token(&identity).await.unwrap(), "published");
}

#[tokio::test(start_paused = true)]
async fn rejected_token_is_removed_and_not_used_again() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let (one, other) = (instance(&store, &source), instance(&store, &source));
    token(&one).await.unwrap();
    token(&other).await.unwrap();
    one.invalidate();
    assert_eq!(token(&one).await.unwrap(), "token-2");
    other.invalidate();
    assert_eq!(token(&other).await.unwrap(), "token-2", "the store has a newer token");
    assert_eq!(source.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn rejected_token_that_stays_in_the_store_is_not_used() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    store.fails_to_remove.store(true, Ordering::SeqCst);
    identity.invalidate();
    assert_eq!(token(&identity).await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn rejected_token_is_removed_without_a_replacement() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    identity.invalidate();
    source.fail_next(TokenErrorKind::Unavailable);
    token(&identity).await.unwrap_err();
    assert!(store.tokens.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn instance_without_a_token_uses_one_that_is_due() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    token(&instance(&store, &source)).await.unwrap();
    source.clock.advance(HOUR - Duration::from_secs(30));
    let late = instance(&store, &source);
    assert_eq!(token(&late).await.unwrap(), "token-1");
    assert_eq!(source.calls(), 1);
    sleep(Duration::from_secs(1)).await;
    token(&late).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(token(&late).await.unwrap(), "token-2", "the instance has refreshed it");
}

#[tokio::test(start_paused = true)]
async fn expired_token_in_the_store_is_a_miss() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    token(&instance(&store, &source)).await.unwrap();
    source.clock.advance(HOUR);
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn call_with_a_valid_token_makes_no_store_call() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    store.hangs.store(true, Ordering::SeqCst);
    let started = Instant::now();
    assert_eq!(token(&identity).await.unwrap(), "token-1");
    assert!(started.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn stored_token_that_is_due_does_not_replace_a_valid_one() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let now = source.clock.now();
    let (current, due) = (now + HOUR / 4, AccessToken::new("due", now + HOUR / 2).unwrap());
    store.put(&key(), "other", &StoredToken::new(due, now)).await.unwrap();
    source.clock.advance(HOUR / 2 - 30 * SECOND);
    for (has_valid_token, expected) in [(false, "due"), (true, "token-1")] {
        let request = FetchRequest {
            current: Some(AccessToken::new("current", current).unwrap()),
            current_valid_until: has_valid_token.then(|| Instant::now() + SECOND),
            excluded: None,
        };
        let fetched = coordinator(&store, &source).fetch(request).await.unwrap();
        assert_eq!(fetched.token.expose(), expected);
    }
}

#[test]
fn clocks_that_differ_by_over_a_minute_are_logged() {
    let log = passport_test_support::logs::Log::listen(tracing::Level::WARN);
    let (client_id, now) = ("mi-1".parse().unwrap(), ScriptedSource::new().clock.now());
    for (ahead, lines) in [(60, 0), (61, 2)] {
        let ahead = Duration::from_secs(ahead);
        events::clocks_differ(&client_id, now, now + ahead);
        events::clocks_differ(&client_id, now + ahead, now);
        assert_eq!(log.lines_with("clocks of two instances differ").len(), lines, "{ahead:?}");
    }
}
