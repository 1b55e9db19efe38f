//! A store in memory that fails on request.

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

/// A store with switches to make it fail. Clones share.
#[derive(Clone, Debug, Default)]
pub(crate) struct InMemoryStore {
    pub(crate) tokens: Arc<Mutex<HashMap<String, StoredToken>>>,
    pub(crate) leases: Arc<Mutex<HashMap<String, (String, Instant)>>>,
    pub(crate) down: Arc<AtomicBool>,
    pub(crate) hangs: Arc<AtomicBool>,
    /// How long each call takes.
    pub(crate) delay: Arc<Mutex<Duration>>,
    pub(crate) forgets_to_remove: Arc<AtomicBool>,
    /// The number of calls.
    pub(crate) asked: Arc<AtomicUsize>,
    /// `None` if it sends no notifications.
    pub(crate) notifier: Option<Notifier>,
    /// Published by another instance just before a lease is granted.
    pub(crate) published_before_lease: Arc<Mutex<Option<StoredToken>>>,
}

impl InMemoryStore {
    /// A store that sends notifications.
    pub(crate) fn with_notifications() -> Self {
        Self { notifier: Some(Notifier::new()), ..Self::default() }
    }

    async fn works(&self) -> Result<(), StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let delay = *self.delay.lock().unwrap();
        if !delay.is_zero() {
            sleep(delay).await;
        }
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.down.load(Ordering::SeqCst) { Err(StoreError::new("down")) } else { Ok(()) }
    }

    pub(crate) fn kept(&self) -> Option<StoredToken> {
        self.tokens.lock().unwrap().get(&key().to_string()).cloned()
    }

    pub(crate) fn is_leased(&self) -> bool {
        self.leases.lock().unwrap().values().any(|(_, until)| Instant::now() < *until)
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
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
        self.works().await?;
        Ok(self.tokens.lock().unwrap().get(&key.to_string()).cloned())
    }

    async fn try_lease(
        &self,
        key: &TokenKey,
        holder: &str,
        time: Duration,
    ) -> Result<LeaseOutcome, StoreError> {
        self.works().await?;
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
        self.works().await?;
        {
            let mut tokens = self.tokens.lock().unwrap();
            let kept = tokens.entry(key.to_string()).or_insert_with(|| token.clone());
            if kept.token().expires_at() < token.token().expires_at() {
                *kept = token.clone();
            }
        }
        self.end_lease(key, holder);
        Ok(())
    }

    async fn release(&self, key: &TokenKey, holder: &str) -> Result<(), StoreError> {
        self.works().await?;
        self.end_lease(key, holder);
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

    fn notifications(&self) -> Option<Notifier> {
        self.notifier.clone()
    }
}

pub(crate) fn key() -> TokenKey {
    let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
    TokenKey::new(&"mi-test".parse().unwrap(), &url, "client_secret", &"openid".parse().unwrap())
}
