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

/// The wall clock may advance by more than this task has slept: while the machine was suspended,
/// for example.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// The pause between two ticks while an attempt is due but does not begin, as another one runs.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

/// A task without a tick for this long is on a stalled runtime.
const STALLED_AFTER: Duration = Duration::from_secs(90);

/// A task that refreshes keys when they are due, whether requests come or not. It ends with the
/// cache or with its runtime; the next request that causes an attempt then starts another task.
#[derive(Debug)]
pub(super) struct RefreshTask {
    task: AbortHandle,
    last_tick: Arc<LastTick>,
}

#[derive(Debug)]
struct LastTick {
    clock: Arc<dyn Clock>,
    /// The clock's monotonic at the last tick, in seconds.
    monotonic: AtomicU64,
}

impl RefreshTask {
    /// Spawns a task that calls `tick` until it returns `None` instead of the time until the next
    /// tick. A tick comes early when the plan has `changed`.
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

    pub(super) fn is_running(&self) -> bool {
        !self.task.is_finished() && self.last_tick.age() < STALLED_AFTER
    }
}

impl LastTick {
    fn record(&self) {
        self.monotonic.store(self.clock.monotonic().as_secs(), Ordering::Relaxed);
    }

    fn age(&self) -> Duration {
        self.clock.monotonic().saturating_sub(Duration::from_secs(self.monotonic.load(Ordering::Relaxed)))
    }
}

impl Drop for RefreshTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    tick: impl Fn() -> Option<Duration>,
    mut changed: watch::Receiver<()>,
    last_tick: Arc<LastTick>,
) {
    loop {
        sleep(SHORTEST_SLEEP).await;
        changed.mark_unchanged();
        // Before the tick: a task that resumes after a freeze of the process has not stalled.
        last_tick.record();
        let Some(wait) = tick() else { return };
        // Time has passed, the plan has changed, or the cache was dropped.
        let _ = timeout(wait.min(LONGEST_SLEEP), changed.changed()).await;
    }
}

#[cfg(test)]
mod tests;
