//! Tests of stores that fail, hang or recover.

use super::*;

/// The store hangs during the lease request, and has recovered when the token is published.
#[tokio::test(start_paused = true)]
async fn token_is_published_to_a_store_that_has_recovered() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    store.hangs.store(true, Ordering::SeqCst);
    source.hold();
    let identity = instance(&store, &source);
    let recovery = async {
        sleep(SECOND).await;
        store.hangs.store(false, Ordering::SeqCst);
        sleep(2 * SECOND).await;
        source.release();
    };
    assert!(futures_util::future::join(token(&identity), recovery).await.0.is_ok());
    assert!(store.stored().is_some());
}

/// The identity is built through the public API, with a request timeout below the time limit of
/// the store.
#[tokio::test(start_paused = true)]
async fn hanging_store_does_not_use_up_the_request_timeout() {
    let store = InMemoryStore::default();
    store.hangs.store(true, Ordering::SeqCst);
    let identity = ManagedIdentity::builder("mi-1", crate::SecretSource::from_value("right"))
        .transport(crate::Transport::new(InMemoryPassport::knowing("right")))
        .token_cache(crate::TokenCache::shared(store))
        .request_timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    assert!(identity.token().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn failing_store_is_a_miss_and_costs_its_limit_once() {
    for hangs in [false, true] {
        let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
        let switch = if hangs { &store.hangs } else { &store.down };
        switch.store(true, Ordering::SeqCst);
        let identity = instance(&store, &source);
        let limit = store.timeout();
        let start = Instant::now();
        assert_eq!(token(&identity).await.unwrap(), "token-1", "hangs: {hangs}");
        assert_eq!(start.elapsed(), if hangs { limit } else { Duration::ZERO });
        identity.invalidate();
        assert_eq!(token(&identity).await.unwrap(), "token-2");
        assert_eq!(start.elapsed(), if hangs { limit } else { Duration::ZERO });
        switch.store(false, Ordering::SeqCst);
        sleep(2 * limit).await;
        identity.invalidate();
        token(&identity).await.unwrap();
        assert!(store.stored().is_some(), "the store is in use again");
    }
}

#[tokio::test(start_paused = true)]
async fn each_instance_makes_one_request_without_the_store() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    store.down.store(true, Ordering::SeqCst);
    let fleet: Vec<_> = (0..8).map(|_| instance(&store, &source)).collect();
    source.hold();
    let callers = futures_util::future::join_all(fleet.iter().flat_map(|one| (0..100).map(|_| token(one))));
    let release = async {
        sleep(SECOND).await;
        source.release();
    };
    assert!(futures_util::future::join(callers, release).await.0.iter().all(Result::is_ok));
    assert_eq!(source.calls(), 8);
}
