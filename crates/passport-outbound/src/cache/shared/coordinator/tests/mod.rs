use std::sync::{Arc, atomic::Ordering};

use passport_core::Clock;

use super::*;
use crate::{
    ManagedIdentity, TokenErrorKind, TokenStore,
    test_support::{
        ScriptedSource, identity_with_manager,
        in_memory_passport::InMemoryPassport,
        in_memory_store::{InMemoryStore, key},
        manager_with_source,
    },
    token::{Credential, TokenEntry, TokenManager},
};

mod lease;
mod model;
mod store_failures;
mod usable;

fn coordinator(store: &InMemoryStore, source: &Arc<ScriptedSource>) -> Coordinator {
    Coordinator {
        store: StoreHandle::new(store.clone()),
        key: key(),
        source: Box::new(Arc::clone(source)),
        policy: crate::test_support::POLICY,
        wait_limit: WAIT_LIMIT,
        clock: SharedClock::new(source.clock.clone()),
    }
}

/// Returns an instance of the service, with a separate cache in memory.
fn instance(store: &InMemoryStore, source: &Arc<ScriptedSource>) -> ManagedIdentity {
    let shared = Box::new(coordinator(store, source));
    let manager = manager_with_source(shared, source, Arc::new(TokenEntry::default()));
    let attempt_timeout = WAIT_LIMIT + store_time_limit(&StoreHandle::new(store.clone()), WAIT_LIMIT);
    identity_with_manager(TokenManager { attempt_timeout, ..manager })
}

async fn token(identity: &ManagedIdentity) -> Result<String, TokenErrorKind> {
    identity.token().await.map(|token| token.expose().to_owned()).map_err(|error| error.kind())
}

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);
const WAIT_LIMIT: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn fleet_makes_one_token_request() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let fleet: Vec<_> = (0..64).map(|_| instance(&store, &source)).collect();
    source.hold();
    let release = async {
        sleep(Duration::from_secs(1)).await;
        source.release();
    };
    let callers = futures_util::future::join_all(fleet.iter().map(token));
    for token in futures_util::future::join(callers, release).await.0 {
        assert_eq!(token.unwrap(), "token-1");
    }
    assert_eq!(source.calls(), 1);
    assert!(store.leases.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn refresh_by_one_instance_serves_all() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let fleet: Vec<_> = (0..64).map(|_| instance(&store, &source)).collect();
    futures_util::future::join_all(fleet.iter().map(token)).await;
    source.clock.advance(HOUR - Duration::from_secs(60));
    for old in futures_util::future::join_all(fleet.iter().map(token)).await {
        assert_eq!(old.unwrap(), "token-1", "no caller waits");
    }
    sleep(Duration::from_secs(1)).await;
    for new in futures_util::future::join_all(fleet.iter().map(token)).await {
        assert_eq!(new.unwrap(), "token-2");
    }
    assert_eq!(source.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn fetch_paths_and_store_failures_are_counted() {
    let measured = crate::test_support::measured(async {
        let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
        let fleet = [instance(&store, &source), instance(&store, &source), instance(&store, &source)];
        source.hold();
        let release = async {
            sleep(SECOND).await;
            source.release();
        };
        futures_util::future::join(futures_util::future::join_all(fleet.iter().map(token)), release).await;
        token(&instance(&store, &source)).await.unwrap();
        store.down.store(true, Ordering::SeqCst);
        token(&instance(&store, &source)).await.unwrap();
    })
    .await;
    for (path, count) in [("leased", 1.0), ("waited", 2.0), ("found", 1.0), ("alone", 1.0)] {
        assert_eq!(measured[&format!("passport_outbound_shared_attempts_total {path}")], count, "{path}");
    }
    assert_eq!(measured["passport_outbound_store_failures_total"], 1.0);
    assert_eq!(measured["passport_outbound_store_up"], 0.0);
}

#[test]
fn time_limit_covers_another_instance_and_four_store_calls() {
    let store = StoreHandle::new(InMemoryStore::default());
    let limit = store.timeout();
    assert_eq!(store_time_limit(&store, WAIT_LIMIT), WAIT_LIMIT + 2 * SECOND + 4 * limit);
}

#[tokio::test(start_paused = true)]
async fn poll_interval_varies_by_half_and_doubles() {
    for _ in 0..100 {
        let mut poll = PollTimer::new(None);
        for interval in [POLL_INTERVAL, 2 * POLL_INTERVAL] {
            let start = Instant::now();
            poll.next(HOUR).await;
            let tick = Duration::from_millis(1);
            assert!((interval / 2..=interval * 3 / 2 + tick).contains(&start.elapsed()), "{interval:?}");
        }
    }
}
