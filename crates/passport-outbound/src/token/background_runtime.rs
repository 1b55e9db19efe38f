//! A process-wide runtime for fetch attempts that must outlive the runtime of their caller.

use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};
use tracing::instrument::WithSubscriber;

/// The runtime of these attempts. It starts on first use and never ends, because later attempts
/// reuse what an attempt creates on it, such as a connection to a store or a shared read of a
/// secret. It has one worker thread, and is multi-threaded so that a secret provider may call
/// `block_in_place`.
static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// Spawns `attempt` on the process-wide runtime.
///
/// A blocking caller may create a runtime for each call and drop it when the call returns. A
/// background refresh on such a runtime would never complete. If no thread can be started,
/// `attempt` runs on `fallback`.
pub(super) fn spawn(attempt: impl Future<Output = ()> + Send + 'static, fallback: &Handle) {
    let runtime = process_runtime().map_or(fallback, Runtime::handle);
    drop(runtime.spawn(attempt.with_current_subscriber()));
}

fn process_runtime() -> Option<&'static Runtime> {
    if RUNTIME.get().is_none() {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("passport-token").enable_all().build().ok()?;
        if let Err(redundant) = RUNTIME.set(runtime) {
            // Another call has set it first. Dropping a runtime inside a runtime would panic.
            redundant.shutdown_background();
        }
    }
    RUNTIME.get()
}
