//! Refreshes the keys of all issuers of a verifier on schedule, with one background task.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use passport_core::SharedClock;
use tokio::{runtime::Handle, sync::watch};

use super::refresh_task::RefreshTask;

/// Something that the scheduler calls repeatedly: the cache of an issuer's keys.
pub(super) trait Scheduled: Send + Sync {
    /// Starts a refresh if a refresh is due. Returns the time until the next call. Returns `None`
    /// if there is no next refresh.
    fn tick(self: Arc<Self>) -> Option<Duration>;
}

/// The scheduled refreshes of the issuers of a verifier. All issuers share one task, so a
/// verifier with many issuers has no more tasks than a verifier with one.
pub(crate) struct RefreshScheduler {
    clock: SharedClock,
    /// Notifies the task when the time of a next refresh changes.
    changed: watch::Sender<()>,
    state: Mutex<SchedulerState>,
}

#[derive(Default)]
struct SchedulerState {
    /// The caches that were refreshed at least once.
    caches: Vec<Weak<dyn Scheduled>>,
    task: Option<RefreshTask>,
}

impl RefreshScheduler {
    pub(crate) fn new(clock: SharedClock) -> Arc<Self> {
        Arc::new(Self { clock, changed: watch::Sender::new(()), state: Mutex::default() })
    }

    /// Notifies the task that the time of a next refresh has changed.
    pub(super) fn notify(&self) {
        self.changed.send_replace(());
    }

    /// Adds a cache. From then on, the keys of the cache are refreshed on schedule while the task
    /// is running.
    pub(super) fn add(&self, cache: Weak<dyn Scheduled>) {
        self.state().caches.push(cache);
    }

    /// Starts the task if it is not running. Replaces a task on a runtime that has ended or
    /// stalled.
    pub(super) fn ensure_running(self: &Arc<Self>, runtime: &Handle) {
        let is_running = self.state().task.as_ref().is_some_and(RefreshTask::is_running);
        if !is_running {
            let weak = Arc::downgrade(self);
            let tick = move || weak.upgrade().map(|scheduler| scheduler.tick());
            let clock = self.clock.clone();
            let task = RefreshTask::spawn(runtime, clock, tick, self.changed.subscribe());
            let replaced = self.state().task.replace(task);
            drop(replaced);
        }
    }

    /// Starts each refresh that is due. Returns the time until the next refresh, or a time that
    /// never passes if there is none. Called by the task, which runs as long as the scheduler
    /// exists: a task that ends could miss a cache that is added at that moment.
    fn tick(&self) -> Duration {
        // The lock is released before the caches are used, because a refresh takes it.
        let caches: Vec<_> = {
            let mut state = self.state();
            state.caches.retain(|cache| cache.strong_count() > 0);
            state.caches.iter().filter_map(Weak::upgrade).collect()
        };
        caches.into_iter().filter_map(Scheduled::tick).min().unwrap_or(Duration::MAX)
    }

    /// Locks the state. The state stays usable after another thread has panicked while it held the
    /// lock.
    fn state(&self) -> MutexGuard<'_, SchedulerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RefreshScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshScheduler").finish_non_exhaustive()
    }
}
