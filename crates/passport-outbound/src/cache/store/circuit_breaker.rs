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

/// The average delay from a failed store call to the first probe. The delay doubles after each
/// failed probe, up to [`MAX_PROBE_AFTER`].
const PROBE_AFTER: Duration = Duration::from_millis(250);
/// The maximum of the average delay between two probes.
const MAX_PROBE_AFTER: Duration = Duration::from_secs(4);
/// The delay before each probe: half to one and a half times the average, at random.
const PROBE_BACKOFF: Backoff = Backoff::new(PROBE_AFTER, MAX_PROBE_AFTER).with_jitter(0.5..=1.5);

/// The maximum time limit of a store. A longer [`TokenStore::timeout`] counts as 5 s.
const MAX_LIMIT: Duration = Duration::from_secs(5);

/// The time after which the tokio runtime of a running probe is considered stalled, so that
/// another task starts a new probe. On a working runtime, a probe ends sooner: the delay before
/// the probe is at most 1.5 times [`MAX_PROBE_AFTER`], and the call itself ends within
/// [`MAX_LIMIT`].
const PROBE_LIMITS: TaskLimits = TaskLimits {
    deadline: MAX_PROBE_AFTER.saturating_mul(2).saturating_add(MAX_LIMIT),
    grace: Duration::ZERO,
};

/// A handle to a [`TokenStore`] behind a circuit breaker. A handle is cheap to clone; clones
/// share the circuit.
///
/// | State | Calls | Transition |
/// |---|---|---|
/// | closed | go to the store | the first failed call opens the circuit |
/// | open | return `None` | a successful probe by a background task closes the circuit |
#[derive(Clone, Debug)]
pub(crate) struct StoreHandle(pub(super) Arc<CircuitBreaker>);

/// The store, and the state of its circuit breaker.
#[derive(Debug)]
pub(super) struct CircuitBreaker {
    store: Box<dyn DynTokenStore>,
    /// The total time limit of all calls of one session.
    limit: Duration,
    notifications: Option<Notifier>,
    is_open: AtomicBool,
    /// Locked while the circuit opens or closes, and while a probe begins.
    transition: Mutex<()>,
    /// The task of the running probe, which includes the delay before the probe.
    probes: SharedTask<()>,
    /// Canceled when the last handle is dropped, so that the probes end.
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

    /// Subscribes to the notifications for `key`. `None` if the store sends no notifications.
    pub(in crate::cache) fn listen(&self, key: &TokenKey) -> Option<Notifications> {
        self.0.notifications.as_ref().map(|notifications| notifications.listen(key))
    }

    /// Begins a session: the calls for one token.
    pub(in crate::cache) fn session(&self, key: &TokenKey) -> StoreSession {
        StoreSession::new(self.clone(), key.clone())
    }

    /// Calls the store, and waits for the result for at most `limit`. Returns `None` if the circuit
    /// is open, or if the call fails, which opens the circuit.
    pub(super) async fn call<'a, T>(
        &'a self,
        limit: Duration,
        key: &'a TokenKey,
        operation: impl FnOnce(&'a dyn DynTokenStore, &'a TokenKey) -> StoreFuture<'a, T>,
    ) -> Option<T> {
        let breaker = &self.0;
        if breaker.is_open.load(Ordering::Acquire) {
            // The probe task can have ended with its runtime. In that case, another probe task
            // starts.
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

    /// Starts the task that probes the store, unless that task is running. The task reads and
    /// writes with `key`, the key of the failed call, because the failure can affect only a part of
    /// the store, such as one node of a cluster.
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
    /// Opens the circuit. The lock keeps logs and metrics in the order of the transitions, so that
    /// the last logged state is the current one.
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

    /// Begins the next probe after the probe `failed`. Returns `None` if another task has begun a
    /// probe.
    fn next_probe(&self, failed: &Attempt<()>) -> Option<Attempt<()>> {
        let _transition = self.transition();
        self.probes.is_current(failed.generation()).then(|| self.probes.begin(PROBE_LIMITS).0)
    }

    fn transition(&self) -> MutexGuard<'_, ()> {
        self.transition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Probes the store until a probe succeeds, which closes the circuit. If the future is dropped,
/// the next store call starts another probe task.
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

/// Returns the result of a store call, or an error if there is no result within `limit`.
async fn within<T>(limit: Duration, call: StoreFuture<'_, T>) -> Result<T, StoreError> {
    timeout(limit, call)
        .await
        .unwrap_or_else(|late| Err(StoreError::new("no response within the time limit").with_source(late)))
}

#[cfg(test)]
mod tests;
