//! A store, kept to its time, and left alone while it does not work.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use passport_core::AccessToken;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Leased, Notifications, StoreError, StoredToken, TokenStore, events};
use crate::cache::TokenKey;

/// How long after a failure a store is probed for the first time, on average; the time doubles.
const PROBE_AFTER: Duration = Duration::from_millis(250);
const MAX_PROBE_AFTER: Duration = Duration::from_secs(4);

/// The most that a store may want to take.
const MAX_LIMIT: Duration = Duration::from_secs(5);

/// A handle to a [`TokenStore`]. Cheap to clone; clones share.
///
/// The first call that fails opens the circuit: from then on every call is answered with nothing at once, until a probe that
/// nobody waits for has found the store working.
#[derive(Clone, Debug)]
pub(crate) struct StoreHandle(Arc<CircuitBreaker>);

#[derive(Debug)]
struct CircuitBreaker {
    store: Box<dyn DynTokenStore>,
    is_open: AtomicBool,
    /// Who probes it, if somebody does.
    prober: Mutex<Option<Prober>>,
    probers: AtomicU64,
    /// Ends the probe with the last handle.
    life: CancellationToken,
    _ends_life: DropGuard,
}

#[derive(Debug)]
struct Prober {
    number: u64,
    heard_of_at: Instant,
}

impl StoreHandle {
    pub(crate) fn new(store: impl TokenStore) -> Self {
        let life = CancellationToken::new();
        Self(Arc::new(CircuitBreaker {
            store: Box::new(store),
            is_open: AtomicBool::new(false),
            prober: Mutex::default(),
            probers: AtomicU64::new(0),
            _ends_life: life.clone().drop_guard(),
            life,
        }))
    }

    /// How long the store may take, for all that is asked in one go.
    pub(in crate::cache) fn limit(&self) -> Duration {
        self.0.limit()
    }

    pub(in crate::cache) fn listen(&self, key: &TokenKey) -> Option<Notifications> {
        self.0.store.wake_ups_dyn().map(|wake_ups| wake_ups.listen(key))
    }

    pub(in crate::cache) fn session(&self, key: &TokenKey) -> StoreSession {
        StoreSession { store: self.clone(), key: key.clone(), left: self.limit() }
    }

    /// Has the store probed, for the key that it failed for: it may be one part of it that does not work.
    fn probe(&self, key: &TokenKey) {
        let now = Instant::now();
        let mut prober = self.0.prober();
        // One that is not heard of for so long sits on a runtime that nobody drives.
        if prober.as_ref().is_some_and(|prober| now < prober.heard_of_at + 2 * MAX_PROBE_AFTER + MAX_LIMIT) {
            return;
        }
        let number = self.0.probers.fetch_add(1, Ordering::Relaxed);
        *prober = Some(Prober { number, heard_of_at: now });
        drop(prober);
        let probe = Probe { circuit: Arc::downgrade(&self.0), number };
        let (life, key) = (self.0.life.clone(), key.clone());
        tokio::spawn(async move {
            let _ = life.run_until_cancelled(probe.until_it_works(&key)).await;
        });
    }
}

impl CircuitBreaker {
    fn limit(&self) -> Duration {
        self.store.limit_dyn().min(MAX_LIMIT)
    }

    /// With the prober in hand, so that what is said last is how it is.
    fn opens(&self) {
        let _prober = self.prober();
        if !self.is_open.swap(true, Ordering::AcqRel) {
            events::store_works(false);
        }
    }

    /// Who finds it failing from here on has it probed again.
    fn closes(&self, number: u64) {
        let mut prober = self.prober();
        if prober.take_if(|prober| prober.number == number).is_some() {
            self.is_open.store(false, Ordering::Release);
            events::store_works(true);
        }
    }

    fn prober(&self) -> MutexGuard<'_, Option<Prober>> {
        self.prober.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is asked of a store in one go: all of it together takes no longer than the store may.
#[derive(Clone, Debug)]
pub(in crate::cache) struct StoreSession {
    store: StoreHandle,
    key: TokenKey,
    left: Duration,
}

impl StoreSession {
    /// Whoever asks has waited for something else meanwhile.
    pub(in crate::cache) fn begin_again(&mut self) {
        self.left = self.store.limit();
    }

    pub(in crate::cache) async fn get(&mut self) -> Option<StoredToken> {
        self.ask(|store, key| store.get_dyn(key)).await.flatten()
    }

    pub(in crate::cache) async fn try_lease(&mut self, holder: &str, time: Duration) -> Option<Leased> {
        self.ask(|store, key| store.try_lease_dyn(key, holder, time)).await
    }

    pub(in crate::cache) async fn publish(&mut self, holder: &str, token: &StoredToken) {
        self.ask(|store, key| store.publish_dyn(key, holder, token)).await;
    }

    pub(in crate::cache) async fn release(&mut self, holder: &str) {
        self.ask(|store, key| store.release_dyn(key, holder)).await;
    }

    pub(in crate::cache) async fn remove(&mut self, token: &AccessToken) {
        self.ask(|store, key| store.remove_dyn(key, token)).await;
    }

    /// What the store says. Nothing, if it does not work.
    async fn ask<'a, T>(
        &'a mut self,
        question: impl FnOnce(&'a dyn DynTokenStore, &'a TokenKey) -> StoreFuture<'a, T>,
    ) -> Option<T> {
        let (circuit, key) = (&self.store.0, &self.key);
        if circuit.is_open.load(Ordering::Acquire) {
            // Whoever probes it may be gone.
            self.store.probe(key);
            return None;
        }
        let asked_at = Instant::now();
        let answer = in_time(self.left, question(&*circuit.store, key)).await;
        self.left = self.left.saturating_sub(asked_at.elapsed());
        match answer {
            Ok(answer) => Some(answer),
            Err(error) => {
                events::store_failed(key.client_id(), &error);
                circuit.opens();
                self.store.probe(key);
                None
            }
        }
    }
}

/// The duty to probe. It may be another's once this is gone, whatever the reason.
struct Probe {
    circuit: Weak<CircuitBreaker>,
    number: u64,
}

impl Probe {
    async fn until_it_works(&self, key: &TokenKey) {
        let mut pause = PROBE_AFTER;
        loop {
            sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            let Some(circuit) = self.circuit.upgrade() else { return };
            match in_time(circuit.limit(), circuit.store.probe_dyn(key)).await {
                Ok(()) => return circuit.closes(self.number),
                Err(error) => events::store_still_fails(&error),
            }
            match &mut *circuit.prober() {
                Some(prober) if prober.number == self.number => prober.heard_of_at = Instant::now(),
                // It was not heard of for so long that there is another.
                _ => return,
            }
            pause = (2 * pause).min(MAX_PROBE_AFTER);
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if let Some(circuit) = self.circuit.upgrade() {
            circuit.prober().take_if(|prober| prober.number == self.number);
        }
    }
}

async fn in_time<T>(limit: Duration, answer: StoreFuture<'_, T>) -> Result<T, StoreError> {
    timeout(limit, answer)
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
    fn limit_dyn(&self) -> Duration;
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

    fn limit_dyn(&self) -> Duration {
        self.limit()
    }

    fn wake_ups_dyn(&self) -> Option<super::WakeUps> {
        self.wake_ups()
    }
}

#[cfg(test)]
mod tests;
