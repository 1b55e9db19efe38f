//! Attempts that outlive the runtime of the call that starts them.

use std::thread;

use tokio::runtime::Builder;
use tracing::instrument::WithSubscriber;

/// Runs `attempt` on a thread and a runtime of its own.
///
/// A caller may have one runtime for each call and drop it when the call returns. A refresh that
/// such a call starts would never end. If no thread can be started, the attempt is dropped, which
/// counts as lost.
pub(super) fn spawn(attempt: impl Future<Output = ()> + Send + 'static) {
    let attempt = attempt.with_current_subscriber();
    let run = move || {
        if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
            runtime.block_on(attempt);
            // A lookup of a host name that hangs is not waited for.
            runtime.shutdown_background();
        }
    };
    drop(thread::Builder::new().name("passport-token".to_owned()).spawn(run));
}
