//! A store, kept to its time, and left alone while it does not work.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use passport_core::AccessToken;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Leased, News, StoreError, StoredToken, TokenStore};
use crate::{cache::TokenKey, telemetry};

/// How long a store may take for a call.
pub(in crate::cache) const LIMIT: Duration = Duration::from_secs(1);

/// How long after a failure a store is probed for the first time, on average; the time doubles.
pub(in crate::cache) const PROBE_AFTER: Duration = Duration::from_millis(250);
const MAX_PROBE_AFTER: Duration = Duration::from_secs(4);

/// A handle to a [`TokenStore`]. Cheap to clone; clones share.
///
/// The first call that fails opens the circuit: from then on every call is answered with nothing at once, until a probe that
/// nobody waits for has found the store working.
#[derive(Clone, Debug)]
pub(crate) struct Store(Arc<Circuit>);

#[derive(Debug)]
struct Circuit {
    store: Box<dyn DynTokenStore>,
    is_open: AtomicBool,
    is_probed: AtomicBool,
    /// Ends the probe with the last handle.
    life: CancellationToken,
    _ends_life: DropGuard,
}

impl Store {
    pub(crate) fn new(store: impl TokenStore) -> Self {
        let life = CancellationToken::new();
        Self(Arc::new(Circuit {
            store: Box::new(store),
            is_open: AtomicBool::new(false),
            is_probed: AtomicBool::new(false),
            _ends_life: life.clone().drop_guard(),
            life,
        }))
    }

    pub(in crate::cache) fn listen(&self, key: &TokenKey) -> Option<News> {
        self.0.store.wake_ups_dyn().map(|wake_ups| wake_ups.listen(key))
    }

    pub(in crate::cache) async fn get(&self, key: &TokenKey) -> Option<Option<StoredToken>> {
        self.ask(key, |store| store.get_dyn(key)).await
    }

    pub(in crate::cache) async fn try_lease(
        &self,
        key: &TokenKey,
        holder: &str,
        time: Duration,
    ) -> Option<Leased> {
        self.ask(key, |store| store.try_lease_dyn(key, holder, time)).await
    }

    pub(in crate::cache) async fn publish(&self, key: &TokenKey, holder: &str, token: &StoredToken) {
        self.ask(key, |store| store.publish_dyn(key, holder, token)).await;
    }

    pub(in crate::cache) async fn release(&self, key: &TokenKey, holder: &str) {
        self.ask(key, |store| store.release_dyn(key, holder)).await;
    }

    pub(in crate::cache) async fn remove(&self, key: &TokenKey, token: &AccessToken) {
        self.ask(key, |store| store.remove_dyn(key, token)).await;
    }

    /// What the store says. Nothing, if it does not work.
    async fn ask<'a, T>(
        &'a self,
        key: &'a TokenKey,
        question: impl FnOnce(&'a dyn DynTokenStore) -> StoreFuture<'a, T>,
    ) -> Option<T> {
        if self.0.is_open.load(Ordering::Acquire) {
            // The runtime of the last probe may be gone.
            self.probe(key);
            return None;
        }
        match in_time(question(&*self.0.store)).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                telemetry::store_failed(key.client_id(), &error);
                if !self.0.is_open.swap(true, Ordering::AcqRel) {
                    telemetry::store_works(false);
                }
                self.probe(key);
                None
            }
        }
    }

    /// Has the store probed, for the key that it failed for: it may be one part of it that does not work.
    fn probe(&self, key: &TokenKey) {
        if self.0.is_probed.swap(true, Ordering::AcqRel) {
            return;
        }
        let (probed, life, key) = (Probed(Arc::downgrade(&self.0)), self.0.life.clone(), key.clone());
        tokio::spawn(async move {
            let _ = life.run_until_cancelled(probed.until_it_works(&key)).await;
        });
    }
}

/// A store that is being probed. It may be probed by others once this is gone, whatever the reason.
struct Probed(Weak<Circuit>);

impl Probed {
    async fn until_it_works(&self, key: &TokenKey) {
        let mut pause = PROBE_AFTER;
        loop {
            sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            let Some(circuit) = self.0.upgrade() else { return };
            match in_time(circuit.store.probe_dyn(key)).await {
                Ok(()) => {
                    circuit.is_open.store(false, Ordering::Release);
                    return telemetry::store_works(true);
                }
                Err(error) => telemetry::store_still_fails(&error),
            }
            pause = (2 * pause).min(MAX_PROBE_AFTER);
        }
    }
}

impl Drop for Probed {
    fn drop(&mut self) {
        if let Some(circuit) = self.0.upgrade() {
            circuit.is_probed.store(false, Ordering::Release);
        }
    }
}

async fn in_time<T>(answer: StoreFuture<'_, T>) -> Result<T, StoreError> {
    timeout(LIMIT, answer)
        .await
        .unwrap_or_else(|late| Err(StoreError::new("it did not answer in time").caused_by(late)))
}

type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The object-safe twin of [`TokenStore`].
trait DynTokenStore: fmt::Debug + Send + Sync {
    fn get_dyn<'a>(&'a self, key: &'a TokenKey) -> StoreFuture<'a, Option<StoredToken>>;
    fn try_lease_dyn<'a>(
        &'a self,
        key: &'a TokenKey,
        holder: &'a str,
        time: Duration,
    ) -> StoreFuture<'a, Leased>;
    fn publish_dyn<'a>(
        &'a self,
        key: &'a TokenKey,
        holder: &'a str,
        token: &'a StoredToken,
    ) -> StoreFuture<'a, ()>;
    fn release_dyn<'a>(&'a self, key: &'a TokenKey, holder: &'a str) -> StoreFuture<'a, ()>;
    fn remove_dyn<'a>(&'a self, key: &'a TokenKey, token: &'a AccessToken) -> StoreFuture<'a, ()>;
    fn probe_dyn<'a>(&'a self, key: &'a TokenKey) -> StoreFuture<'a, ()>;
    fn wake_ups_dyn(&self) -> Option<super::WakeUps>;
}

impl<S: TokenStore> DynTokenStore for S {
    fn get_dyn<'a>(&'a self, key: &'a TokenKey) -> StoreFuture<'a, Option<StoredToken>> {
        Box::pin(self.get(key))
    }

    fn try_lease_dyn<'a>(
        &'a self,
        key: &'a TokenKey,
        holder: &'a str,
        time: Duration,
    ) -> StoreFuture<'a, Leased> {
        Box::pin(self.try_lease(key, holder, time))
    }

    fn publish_dyn<'a>(
        &'a self,
        key: &'a TokenKey,
        holder: &'a str,
        token: &'a StoredToken,
    ) -> StoreFuture<'a, ()> {
        Box::pin(self.publish(key, holder, token))
    }

    fn release_dyn<'a>(&'a self, key: &'a TokenKey, holder: &'a str) -> StoreFuture<'a, ()> {
        Box::pin(self.release(key, holder))
    }

    fn remove_dyn<'a>(&'a self, key: &'a TokenKey, token: &'a AccessToken) -> StoreFuture<'a, ()> {
        Box::pin(self.remove(key, token))
    }

    fn probe_dyn<'a>(&'a self, key: &'a TokenKey) -> StoreFuture<'a, ()> {
        Box::pin(self.probe(key))
    }

    fn wake_ups_dyn(&self) -> Option<super::WakeUps> {
        self.wake_ups()
    }
}
