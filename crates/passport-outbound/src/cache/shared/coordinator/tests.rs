use std::sync::atomic::Ordering;

use passport_core::Clock;

use super::*;
use crate::{
    ManagedIdentity, TokenErrorKind, TokenStore,
    test_support::{
        ScriptedSource, identity_around,
        in_memory_passport::InMemoryPassport,
        in_memory_store::{InMemoryStore, key},
        manager_over,
    },
    token::{Credential, TokenEntry, TokenManager},
};

/// An instance of the service, with a memory of its own.
fn instance(store: &InMemoryStore, source: &Arc<ScriptedSource>) -> ManagedIdentity {
    let shared = Coordinator {
        store: StoreHandle::new(store.clone()),
        key: key(),
        source: Box::new(Arc::clone(source)),
        policy: crate::test_support::POLICY,
        wait_limit: PATIENCE,
        clock: Arc::new(source.clock.clone()),
    };
    let manager = manager_over(Box::new(shared), source, Arc::new(TokenEntry::default()));
    let attempt_timeout = PATIENCE + store_time_limit(&StoreHandle::new(store.clone()), PATIENCE);
    identity_around(TokenManager { attempt_timeout, ..manager })
}

async fn token(identity: &ManagedIdentity) -> Result<String, TokenErrorKind> {
    identity.token().await.map(|token| token.expose().to_owned()).map_err(|error| error.kind())
}

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn a_fleet_makes_one_token_request() {
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
async fn a_refresh_of_one_instance_is_that_of_all() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let fleet: Vec<_> = (0..64).map(|_| instance(&store, &source)).collect();
    futures_util::future::join_all(fleet.iter().map(token)).await;
    source.clock.advance(HOUR - Duration::from_secs(60));
    for old in futures_util::future::join_all(fleet.iter().map(token)).await {
        assert_eq!(old.unwrap(), "token-1", "nobody waits");
    }
    sleep(Duration::from_secs(1)).await;
    for new in futures_util::future::join_all(fleet.iter().map(token)).await {
        assert_eq!(new.unwrap(), "token-2");
    }
    assert_eq!(source.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_dies_holds_nobody_for_longer_than_its_lease() {
    for store in [InMemoryStore::default(), InMemoryStore::with_news()] {
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
        assert!(asked.elapsed() < LEASE + 2 * LOOK_EACH, "{:?}", asked.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_takes_long_is_waited_for() {
    let (store, source) = (InMemoryStore::with_news(), ScriptedSource::new());
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
async fn a_lease_that_somebody_holds_for_ever_is_no_outage() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    assert_eq!(store.try_lease(&key(), "somebody", HOUR).await.unwrap().lease, Lease::Granted);
    let asked = Instant::now();
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-1");
    assert!(asked.elapsed() < PATIENCE + 2 * LOOK_AT_LEAST_EACH, "{:?}", asked.elapsed());
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-1", "it published all the same");
}

/// A refresh that is due is somebody's who has the lease. Nobody waits for it, and that it is not ours is no failure.
#[tokio::test(start_paused = true)]
async fn with_a_live_token_nobody_goes_alone_and_no_call_fails_when_it_has_expired() {
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

/// Who holds the lease for ever holds up no more than the refresh.
#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_while_its_refresh_waits_for_others_is_replaced() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    source.clock.advance(HOUR - 60 * SECOND);
    store.try_lease(&key(), "somebody", HOUR).await.unwrap();
    token(&identity).await.unwrap();
    sleep(SECOND).await;
    let Some(Credential::Pending(pending)) = identity.replace_rejected(1) else { panic!("it is due") };
    assert_eq!(pending.await.unwrap().authorization, "Bearer token-2");
}

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

#[tokio::test(start_paused = true)]
async fn a_holder_that_fails_says_so_at_once() {
    for store in [InMemoryStore::default(), InMemoryStore::with_news()] {
        let has_news = store.wake_ups.is_some();
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
        assert!(waited < if has_news { LOOK_EACH } else { 2 * LOOK_AT_LEAST_EACH }, "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_called_off_gives_its_lease_back() {
    let (store, source) = (InMemoryStore::with_news(), ScriptedSource::new());
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
    assert!(asked.elapsed() < LOOK_EACH, "{:?}", asked.elapsed());
    identity.shutdown().await;
    assert!(!store.is_leased());
}

#[tokio::test(start_paused = true)]
async fn an_older_token_that_somebody_puts_back_is_not_taken() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    let old = store.kept().unwrap();
    source.clock.advance(HOUR - 60 * SECOND);
    token(&identity).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(token(&identity).await.unwrap(), "token-2");
    let replayed = StoredToken::new(old.token().clone(), old.minted_at());
    store.tokens.lock().unwrap().insert(key().to_string(), replayed);
    source.clock.advance(HOUR - 120 * SECOND);
    identity.invalidate();
    assert_eq!(token(&identity).await.unwrap(), "token-3");
    assert_eq!(store.kept().unwrap().token().expose(), "token-3");
}

/// What one machine writes is read by another, whose wall clock was not set back.
#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_was_set_back_does_not_date_what_the_others_read() {
    let (store, here, there) = (InMemoryStore::default(), ScriptedSource::new(), ScriptedSource::new());
    let first = instance(&store, &here);
    token(&first).await.unwrap();
    here.clock.advance(HOUR);
    there.clock.advance(HOUR);
    here.clock.set_forward(HOUR); // it was wrong
    token(&first).await.unwrap();
    here.clock.set_back(HOUR); // and is put right
    first.invalidate();
    assert_eq!(token(&first).await.unwrap(), "token-3");
    let stored = store.tokens.lock().unwrap()[&key().to_string()].clone();
    assert_eq!(
        (stored.minted_at(), stored.token().expires_at()),
        (there.clock.now(), there.clock.now() + HOUR)
    );
    let other = instance(&store, &there);
    assert_eq!(token(&other).await.unwrap(), "token-3");
    there.clock.advance(HOUR - Duration::from_secs(5));
    assert_eq!(token(&other).await.unwrap(), "token-1", "the first of its own");
}

#[tokio::test(start_paused = true)]
async fn a_token_from_a_machine_whose_clock_is_ahead_does_not_live_longer_for_it() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let ahead = source.clock.now() + HOUR;
    let published = AccessToken::new("published", ahead + HOUR).unwrap();
    store.publish(&key(), "somebody", &StoredToken::new(published, ahead)).await.unwrap();
    let identity = instance(&store, &source);
    assert_eq!(token(&identity).await.unwrap(), "published");
    source.clock.advance(HOUR - Duration::from_secs(5));
    assert_ne!(token(&identity).await.unwrap(), "published");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_has_run_out_holds_nobody() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    store.try_lease(&key(), "gone", SECOND).await.unwrap();
    let asked = Instant::now();
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-1");
    assert!(asked.elapsed() < SECOND + 2 * LOOK_EACH, "{:?}", asked.elapsed());
    assert!(!store.is_leased(), "with the lease in hand, which it gave back");
}

#[tokio::test(start_paused = true)]
async fn how_an_instance_came_to_its_token_and_how_the_store_fares_is_counted() {
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
    for (way, count) in [("leased", 1.0), ("waited", 2.0), ("found", 1.0), ("alone", 1.0)] {
        assert_eq!(measured[&format!("passport_outbound_shared_attempts_total {way}")], count, "{way}");
    }
    assert_eq!(measured["passport_outbound_store_failures_total"], 1.0);
    assert_eq!(measured["passport_outbound_store_works"], 0.0);
}

/// Built as users build one: with a request timeout that is shorter than what the store takes.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_does_not_use_up_the_time_for_passport() {
    let store = InMemoryStore::default();
    store.hangs.store(true, Ordering::SeqCst);
    let identity = ManagedIdentity::builder("mi-1", crate::SecretSource::fixed("right"))
        .transport(crate::Transport::new(InMemoryPassport::knowing("right")))
        .token_cache(crate::TokenCache::shared(store))
        .request_timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    assert!(identity.token().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_or_hangs_is_a_miss_and_costs_its_limit_once() {
    for hangs in [false, true] {
        let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
        let switch = if hangs { &store.hangs } else { &store.down };
        switch.store(true, Ordering::SeqCst);
        let identity = instance(&store, &source);
        let limit = store.limit();
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
async fn while_the_store_is_away_each_instance_makes_one_request_for_all_its_callers() {
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

#[tokio::test(start_paused = true)]
async fn a_token_that_was_refused_is_taken_out_and_not_taken_back() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let (one, other) = (instance(&store, &source), instance(&store, &source));
    token(&one).await.unwrap();
    token(&other).await.unwrap();
    one.invalidate();
    assert_eq!(token(&one).await.unwrap(), "token-2");
    other.invalidate();
    assert_eq!(token(&other).await.unwrap(), "token-2", "a newer one is in the store by now");
    assert_eq!(source.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_that_the_store_cannot_take_out_is_not_taken_back() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    store.forgets_to_remove.store(true, Ordering::SeqCst);
    identity.invalidate();
    assert_eq!(token(&identity).await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_taken_out_even_if_there_is_no_other() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    identity.invalidate();
    source.fail_next(TokenErrorKind::Unavailable);
    token(&identity).await.unwrap_err();
    assert!(store.tokens.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_instance_without_a_token_takes_one_that_is_due() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    token(&instance(&store, &source)).await.unwrap();
    source.clock.advance(HOUR - Duration::from_secs(30));
    let late = instance(&store, &source);
    assert_eq!(token(&late).await.unwrap(), "token-1");
    assert_eq!(source.calls(), 1);
    sleep(Duration::from_secs(1)).await;
    token(&late).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(token(&late).await.unwrap(), "token-2", "and sees to its successor");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_published_just_before_the_lease_is_granted_is_taken() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let now = source.clock.now();
    let published = AccessToken::new("published", now + HOUR).unwrap();
    *store.comes_with_the_lease.lock().unwrap() = Some(StoredToken::new(published, now));
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "published");
    assert_eq!(source.calls(), 0);
    assert!(store.leases.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_holder_frees_the_lease_and_keeps_nothing() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    source.fail_next(TokenErrorKind::Refused);
    assert_eq!(token(&instance(&store, &source)).await, Err(TokenErrorKind::Refused));
    assert!(store.tokens.lock().unwrap().is_empty() && store.leases.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_in_the_store_is_a_miss() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    token(&instance(&store, &source)).await.unwrap();
    source.clock.advance(HOUR);
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn with_a_live_token_the_store_is_not_asked() {
    let (store, source) = (InMemoryStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    store.hangs.store(true, Ordering::SeqCst);
    let asked = Instant::now();
    assert_eq!(token(&identity).await.unwrap(), "token-1");
    assert!(asked.elapsed().is_zero());
}
