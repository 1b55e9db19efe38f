//! Attempts that outlive the runtime of the call that starts them.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tracing::instrument::WithSubscriber;

/// The runtime of all such attempts in this process. It is started when it is first needed, and
/// never ends: what an attempt leaves behind (a connection to a store, a shared read of a secret)
/// is used by the next. It has one worker thread, and is of the kind that lets a secret provider
/// block.
static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// Runs `attempt` on a runtime that does not end.
///
/// A caller may have one runtime for each call and drop it when the call returns. A refresh that
/// such a call starts would never end. If no thread can be started, `attempt` runs on `fallback`.
pub(super) fn spawn(attempt: impl Future<Output = ()> + Send + 'static, fallback: &Handle) {
    let runtime = process_runtime().map_or(fallback, Runtime::handle);
    drop(runtime.spawn(attempt.with_current_subscriber()));
}

fn process_runtime() -> Option<&'static Runtime> {
    if RUNTIME.get().is_none() {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("passport-token").enable_all().build().ok()?;
        if let Err(second) = RUNTIME.set(runtime) {
            // Another call was faster. To drop a runtime within a runtime panics.
            second.shutdown_background();
        }
    }
    RUNTIME.get()
}
