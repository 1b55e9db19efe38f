//! The background task that refreshes the keys on schedule.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use passport_core::{Clock, SharedClock};
use tokio::{
    runtime::Handle,
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

/// The maximum time between two ticks. At each tick, the task checks whether a refresh is due.
/// The limit is needed because the wall clock can advance by more than the task has slept, for
/// example while the machine is suspended.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The minimum time between two ticks, so that the task does not spin while a refresh is due but
/// cannot begin, because another refresh is running.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

/// The time without a tick after which the runtime of the task counts as stalled. The next
/// refresh then starts another task, which replaces the stalled task.
const STALLED_AFTER: Duration = Duration::from_secs(90);

/// A task that starts a refresh of the keys when a refresh is due, even without requests. The
/// task ends when the cache is dropped, or when the runtime of the task ends. If the runtime has
/// ended, the next request that causes a refresh starts another task.
#[derive(Debug)]
pub(super) struct RefreshTask {
    task: AbortHandle,
    last_tick: Arc<LastTick>,
}

/// The time of the last tick. The time shows whether the runtime of the task still runs the
/// task.
#[derive(Debug)]
struct LastTick {
    clock: SharedClock,
    /// The monotonic time of the last tick, in seconds.
    monotonic: AtomicU64,
}

impl RefreshTask {
    /// Spawns a task that calls `tick` repeatedly. `tick` returns the time until the next call, or
    /// `None` to end the task. A notification of `changed` causes an earlier call.
    pub(super) fn spawn(
        runtime: &Handle,
        clock: SharedClock,
        tick: impl Fn() -> Option<Duration> + Send + 'static,
        changed: watch::Receiver<()>,
    ) -> Self {
        let last_tick = Arc::new(LastTick { monotonic: clock.monotonic().as_secs().into(), clock });
        let task = run(tick, changed, Arc::clone(&last_tick));
        Self { task: runtime.spawn(task).abort_handle(), last_tick }
    }

    /// Returns whether the task has neither ended nor stalled.
    pub(super) fn is_running(&self) -> bool {
        !self.task.is_finished() && self.last_tick.age() < STALLED_AFTER
    }
}

impl LastTick {
    /// Sets the time of the last tick to the current time.
    fn record(&self) {
        self.monotonic.store(self.clock.monotonic().as_secs(), Ordering::Relaxed);
    }

    /// Returns the time since the last tick.
    fn age(&self) -> Duration {
        self.clock.monotonic().saturating_sub(Duration::from_secs(self.monotonic.load(Ordering::Relaxed)))
    }
}

impl Drop for RefreshTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Calls `tick` until it returns `None`.
async fn run(
    tick: impl Fn() -> Option<Duration>,
    mut changed: watch::Receiver<()>,
    last_tick: Arc<LastTick>,
) {
    loop {
        sleep(SHORTEST_SLEEP).await;
        changed.mark_unchanged();
        // The time is recorded before the tick. Otherwise a task that resumes after the process was
        // frozen would count as stalled during the tick.
        last_tick.record();
        let Some(wait) = tick() else { return };
        // Waits until `wait` is over, the schedule has changed, or the cache was dropped.
        let _ = timeout(wait.min(LONGEST_SLEEP), changed.changed()).await;
    }
}

#[cfg(test)]
mod tests;
