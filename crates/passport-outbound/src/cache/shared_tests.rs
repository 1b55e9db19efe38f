use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use passport_core::Clock;

use super::*;
use crate::{
    ManagedIdentity, StoreError, TokenErrorKind, TokenStore,
    cache::Slot,
    test_support::{ScriptedSource, engine_over, identity_around},
};

/// A store as a fleet may have it, with switches to break it. Clones share.
#[derive(Clone, Debug, Default)]
struct FleetStore {
    tokens: Arc<Mutex<HashMap<String, StoredToken>>>,
    leases: Arc<Mutex<HashMap<String, (String, Instant)>>>,
    down: Arc<AtomicBool>,
    hangs: Arc<AtomicBool>,
    forgets_to_remove: Arc<AtomicBool>,
    /// Published by another instance just before a lease is granted.
    comes_with_the_lease: Arc<Mutex<Option<StoredToken>>>,
}

impl FleetStore {
    async fn works(&self) -> Result<(), StoreError> {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.down.load(Ordering::SeqCst) { Err(StoreError::new("down")) } else { Ok(()) }
    }
}

impl TokenStore for FleetStore {
    async fn get(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.works().await?;
        Ok(self.tokens.lock().unwrap().get(&key.to_string()).cloned())
    }

    async fn put(&self, key: &TokenKey, token: &StoredToken) -> Result<(), StoreError> {
        self.works().await?;
        let mut tokens = self.tokens.lock().unwrap();
        let kept = tokens.entry(key.to_string()).or_insert_with(|| token.clone());
        if kept.token().expires_at() < token.token().expires_at() {
            *kept = token.clone();
        }
        Ok(())
    }

    async fn remove(&self, key: &TokenKey, token: &AccessToken) -> Result<(), StoreError> {
        self.works().await?;
        if self.forgets_to_remove.load(Ordering::SeqCst) {
            return Err(StoreError::new("read-only"));
        }
        let mut tokens = self.tokens.lock().unwrap();
        if tokens.get(&key.to_string()).is_some_and(|kept| kept.token().expose() == token.expose()) {
            tokens.remove(&key.to_string());
        }
        Ok(())
    }

    async fn try_lease(&self, key: &TokenKey, holder: &str, time: Duration) -> Result<bool, StoreError> {
        self.works().await?;
        if let Some(token) = self.comes_with_the_lease.lock().unwrap().take() {
            self.tokens.lock().unwrap().insert(key.to_string(), token);
        }
        let mut leases = self.leases.lock().unwrap();
        leases.retain(|_, (_, until)| Instant::now() < *until);
        let lease = leases.entry(key.to_string()).or_insert((holder.to_owned(), Instant::now() + time));
        Ok(lease.0 == holder)
    }

    async fn release(&self, key: &TokenKey, holder: &str) -> Result<(), StoreError> {
        self.works().await?;
        self.leases.lock().unwrap().retain(|leased, (by, _)| *leased != key.to_string() || by != holder);
        Ok(())
    }
}

fn key() -> TokenKey {
    let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
    TokenKey::new(&"mi-test".parse().unwrap(), &url, "client_secret", &"openid".parse().unwrap())
}

/// An instance of the service, with a memory of its own.
fn instance(store: &FleetStore, source: &Arc<ScriptedSource>) -> ManagedIdentity {
    let shared = Shared {
        store: Store::new(store.clone()),
        key: key(),
        client_id: "mi-test".parse().unwrap(),
        source: Box::new(Arc::clone(source)),
        policy: crate::test_support::POLICY,
        lease: Duration::from_secs(10),
        clock: Arc::new(source.clock.clone()),
    };
    identity_around(engine_over(Box::new(shared), source, Arc::new(Slot::default())))
}

async fn token(identity: &ManagedIdentity) -> Result<String, TokenErrorKind> {
    identity.token().await.map(|token| token.expose().to_owned()).map_err(|error| error.kind())
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn a_fleet_makes_one_token_request() {
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
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
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
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
async fn a_holder_that_dies_holds_nobody_for_longer_than_the_patience() {
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
    assert!(store.try_lease(&key(), "gone", HOUR).await.unwrap());
    let asked = Instant::now();
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-1");
    assert!(asked.elapsed() < PATIENCE + 2 * LOOK_EACH, "{:?}", asked.elapsed());
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-1", "it published all the same");
}

/// What one machine writes is read by another, whose wall clock was not set back.
#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_was_set_back_does_not_date_what_the_others_read() {
    let (store, here, there) = (FleetStore::default(), ScriptedSource::new(), ScriptedSource::new());
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
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
    let ahead = source.clock.now() + HOUR;
    let published = AccessToken::new("published", ahead + HOUR).unwrap();
    store.put(&key(), &StoredToken::new(published, ahead)).await.unwrap();
    let identity = instance(&store, &source);
    assert_eq!(token(&identity).await.unwrap(), "published");
    source.clock.advance(HOUR - Duration::from_secs(5));
    assert_ne!(token(&identity).await.unwrap(), "published");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_has_run_out_holds_nobody() {
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
    assert!(store.try_lease(&key(), "gone", Duration::from_secs(1)).await.unwrap());
    let asked = Instant::now();
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-1");
    assert!(asked.elapsed() < Duration::from_secs(1) + 2 * LOOK_EACH, "{:?}", asked.elapsed());
    assert!(store.leases.lock().unwrap().is_empty(), "with the lease in hand, which it gave back");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_is_counted() {
    let measured = crate::test_support::measured(async {
        let store = FleetStore::default();
        store.down.store(true, Ordering::SeqCst);
        token(&instance(&store, &ScriptedSource::new())).await.unwrap();
    });
    assert_eq!(measured.await["passport_outbound_store_failures_total"], 3.0, "look, lease, publish");
}

/// Built as users build one: with a request timeout that is shorter than what the store takes.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_does_not_use_up_the_time_for_passport() {
    let store = FleetStore::default();
    store.hangs.store(true, Ordering::SeqCst);
    let identity = ManagedIdentity::builder("mi-1", crate::SecretSource::fixed("right"))
        .transport(crate::Transport::new(crate::endpoint::tests::InMemoryPassport::knowing("right")))
        .token_cache(crate::TokenCache::shared(store))
        .request_timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    assert!(identity.token().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_or_hangs_is_a_miss() {
    for hangs in [false, true] {
        let (store, source) = (FleetStore::default(), ScriptedSource::new());
        let switch = if hangs { &store.hangs } else { &store.down };
        switch.store(true, Ordering::SeqCst);
        let asked = Instant::now();
        assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-1", "hangs: {hangs}");
        assert!(asked.elapsed() <= Duration::from_millis(1500), "{:?}", asked.elapsed());
        switch.store(false, Ordering::SeqCst);
        assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-2");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_refused_is_taken_out_and_not_taken_back() {
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
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
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    store.forgets_to_remove.store(true, Ordering::SeqCst);
    identity.invalidate();
    assert_eq!(token(&identity).await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_taken_out_even_if_there_is_no_other() {
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    identity.invalidate();
    source.fail_next(TokenErrorKind::Unavailable);
    token(&identity).await.unwrap_err();
    assert!(store.tokens.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_instance_without_a_token_takes_one_that_is_due() {
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
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
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
    let now = source.clock.now();
    let published = AccessToken::new("published", now + HOUR).unwrap();
    *store.comes_with_the_lease.lock().unwrap() = Some(StoredToken::new(published, now));
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "published");
    assert_eq!(source.calls(), 0);
    assert!(store.leases.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_holder_frees_the_lease_and_keeps_nothing() {
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
    source.fail_next(TokenErrorKind::Refused);
    assert_eq!(token(&instance(&store, &source)).await, Err(TokenErrorKind::Refused));
    assert!(store.tokens.lock().unwrap().is_empty() && store.leases.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_in_the_store_is_a_miss() {
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
    token(&instance(&store, &source)).await.unwrap();
    source.clock.advance(HOUR);
    assert_eq!(token(&instance(&store, &source)).await.unwrap(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn with_a_live_token_the_store_is_not_asked() {
    let (store, source) = (FleetStore::default(), ScriptedSource::new());
    let identity = instance(&store, &source);
    token(&identity).await.unwrap();
    store.hangs.store(true, Ordering::SeqCst);
    let asked = Instant::now();
    assert_eq!(token(&identity).await.unwrap(), "token-1");
    assert!(asked.elapsed().is_zero());
}
