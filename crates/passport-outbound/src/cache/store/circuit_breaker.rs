//! Stops calling a store after a failure, until a probe succeeds.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use passport_core::{Attempt, Backoff, Joined, SharedTask, TaskLimits};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Notifications, Notifier, StoreError, TokenStore,
    erased::{DynTokenStore, StoreFuture},
    events,
    session::StoreSession,
};
use crate::cache::TokenKey;

/// The average time from a failure to the first probe; the time doubles.
const PROBE_AFTER: Duration = Duration::from_millis(250);
const MAX_PROBE_AFTER: Duration = Duration::from_secs(4);
const PROBE_PAUSES: Backoff = Backoff::new(PROBE_AFTER, MAX_PROBE_AFTER).with_jitter(0.5..=1.5);

/// The longest time limit that a store may have.
const MAX_LIMIT: Duration = Duration::from_secs(5);

/// When another task may probe, because the runtime of this one has stalled. Nothing ends a probe
/// at the deadline: the pause before it is at most half longer than [`MAX_PROBE_AFTER`], and the
/// probe itself ends within [`MAX_LIMIT`].
const PROBE_LIMITS: TaskLimits = TaskLimits {
    deadline: MAX_PROBE_AFTER.saturating_mul(2).saturating_add(MAX_LIMIT),
    grace: Duration::ZERO,
};

/// A handle to a [`TokenStore`]. Cheap to clone; clones share.
///
/// The first call that fails opens the circuit. While it is open, calls return nothing at once, and
/// a task probes the store. The first probe that succeeds closes the circuit.
#[derive(Clone, Debug)]
pub(crate) struct StoreHandle(pub(super) Arc<CircuitBreaker>);

#[derive(Debug)]
pub(super) struct CircuitBreaker {
    store: Box<dyn DynTokenStore>,
    /// The time limit of all calls of one session.
    limit: Duration,
    notifications: Option<Notifier>,
    is_open: AtomicBool,
    /// Locked when the circuit opens or closes and when a probe begins.
    transition: Mutex<()>,
    /// The pause before a probe and the probe itself are one attempt.
    probes: SharedTask<()>,
    /// Ends the probes with the last handle.
    life: CancellationToken,
    _ends_life: DropGuard,
}

impl StoreHandle {
    pub(crate) fn new(store: impl TokenStore) -> Self {
        let life = CancellationToken::new();
        Self(Arc::new(CircuitBreaker {
            limit: store.timeout().min(MAX_LIMIT),
            notifications: store.notifications(),
            store: Box::new(store),
            is_open: AtomicBool::new(false),
            transition: Mutex::default(),
            probes: SharedTask::new(),
            _ends_life: life.clone().drop_guard(),
            life,
        }))
    }

    /// Returns the time limit of all calls of one session.
    pub(in crate::cache) fn timeout(&self) -> Duration {
        self.0.limit
    }

    /// Subscribes to the notifications for `key`, if the store sends any.
    pub(in crate::cache) fn listen(&self, key: &TokenKey) -> Option<Notifications> {
        self.0.notifications.as_ref().map(|notifications| notifications.listen(key))
    }

    /// Begins the calls for one token.
    pub(in crate::cache) fn session(&self, key: &TokenKey) -> StoreSession {
        StoreSession::new(self.clone(), key.clone())
    }

    /// Calls the store within `limit`. `None` if the circuit is open, or if the call fails, which
    /// opens it.
    pub(super) async fn call<'a, T>(
        &'a self,
        limit: Duration,
        key: &'a TokenKey,
        operation: impl FnOnce(&'a dyn DynTokenStore, &'a TokenKey) -> StoreFuture<'a, T>,
    ) -> Option<T> {
        let breaker = &self.0;
        if breaker.is_open.load(Ordering::Acquire) {
            // The task that probes the store may have ended with its runtime.
            self.probe(key);
            return None;
        }
        let error = match within(limit, operation(&*breaker.store, key)).await {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        events::store_failed(key.client_id(), &error);
        breaker.open();
        self.probe(key);
        None
    }

    /// Starts to probe the store, unless that is running. The probe uses the key of the failed
    /// call, as only a part of the store may fail.
    fn probe(&self, key: &TokenKey) {
        let joined = {
            let _transition = self.0.transition();
            self.0.probes.join_or_start(PROBE_LIMITS)
        };
        let Joined::Started(attempt, _) = joined else { return };
        let probes = probe_until_success(Arc::downgrade(&self.0), attempt, key.clone());
        drop(tokio::spawn(self.0.life.clone().run_until_cancelled_owned(probes)));
    }
}

impl CircuitBreaker {
    /// Opens the circuit. The lock makes the last event the current state.
    fn open(&self) {
        let _transition = self.transition();
        if !self.is_open.swap(true, Ordering::AcqRel) {
            events::store_up(false);
        }
    }

    /// Closes the circuit after the probe `attempt` has succeeded, unless a later one has begun.
    fn close(&self, attempt: Attempt<()>) {
        let _transition = self.transition();
        if self.probes.is_current(attempt.generation()) {
            attempt.finish(());
            self.is_open.store(false, Ordering::Release);
            events::store_up(true);
        }
    }

    /// Begins the next probe after `failed`, unless another task has begun one.
    fn next_probe(&self, failed: &Attempt<()>) -> Option<Attempt<()>> {
        let _transition = self.transition();
        self.probes.is_current(failed.generation()).then(|| self.probes.begin(PROBE_LIMITS).0)
    }

    fn transition(&self) -> MutexGuard<'_, ()> {
        self.transition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Probes the store until it works. When the future is dropped, another task may start.
async fn probe_until_success(breaker: Weak<CircuitBreaker>, mut attempt: Attempt<()>, key: TokenKey) {
    for failures in 0.. {
        sleep(PROBE_PAUSES.pause(failures, fastrand::f64())).await;
        let Some(breaker) = breaker.upgrade() else { return };
        match within(breaker.limit, breaker.store.ping_dyn(&key)).await {
            Ok(()) => return breaker.close(attempt),
            Err(error) => events::store_still_fails(&error),
        }
        let Some(next) = breaker.next_probe(&attempt) else { return };
        attempt = next;
    }
}

/// Awaits the result of a call for `limit` at most.
async fn within<T>(limit: Duration, call: StoreFuture<'_, T>) -> Result<T, StoreError> {
    timeout(limit, call)
        .await
        .unwrap_or_else(|late| Err(StoreError::new("it did not answer in time").with_source(late)))
}

#[cfg(test)]
mod tests;
