use std::sync::atomic::Ordering;

use passport_core::AccessToken;
use tokio::time::Instant;

use super::{
    super::{LeaseOutcome, StoreError, StoredToken},
    *,
};
use crate::test_support::in_memory_store::{InMemoryStore, key};

const SECOND: Duration = Duration::from_secs(1);

/// Calls the store. Returns whether the call succeeded.
async fn works(store: &StoreHandle) -> bool {
    store.session(&key()).try_lease("holder", SECOND).await.is_some()
}

#[tokio::test(start_paused = true)]
async fn failed_store_is_not_called_until_a_probe_succeeds() {
    let store = InMemoryStore::default();
    let shared = StoreHandle::new(store.clone());
    store.down.store(true, Ordering::SeqCst);
    assert!(!works(&shared).await);
    for _ in 0..100 {
        assert!(!works(&shared).await);
    }
    assert_eq!(store.calls(), 1);
    sleep(60 * SECOND).await;
    let probes = store.calls() - 1;
    assert!((10..30).contains(&probes), "{probes}");
    store.down.store(false, Ordering::SeqCst);
    sleep(8 * SECOND).await;
    assert!(works(&shared).await);
    store.down.store(true, Ordering::SeqCst);
    assert!(!works(&shared).await);
    store.down.store(false, Ordering::SeqCst);
    sleep(2 * PROBE_AFTER).await;
    assert!(works(&shared).await, "after the second outage, the probes begin with the first pause again");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_ends_the_probes() {
    let store = InMemoryStore::default();
    let shared = StoreHandle::new(store.clone());
    store.down.store(true, Ordering::SeqCst);
    assert!(!works(&shared).await);
    drop(shared);
    sleep(60 * SECOND).await;
    assert_eq!(store.calls(), 1);
}

#[test]
fn probe_dropped_with_its_runtime_is_replaced() {
    let store = InMemoryStore::default();
    let shared = StoreHandle::new(store.clone());
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    store.down.store(true, Ordering::SeqCst);
    runtime().block_on(async { assert!(!works(&shared).await) });
    store.down.store(false, Ordering::SeqCst);
    runtime().block_on(async {
        assert!(!works(&shared).await);
        sleep(SECOND).await;
        assert!(works(&shared).await);
    });
}

/// The runtime of the first probe stalls, and continues after another probe has begun.
#[tokio::test]
async fn late_probe_does_not_close_the_circuit() {
    let breaker = StoreHandle::new(InMemoryStore::default()).0;
    let begin = || breaker.probes.begin(PROBE_LIMITS).0;
    let (late, failed, current) = (begin(), begin(), begin());
    breaker.open();
    breaker.close(late);
    assert!(breaker.is_open.load(Ordering::SeqCst));
    assert!(breaker.next_probe(&failed).is_none());
    breaker.close(current);
    assert!(!breaker.is_open.load(Ordering::SeqCst));
}

/// A store that delays each call.
#[derive(Debug)]
struct Slow(Duration);

impl TokenStore for Slow {
    async fn get(&self, _: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        sleep(self.0).await;
        Ok(None)
    }

    async fn try_lease(&self, _: &TokenKey, _: &str, _: Duration) -> Result<LeaseOutcome, StoreError> {
        sleep(self.0).await;
        Ok(LeaseOutcome { lease: crate::Lease::Granted, token: None })
    }

    async fn put(&self, _: &TokenKey, _: &str, _: &StoredToken) -> Result<(), StoreError> {
        Ok(())
    }

    async fn release(&self, _: &TokenKey, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    async fn remove(&self, _: &TokenKey, _: &AccessToken) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn store_calls_of_a_session_share_one_limit() {
    let store = StoreHandle::new(Slow(Duration::from_millis(300)));
    let mut session = store.session(&key());
    let start = Instant::now();
    session.get().await;
    assert!(session.try_lease("holder", SECOND).await.is_none());
    assert_eq!(start.elapsed(), store.timeout());
    assert!(!works(&store).await, "the call over the limit has opened the circuit");
}

#[tokio::test(start_paused = true)]
async fn session_limit_can_be_restarted() {
    let store = StoreHandle::new(Slow(Duration::from_millis(300)));
    let mut session = store.session(&key());
    for _ in 0..3 {
        assert!(session.try_lease("holder", SECOND).await.is_some());
        session.restart_limit();
    }
}
