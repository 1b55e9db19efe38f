//! A token store in memory that a test can make fail.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use passport_core::AccessToken;
use tokio::time::{Instant, sleep};

use crate::{Lease, LeaseOutcome, Notifier, StoreError, StoredToken, TokenKey, TokenStore};

/// A store with faults that a test turns on and off. Clones share their state.
#[derive(Clone, Debug, Default)]
pub(crate) struct InMemoryStore {
    pub(crate) tokens: Arc<Mutex<HashMap<String, StoredToken>>>,
    pub(crate) leases: Arc<Mutex<HashMap<String, (String, Instant)>>>,
    /// Whether all calls fail.
    pub(crate) down: Arc<AtomicBool>,
    /// Whether all calls hang.
    pub(crate) hangs: Arc<AtomicBool>,
    /// The delay of each call.
    pub(crate) delay: Arc<Mutex<Duration>>,
    /// Whether calls of `remove` fail.
    pub(crate) fails_to_remove: Arc<AtomicBool>,
    /// The number of calls to the store.
    pub(crate) calls: Arc<AtomicUsize>,
    /// The notifier of the store. `None` for a store without notifications.
    pub(crate) notifier: Option<Notifier>,
    /// A token that another instance publishes just before the next lease request.
    pub(crate) published_before_lease: Arc<Mutex<Option<StoredToken>>>,
}

impl InMemoryStore {
    /// Creates a store that sends notifications.
    pub(crate) fn with_notifications() -> Self {
        Self { notifier: Some(Notifier::new()), ..Self::default() }
    }

    /// Counts a call. The call fails, hangs or is delayed as the test has set.
    async fn begin_call(&self) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let delay = *self.delay.lock().unwrap();
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.down.load(Ordering::SeqCst) { Err(StoreError::new("down")) } else { Ok(()) }
    }

    /// Returns the stored token of [`key`].
    pub(crate) fn stored(&self) -> Option<StoredToken> {
        self.tokens.lock().unwrap().get(&key().to_string()).cloned()
    }

    /// Returns whether any lease is held.
    pub(crate) fn is_leased(&self) -> bool {
        self.leases.lock().unwrap().values().any(|(_, until)| Instant::now() < *until)
    }

    /// Returns the number of calls to the store.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn end_lease(&self, key: &TokenKey, holder: &str) {
        self.leases.lock().unwrap().retain(|leased, (by, _)| *leased != key.to_string() || by != holder);
        if let Some(notifier) = &self.notifier {
            notifier.notify(&key.to_string());
        }
    }
}

impl TokenStore for InMemoryStore {
    async fn get(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        self.begin_call().await?;
        Ok(self.tokens.lock().unwrap().get(&key.to_string()).cloned())
    }

    async fn try_lease(
        &self,
        key: &TokenKey,
        holder: &str,
        time: Duration,
    ) -> Result<LeaseOutcome, StoreError> {
        self.begin_call().await?;
        if let Some(token) = self.published_before_lease.lock().unwrap().take() {
            self.tokens.lock().unwrap().insert(key.to_string(), token);
        }
        let (now, mut leases) = (Instant::now(), self.leases.lock().unwrap());
        leases.retain(|_, (by, until)| now < *until && by != holder);
        let lease = leases.entry(key.to_string()).or_insert((holder.to_owned(), now + time));
        let lease = if lease.0 == holder { Lease::Granted } else { Lease::Held { left: lease.1 - now } };
        Ok(LeaseOutcome { lease, token: self.tokens.lock().unwrap().get(&key.to_string()).cloned() })
    }

    async fn put(&self, key: &TokenKey, holder: &str, token: &StoredToken) -> Result<(), StoreError> {
        self.begin_call().await?;
        {
            let mut tokens = self.tokens.lock().unwrap();
            let stored = tokens.entry(key.to_string()).or_insert_with(|| token.clone());
            if stored.token().expires_at() < token.token().expires_at() {
                *stored = token.clone();
            }
        }
        self.end_lease(key, holder);
        Ok(())
    }

    async fn release(&self, key: &TokenKey, holder: &str) -> Result<(), StoreError> {
        self.begin_call().await?;
        self.end_lease(key, holder);
        Ok(())
    }

    async fn remove(&self, key: &TokenKey, token: &AccessToken) -> Result<(), StoreError> {
        self.begin_call().await?;
        if self.fails_to_remove.load(Ordering::SeqCst) {
            return Err(StoreError::new("read-only"));
        }
        let mut tokens = self.tokens.lock().unwrap();
        if tokens.get(&key.to_string()).is_some_and(|stored| stored.token().expose() == token.expose()) {
            tokens.remove(&key.to_string());
        }
        Ok(())
    }

    fn notifications(&self) -> Option<Notifier> {
        self.notifier.clone()
    }
}

/// Returns the key that the tests use.
pub(crate) fn key() -> TokenKey {
    let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
    TokenKey::new(&"mi-test".parse().unwrap(), &url, "client_secret", &"openid".parse().unwrap())
}
