use std::{
    sync::{
        Arc, Weak,
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

use super::KeyKeeper;

/// The wall clock may move on by more than this timer slept: while the machine did, for example.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// An attempt that may begin but does not, as one is on its way, is not asked for without a pause.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

/// A timer that has not looked for so long is on a runtime that nobody drives.
const FROZEN_AFTER: Duration = Duration::from_secs(90);

/// Asks the keeper to refresh its keys when they are due, whether requests come or not. Ends with the last handle to the
/// keeper, or with its runtime; then the next request that causes an attempt starts another.
#[derive(Debug)]
pub(super) struct Timer {
    task: AbortHandle,
    /// When it looked the last time, by the clock's uptime, in seconds.
    looked_at: Arc<AtomicU64>,
}

impl Timer {
    pub(super) fn start(runtime: &Handle, keeper: &Arc<KeyKeeper>, uptime: Duration) -> Self {
        let looked_at = Arc::new(AtomicU64::new(uptime.as_secs()));
        let task = run(Arc::downgrade(keeper), keeper.changed.subscribe(), Arc::clone(&looked_at));
        Self { task: runtime.spawn(task).abort_handle(), looked_at }
    }

    pub(super) fn runs(&self, uptime: Duration) -> bool {
        let looked_at = Duration::from_secs(self.looked_at.load(Ordering::Relaxed));
        !self.task.is_finished() && uptime.saturating_sub(looked_at) < FROZEN_AFTER
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(keeper: Weak<KeyKeeper>, mut changed: watch::Receiver<()>, looked_at: Arc<AtomicU64>) {
    loop {
        sleep(SHORTEST_SLEEP).await;
        changed.mark_unchanged();
        let Some(keeper) = keeper.upgrade() else { return };
        looked_at.store(keeper.clock.uptime().as_secs(), Ordering::Relaxed);
        let wait = keeper.tick();
        drop(keeper);
        // Whether time has passed, the plan was changed or the keeper is gone: look again.
        let _ = timeout(wait.min(LONGEST_SLEEP), changed.changed()).await;
    }
}
