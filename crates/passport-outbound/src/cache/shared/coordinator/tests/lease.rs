//! Leases and their holders.

use super::*;

#[tokio::test(start_paused = true)]
async fn dead_holder_delays_others_by_its_lease_at_most() {
    for store in [InMemoryStore::default(), InMemoryStore::with_notifications()] {
        let source = ScriptedSource::new();
        source.hold();
        let dies = instance(&store, &source);
        let holder = tokio::spawn({
            let dies = dies.clone();
            async move { token(&dies).await }
        });
        sleep(5 * SECOND).await;
        assert!(store.is_leased(), "it was prolonged: its holder lives, and takes long");
        store.down.store(true, Ordering::SeqCst); // for the holder, who cannot say that it has gone
        drop(dies);
        holder.abort();
        sleep(SECOND).await;
        store.down.store(false, Ordering::SeqCst);
        source.release();
        let asked = Instant::now();
        assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-2");
        assert!(asked.elapsed() < LEASE + 2 * POLL_INTERVAL, "{:?}", asked.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_takes_long_is_waited_for() {
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
async fn lease_held_for_ever_is_no_outage() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    assert_eq!(store.try_lease(&key(), "somebody", HOUR).await.unwrap().lease, Lease::Granted);
    let asked = Instant::now();
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-1");
    assert!(asked.elapsed() < PATIENCE + 2 * MAX_POLL_INTERVAL, "{:?}", asked.elapsed());
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-1", "it published all the same");
}

/// A refresh that is due is somebody's who has the lease. Nobody waits for it, and that it is not
/// ours is no failure.
#[tokio::test(start_paused = true)]
async fn live_token_postpones_the_fetch_and_no_call_fails() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    source.clock.advance(HOUR - 60 * SECOND);
    store.try_lease(&key(), "somebody", HOUR).await.unwrap();
    for _ in 0..55 {
        assert_eq!(token(&identity).await.unwrap(), "token-1");
        assert!(identity.status().last_error().is_none());
        sleep(SECOND).await;
        source.clock.advance(SECOND);
    }
    let asked = Instant::now();
    assert_eq!(token(&identity).await.unwrap(), "token-2");
    assert!(asked.elapsed() <= 2 * PATIENCE, "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_fails_says_so_at_once() {
    for store in [InMemoryStore::default(), InMemoryStore::with_notifications()] {
        let has_news = store.notifier.is_some();
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
        // The holder itself waits for a retry.
        tokens.retain(|(token, _)| *token == Ok("token-2".into()));
        assert_eq!((tokens.len(), source.calls()), (7, 2));
        let waited = tokens.iter().map(|(_, at)| at.duration_since(released)).max().unwrap();
        assert!(waited < if has_news { POLL_INTERVAL } else { 2 * MAX_POLL_INTERVAL }, "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn canceled_attempt_releases_its_lease() {
    let (store, source) = (InMemoryStore::with_notifications(), ScriptedSource::new());
    source.hold();
    let identity = instance(&store, &source);
    let waits = tokio::spawn({
        let identity = identity.clone();
        async move { token(&identity).await }
    });
    sleep(SECOND).await;
    let asked = Instant::now();
    identity.invalidate();
    source.release();
    assert_eq!(waits.await.unwrap().unwrap(), "token-2");
    assert!(asked.elapsed() < POLL_INTERVAL, "{:?}", asked.elapsed());
    identity.shutdown().await;
    assert!(!store.is_leased());
}

#[tokio::test(start_paused = true)]
async fn expired_lease_delays_no_instance() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    store.try_lease(&key(), "gone", SECOND).await.unwrap();
    let asked = Instant::now();
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-1");
    assert!(asked.elapsed() < SECOND + 2 * POLL_INTERVAL, "{:?}", asked.elapsed());
    assert!(!store.is_leased(), "with the lease in hand, which it gave back");
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
async fn a_failed_holder_frees_the_lease_and_keeps_nothing() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    source.fail_next(TokenErrorKind::Rejected);
    assert_eq!(token(&instance(&store, &source)).await, Err(TokenErrorKind::Rejected));
    assert!(store.tokens.lock().unwrap().is_empty() && store.leases.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn token_under_anothers_lease_costs_two_store_calls() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    store.try_lease(&key(), "somebody", HOUR).await.unwrap();
    let now = source.clock.now();
    let published = AccessToken::new("published", now + HOUR).unwrap();
    *store.published_before_lease.lock().unwrap() = Some(StoredToken::new(published, now));
    let before = store.asked();
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "published");
    assert_eq!(store.asked() - before, 2, "one to read, one to request the lease");
}

#[tokio::test(start_paused = true)]
async fn wait_limit_of_zero_allows_no_wait() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    store.try_lease(&key(), "somebody", HOUR).await.unwrap();
    let coordinator = Coordinator { wait_limit: Duration::ZERO, ..coordinator(&store, &source) };
    let asked = Instant::now();
    assert!(coordinator.fetch(FetchRequest::default()).await.is_ok());
    assert!(asked.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn each_wait_for_a_holder_restarts_the_store_limit() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    store.try_lease(&key(), "somebody", HOUR).await.unwrap();
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
async fn lease_is_released_before_its_holder_goes_on() {
    let store = InMemoryStore::default();
    let mut holder = LeaseHolder::new(StoreHandle::new(store.clone()).session(&key()));
    assert_eq!(holder.try_lease().await.unwrap().lease, Lease::Granted);
    assert!(store.is_leased());
    holder.release().await;
    assert!(!store.is_leased());
}
