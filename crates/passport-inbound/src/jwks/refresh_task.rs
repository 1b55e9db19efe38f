use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

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
    /// The clock's uptime at the last tick, in seconds.
    last_tick: Arc<AtomicU64>,
}

/// What a tick reports to the task.
pub(super) struct Tick {
    pub(super) uptime: Duration,
    /// The time until the next tick.
    pub(super) wait: Duration,
}

impl RefreshTask {
    /// Spawns a task that calls `tick` until it returns `None`. A tick comes early when the plan
    /// has `changed`.
    pub(super) fn spawn(
        runtime: &Handle,
        uptime: Duration,
        tick: impl Fn() -> Option<Tick> + Send + 'static,
        changed: watch::Receiver<()>,
    ) -> Self {
        let last_tick = Arc::new(AtomicU64::new(uptime.as_secs()));
        let task = run(tick, changed, Arc::clone(&last_tick));
        Self { task: runtime.spawn(task).abort_handle(), last_tick }
    }

    pub(super) fn is_running(&self, uptime: Duration) -> bool {
        let last_tick = Duration::from_secs(self.last_tick.load(Ordering::Relaxed));
        !self.task.is_finished() && uptime.saturating_sub(last_tick) < STALLED_AFTER
    }
}

impl Drop for RefreshTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(tick: impl Fn() -> Option<Tick>, mut changed: watch::Receiver<()>, last_tick: Arc<AtomicU64>) {
    loop {
        sleep(SHORTEST_SLEEP).await;
        changed.mark_unchanged();
        let Some(Tick { uptime, wait }) = tick() else { return };
        last_tick.store(uptime.as_secs(), Ordering::Relaxed);
        // Time has passed, the plan has changed, or the cache was dropped.
        let _ = timeout(wait.min(LONGEST_SLEEP), changed.changed()).await;
    }
}
