//! A process-wide tokio runtime for token fetches that must continue after the runtime of the
//! calling task has ended.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tracing::instrument::WithSubscriber;

/// The process-wide runtime. It starts on first use and never ends. Later token fetches reuse
/// what an earlier fetch created on this runtime, for example a connection to a store or a
/// shared read of a secret.
///
/// The runtime has one worker thread. It is a multi-thread runtime, because a secret provider is
/// allowed to call `block_in_place`, which panics on a current-thread runtime.
static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// Spawns `attempt`, the future of a token fetch, on the process-wide runtime. If the thread of
/// that runtime cannot be started, spawns the future on `fallback`.
///
/// A blocking caller can create a runtime for each call, and drop that runtime when the call
/// returns. A background refresh on such a runtime would never complete.
pub(super) fn spawn(attempt: impl Future<Output = ()> + Send + 'static, fallback: &Handle) {
    let runtime = process_runtime().map_or(fallback, Runtime::handle);
    drop(runtime.spawn(attempt.with_current_subscriber()));
}

fn process_runtime() -> Option<&'static Runtime> {
    if RUNTIME.get().is_none() {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("passport-token").enable_all().build().ok()?;
        if let Err(redundant) = RUNTIME.set(runtime) {
            // Another thread has set `RUNTIME` first. Dropping the redundant runtime inside a tokio
            // runtime would panic.
            redundant.shutdown_background();
        }
    }
    RUNTIME.get()
}
