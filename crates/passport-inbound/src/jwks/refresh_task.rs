//! The background task that refreshes the keys on schedule.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use passport_core::Clock;
use tokio::{
    runtime::Handle,
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

/// The maximum time between two ticks, at which the task checks whether a refresh is due. The
/// wall clock can advance by more than the task has slept, for example while the machine is
/// suspended.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The minimum time between two ticks, so that the task does not spin while a refresh is due but
/// does not begin because another one is running.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

/// The time without a tick after which the runtime of the task counts as stalled, so that
/// another task replaces this one.
const STALLED_AFTER: Duration = Duration::from_secs(90);

/// A task that refreshes the keys when they are due, even without requests. It ends with the
/// cache or with its runtime. If the runtime has ended, the next request that causes a refresh
/// starts another task.
#[derive(Debug)]
pub(super) struct RefreshTask {
    task: AbortHandle,
    last_tick: Arc<LastTick>,
}

/// The time of the last tick. It shows whether the runtime of the task still runs it.
#[derive(Debug)]
struct LastTick {
    clock: Arc<dyn Clock>,
    /// The monotonic time of the last tick, in seconds.
    monotonic: AtomicU64,
}

impl RefreshTask {
    /// Spawns a task that calls `tick` repeatedly. `tick` returns the time until the next call, or
    /// `None` to end the task. A notification of `changed` causes an earlier call.
    pub(super) fn spawn(
        runtime: &Handle,
        clock: Arc<dyn Clock>,
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
    /// Records that a tick happens now.
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
        // Recorded before the tick, so that a task that resumes after the process was frozen does
        // not count as stalled.
        last_tick.record();
        let Some(wait) = tick() else { return };
        // Ends when the time is over, the schedule has changed, or the cache was dropped.
        let _ = timeout(wait.min(LONGEST_SLEEP), changed.changed()).await;
    }
}

#[cfg(test)]
mod tests;
