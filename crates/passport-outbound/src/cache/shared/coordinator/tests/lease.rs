//! Tests of leases and their holders.

use super::*;

#[tokio::test(start_paused = true)]
async fn crashed_holder_delays_others_by_its_lease_at_most() {
    for store in [InMemoryStore::default(), InMemoryStore::with_notifications()] {
        let source = ScriptedSource::new();
        source.hold();
        let crashing = instance(&store, &source);
        let holder = tokio::spawn({
            let crashing = crashing.clone();
            async move { token(&crashing).await }
        });
        sleep(5 * SECOND).await;
        assert!(store.is_leased(), "the holder renews the lease during its fetch");
        store.down.store(true, Ordering::SeqCst); // so that the holder cannot release its lease
        drop(crashing);
        holder.abort();
        sleep(SECOND).await;
        store.down.store(false, Ordering::SeqCst);
        source.release();
        let start = Instant::now();
        assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-2");
        assert!(start.elapsed() < LEASE + 2 * POLL_INTERVAL, "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn instances_wait_for_a_slow_holder() {
    let (store, source) = (InMemoryStore::with_notifications(), ScriptedSource::new());
    source.hold();
    let fleet: Vec<_> = (0..8).map(|_| instance(&store, &source)).collect();
    let release = async {
        sleep(3 * LEASE).await;
        source.release();
    };
    let callers = futures_util::future::join_all(fleet.iter().map(token));
    assert!(
        futures_util::future::join(callers, release)
            .await
            .0
            .iter()
            .all(|token| *token == Ok("token-1".into()))
    );
    assert_eq!(source.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn lease_held_indefinitely_is_no_outage() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    assert_eq!(store.try_lease(&key(), "other", HOUR).await.unwrap().lease, Lease::Granted);
    let start = Instant::now();
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-1");
    assert!(start.elapsed() < WAIT_LIMIT + 2 * MAX_POLL_INTERVAL, "{:?}", start.elapsed());
    assert_eq!(
        token(&instance(&store, &source)).await.unwrap(),
        "token-1",
        "the token was published without the lease"
    );
}

/// Another instance holds the lease for the refresh. No call waits for the refresh, and the
/// postponed fetch is not a failure.
#[tokio::test(start_paused = true)]
async fn valid_token_postpones_the_fetch_and_no_call_fails() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    source.clock.advance(HOUR - 60 * SECOND);
    store.try_lease(&key(), "other", HOUR).await.unwrap();
    for _ in 0..55 {
        assert_eq!(token(&identity).await.unwrap(), "token-1");
        assert!(identity.status().last_error().is_none());
        sleep(SECOND).await;
        source.clock.advance(SECOND);
    }
    let start = Instant::now();
    assert_eq!(token(&identity).await.unwrap(), "token-2");
    assert!(start.elapsed() <= 2 * WAIT_LIMIT, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn failed_holder_releases_its_lease_immediately() {
    for store in [InMemoryStore::default(), InMemoryStore::with_notifications()] {
        let has_notifications = store.notifier.is_some();
        let source = ScriptedSource::new();
        source.hold();
        source.fail_next(TokenErrorKind::Unavailable);
        let fleet: Vec<_> = (0..8).map(|_| instance(&store, &source)).collect();
        let release = async {
            sleep(SECOND).await;
            source.release();
            Instant::now()
        };
        let callers = fleet.iter().map(|instance| async move { (token(instance).await, Instant::now()) });
        let callers = futures_util::future::join_all(callers);
        let (mut tokens, released) = futures_util::future::join(callers, release).await;
        // The first holder waits for a retry, so its result is not counted.
        tokens.retain(|(token, _)| *token == Ok("token-2".into()));
        assert_eq!((tokens.len(), source.calls()), (7, 2));
        let waited = tokens.iter().map(|(_, at)| at.duration_since(released)).max().unwrap();
        assert!(waited < if has_notifications { POLL_INTERVAL } else { 2 * MAX_POLL_INTERVAL }, "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn canceled_attempt_releases_its_lease() {
    let (store, source) = (InMemoryStore::with_notifications(), ScriptedSource::new());
    source.hold();
    let identity = instance(&store, &source);
    let waiting = tokio::spawn({
        let identity = identity.clone();
        async move { token(&identity).await }
    });
    sleep(SECOND).await;
    let start = Instant::now();
    identity.invalidate();
    source.release();
    assert_eq!(waiting.await.unwrap().unwrap(), "token-2");
    assert!(start.elapsed() < POLL_INTERVAL, "{:?}", start.elapsed());
    identity.shutdown().await;
    assert!(!store.is_leased());
}

#[tokio::test(start_paused = true)]
async fn expired_lease_delays_no_instance() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    store.try_lease(&key(), "gone", SECOND).await.unwrap();
    let start = Instant::now();
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-1");
    assert!(start.elapsed() < SECOND + 2 * POLL_INTERVAL, "{:?}", start.elapsed());
    assert!(!store.is_leased(), "the instance got the lease and released it");
}

#[tokio::test(start_paused = true)]
async fn token_published_just_before_the_lease_is_used() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let now = source.clock.now();
    let published = AccessToken::new("published", now + HOUR).unwrap();
    *store.published_before_lease.lock().unwrap() = Some(StoredToken::new(published, now));
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "published");
    assert_eq!(source.calls(), 0);
    assert!(store.leases.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn failed_holder_stores_nothing() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    source.fail_next(TokenErrorKind::Rejected);
    assert_eq!(token(&instance(&store, &source)).await, Err(TokenErrorKind::Rejected));
    assert!(store.tokens.lock().unwrap().is_empty() && store.leases.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn token_published_by_another_holder_takes_two_calls() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    store.try_lease(&key(), "other", HOUR).await.unwrap();
    let now = source.clock.now();
    let published = AccessToken::new("published", now + HOUR).unwrap();
    *store.published_before_lease.lock().unwrap() = Some(StoredToken::new(published, now));
    let before = store.calls();
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "published");
    assert_eq!(store.calls() - before, 2, "one read, one lease request");
}

#[tokio::test(start_paused = true)]
async fn wait_limit_of_zero_allows_no_wait() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    store.try_lease(&key(), "other", HOUR).await.unwrap();
    let coordinator = Coordinator { wait_limit: Duration::ZERO, ..coordinator(&store, &source) };
    let start = Instant::now();
    assert!(coordinator.fetch(FetchRequest::default()).await.is_ok());
    assert!(start.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn each_wait_for_a_holder_restarts_the_store_limit() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    store.try_lease(&key(), "other", HOUR).await.unwrap();
    *store.delay.lock().unwrap() = store.timeout() * 2 / 5;
    let identity = instance(&store, &source);
    let publish = async {
        sleep(2 * SECOND).await;
        let now = source.clock.now();
        let published = AccessToken::new("published", now + HOUR).unwrap();
        *store.published_before_lease.lock().unwrap() = Some(StoredToken::new(published, now));
    };
    assert_eq!(futures_util::future::join(token(&identity), publish).await.0.unwrap(), "published");
    assert_eq!(source.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn release_ends_the_lease_before_it_returns() {
    let store = InMemoryStore::default();
    let mut holder = LeaseHolder::new(StoreHandle::new(store.clone()).session(&key()));
    assert_eq!(holder.try_lease().await.unwrap().lease, Lease::Granted);
    assert!(store.is_leased());
    holder.release().await;
    assert!(!store.is_leased());
}
