use std::{
    sync::{Arc, Weak},
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

/// Asks the keeper to refresh its keys when they are due, whether requests come or not. Ends with the last handle to the
/// keeper, or with its runtime; then the first request that finds keys due starts another.
#[derive(Debug)]
pub(super) struct Timer(AbortHandle);

impl Timer {
    pub(super) fn start(runtime: &Handle, keeper: &Arc<KeyKeeper>) -> Self {
        let task = run(Arc::downgrade(keeper), keeper.changed.subscribe());
        Self(runtime.spawn(task).abort_handle())
    }

    pub(super) fn has_ended(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn run(keeper: Weak<KeyKeeper>, mut changed: watch::Receiver<()>) {
    loop {
        sleep(SHORTEST_SLEEP).await;
        changed.mark_unchanged();
        let Some(wait) = keeper.upgrade().map(|keeper| keeper.tick()) else { return };
        // Whether time has passed, the plan was changed or the keeper is gone: look again.
        let _ = timeout(wait.min(LONGEST_SLEEP), changed.changed()).await;
    }
}
