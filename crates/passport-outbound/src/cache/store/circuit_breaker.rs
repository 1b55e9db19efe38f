//! The circuit breaker of a shared store: after a failure the store is not called until a probe
//! succeeds.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use passport_core::{Attempt, Backoff, JoinOutcome, SharedTask, TaskLimits};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Notifications, Notifier, StoreError, TokenStore,
    erased::{DynTokenStore, StoreFuture},
    events,
    session::StoreSession,
};
use crate::cache::TokenKey;

/// The average time from a failure to the first probe. It doubles after each failed probe, up to
/// the maximum.
const PROBE_AFTER: Duration = Duration::from_millis(250);
const MAX_PROBE_AFTER: Duration = Duration::from_secs(4);
const PROBE_BACKOFF: Backoff = Backoff::new(PROBE_AFTER, MAX_PROBE_AFTER).with_jitter(0.5..=1.5);

/// The maximum time limit of a store.
const MAX_LIMIT: Duration = Duration::from_secs(5);

/// The time after which the runtime of a probe counts as stalled, and another task may probe. A
/// probe on a working runtime ends sooner: the pause before it is at most 1.5 times
/// [`MAX_PROBE_AFTER`], and the call itself ends within [`MAX_LIMIT`].
const PROBE_LIMITS: TaskLimits = TaskLimits {
    deadline: MAX_PROBE_AFTER.saturating_mul(2).saturating_add(MAX_LIMIT),
    grace: Duration::ZERO,
};

/// A handle to a [`TokenStore`] behind a circuit breaker. Cheap to clone; clones share the
/// circuit.
///
/// | State | Calls | Transition |
/// |---|---|---|
/// | closed | go to the store | the first failed call opens the circuit |
/// | open | return `None` immediately | a task probes the store; the first successful probe closes the circuit |
#[derive(Clone, Debug)]
pub(crate) struct StoreHandle(pub(super) Arc<CircuitBreaker>);

/// The store and the state of its circuit.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    store: Box<dyn DynTokenStore>,
    /// The time limit of all calls of one session together.
    limit: Duration,
    notifications: Option<Notifier>,
    is_open: AtomicBool,
    /// Locked while the circuit opens or closes, and while a probe begins.
    transition: Mutex<()>,
    /// The running probe. Its attempt includes the pause before it.
    probes: SharedTask<()>,
    /// Canceled when the last handle is dropped, which ends the probes.
    life: CancellationToken,
    _life_guard: DropGuard,
}

impl StoreHandle {
    /// Creates a handle with a closed circuit.
    pub(crate) fn new(store: impl TokenStore) -> Self {
        let life = CancellationToken::new();
        Self(Arc::new(CircuitBreaker {
            limit: store.timeout().min(MAX_LIMIT),
            notifications: store.notifications(),
            store: Box::new(store),
            is_open: AtomicBool::new(false),
            transition: Mutex::default(),
            probes: SharedTask::new(),
            _life_guard: life.clone().drop_guard(),
            life,
        }))
    }

    /// Returns the time limit of all calls of one session together.
    pub(in crate::cache) fn timeout(&self) -> Duration {
        self.0.limit
    }

    /// Subscribes to the notifications for `key`. `None` if the store sends none.
    pub(in crate::cache) fn listen(&self, key: &TokenKey) -> Option<Notifications> {
        self.0.notifications.as_ref().map(|notifications| notifications.listen(key))
    }

    /// Begins a session: the calls for one token.
    pub(in crate::cache) fn session(&self, key: &TokenKey) -> StoreSession {
        StoreSession::new(self.clone(), key.clone())
    }

    /// Calls the store with the time limit `limit`. `None` if the circuit is open, or if the call
    /// fails, which opens it.
    pub(super) async fn call<'a, T>(
        &'a self,
        limit: Duration,
        key: &'a TokenKey,
        operation: impl FnOnce(&'a dyn DynTokenStore, &'a TokenKey) -> StoreFuture<'a, T>,
    ) -> Option<T> {
        let breaker = &self.0;
        if breaker.is_open.load(Ordering::Acquire) {
            // The probe task may have ended with its runtime: start another one then.
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

    /// Starts the task that probes the store, unless it is running. The probe uses the key of the
    /// failed call, because the failure may affect only a part of the store.
    fn probe(&self, key: &TokenKey) {
        let joined = {
            let _transition = self.0.transition();
            self.0.probes.join_or_start(PROBE_LIMITS)
        };
        let JoinOutcome::Started(attempt, _) = joined else { return };
        let probes = probe_until_success(Arc::downgrade(&self.0), attempt, key.clone());
        drop(tokio::spawn(self.0.life.clone().run_until_cancelled_owned(probes)));
    }
}

impl CircuitBreaker {
    /// Opens the circuit. The lock orders the events, so that the last one is the current state.
    fn open(&self) {
        let _transition = self.transition();
        if !self.is_open.swap(true, Ordering::AcqRel) {
            events::circuit_opened();
        }
    }

    /// Closes the circuit after the probe `attempt` succeeded, unless a later probe has begun.
    fn close(&self, attempt: Attempt<()>) {
        let _transition = self.transition();
        if self.probes.is_current(attempt.generation()) {
            attempt.finish(());
            self.is_open.store(false, Ordering::Release);
            events::circuit_closed();
        }
    }

    /// Begins the next probe after `failed`. `None` if another task has begun one.
    fn next_probe(&self, failed: &Attempt<()>) -> Option<Attempt<()>> {
        let _transition = self.transition();
        self.probes.is_current(failed.generation()).then(|| self.probes.begin(PROBE_LIMITS).0)
    }

    fn transition(&self) -> MutexGuard<'_, ()> {
        self.transition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Probes the store until a probe succeeds. If the future is dropped, another task may start.
async fn probe_until_success(breaker: Weak<CircuitBreaker>, mut attempt: Attempt<()>, key: TokenKey) {
    for failures in 0.. {
        sleep(PROBE_BACKOFF.delay(failures, fastrand::f64())).await;
        let Some(breaker) = breaker.upgrade() else { return };
        match within(breaker.limit, breaker.store.ping_dyn(&key)).await {
            Ok(()) => return breaker.close(attempt),
            Err(error) => events::probe_failed(&error),
        }
        let Some(next) = breaker.next_probe(&attempt) else { return };
        attempt = next;
    }
}

/// Awaits the result of a call, for `limit` at most.
async fn within<T>(limit: Duration, call: StoreFuture<'_, T>) -> Result<T, StoreError> {
    timeout(limit, call)
        .await
        .unwrap_or_else(|late| Err(StoreError::new("no response within the time limit").with_source(late)))
}

#[cfg(test)]
mod tests;
