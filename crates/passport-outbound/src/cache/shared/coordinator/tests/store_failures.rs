//! Stores that fail, hang or come back.

use super::*;

/// The store hung when it was asked for the lease, and is back when there is something to publish.
#[tokio::test(start_paused = true)]
async fn what_is_fetched_is_published_to_a_store_that_is_back_by_then() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    store.hangs.store(true, Ordering::SeqCst);
    source.hold();
    let identity = instance(&store, &source);
    let happening = async {
        sleep(SECOND).await;
        store.hangs.store(false, Ordering::SeqCst);
        sleep(2 * SECOND).await;
        source.release();
    };
    assert!(futures_util::future::join(token(&identity), happening).await.0.is_ok());
    assert!(store.kept().is_some());
}

/// Built as users build one: with a request timeout that is shorter than what the store takes.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_does_not_use_up_the_time_for_passport() {
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
        let asked = Instant::now();
        assert_eq!(token(&identity).await.unwrap(), "token-1", "hangs: {hangs}");
        assert_eq!(asked.elapsed(), if hangs { limit } else { Duration::ZERO });
        identity.invalidate();
        assert_eq!(token(&identity).await.unwrap(), "token-2");
        assert_eq!(asked.elapsed(), if hangs { limit } else { Duration::ZERO });
        switch.store(false, Ordering::SeqCst);
        sleep(2 * limit).await;
        identity.invalidate();
        token(&identity).await.unwrap();
        assert!(store.kept().is_some(), "it is used again");
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
