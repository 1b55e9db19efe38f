//! Stops calling a store after a failure, until a probe succeeds.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use passport_core::Backoff;
use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Notifications, TokenStore,
    erased::DynTokenStore,
    events,
    session::{StoreSession, within},
};
use crate::cache::TokenKey;

/// The average time from a failure to the first probe; the time doubles.
const PROBE_AFTER: Duration = Duration::from_millis(250);
const MAX_PROBE_AFTER: Duration = Duration::from_secs(4);
const PROBE_PAUSES: Backoff = Backoff::new(PROBE_AFTER, MAX_PROBE_AFTER).with_jitter(0.5..=1.5);

/// The longest time limit that a store may have.
const MAX_LIMIT: Duration = Duration::from_secs(5);

/// A handle to a [`TokenStore`]. Cheap to clone; clones share.
///
/// The first call that fails opens the circuit. While it is open, calls return nothing at once, and
/// a task probes the store. The first probe that succeeds closes the circuit.
#[derive(Clone, Debug)]
pub(crate) struct StoreHandle(pub(super) Arc<CircuitBreaker>);

#[derive(Debug)]
pub(super) struct CircuitBreaker {
    pub(super) store: Box<dyn DynTokenStore>,
    pub(super) is_open: AtomicBool,
    /// The running probe, if the circuit is open.
    prober: Mutex<Option<Prober>>,
    probers: AtomicU64,
    /// Ends the probe with the last handle.
    life: CancellationToken,
    _ends_life: DropGuard,
}

/// A task that probes the store.
#[derive(Debug)]
struct Prober {
    number: u64,
    last_probe: Instant,
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

    /// Returns the time limit of all calls of one session.
    pub(in crate::cache) fn limit(&self) -> Duration {
        self.0.limit()
    }

    /// Subscribes to the notifications for `key`, if the store sends any.
    pub(in crate::cache) fn listen(&self, key: &TokenKey) -> Option<Notifications> {
        self.0.store.wake_ups_dyn().map(|wake_ups| wake_ups.listen(key))
    }

    /// Begins the calls for one token.
    pub(in crate::cache) fn session(&self, key: &TokenKey) -> StoreSession {
        StoreSession::new(self.clone(), key.clone())
    }

    /// Starts to probe the store, unless that is running. The probe uses the key of the failed
    /// call, as only a part of the store may fail.
    pub(super) fn probe(&self, key: &TokenKey) {
        let now = Instant::now();
        let mut prober = self.0.prober();
        // A task that is silent for longer is on a stalled runtime.
        if prober.as_ref().is_some_and(|prober| now < prober.last_probe + 2 * MAX_PROBE_AFTER + MAX_LIMIT) {
            return;
        }
        let number = self.0.probers.fetch_add(1, Ordering::Relaxed);
        *prober = Some(Prober { number, last_probe: now });
        drop(prober);
        let task = ProbeTask { breaker: Arc::downgrade(&self.0), number };
        let (life, key) = (self.0.life.clone(), key.clone());
        tokio::spawn(async move {
            let _ = life.run_until_cancelled(task.run(&key)).await;
        });
    }
}

impl CircuitBreaker {
    fn limit(&self) -> Duration {
        self.store.limit_dyn().min(MAX_LIMIT)
    }

    /// Opens the circuit, under the lock of the prober: the last report is the current state.
    pub(super) fn open(&self) {
        let _prober = self.prober();
        if !self.is_open.swap(true, Ordering::AcqRel) {
            events::store_works(false);
        }
    }

    /// Closes the circuit, after the probe `number` has succeeded.
    fn close(&self, number: u64) {
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

/// Probes the store until it works. When it is dropped, another task may start.
struct ProbeTask {
    breaker: Weak<CircuitBreaker>,
    number: u64,
}

impl ProbeTask {
    async fn run(&self, key: &TokenKey) {
        let mut failures = 0_u32;
        loop {
            sleep(PROBE_PAUSES.pause(failures, fastrand::f64())).await;
            let Some(breaker) = self.breaker.upgrade() else { return };
            match within(breaker.limit(), breaker.store.probe_dyn(key)).await {
                Ok(()) => return breaker.close(self.number),
                Err(error) => events::store_still_fails(&error),
            }
            match &mut *breaker.prober() {
                Some(prober) if prober.number == self.number => prober.last_probe = Instant::now(),
                // Another task has taken over.
                _ => return,
            }
            failures = failures.saturating_add(1);
        }
    }
}

impl Drop for ProbeTask {
    fn drop(&mut self) {
        if let Some(breaker) = self.breaker.upgrade() {
            breaker.prober().take_if(|prober| prober.number == self.number);
        }
    }
}

#[cfg(test)]
mod tests;
