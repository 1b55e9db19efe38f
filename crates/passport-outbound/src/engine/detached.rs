//! Attempts that outlive the runtime of the call that starts them.

use std::{
    future::pending,
    sync::{Mutex, PoisonError},
    thread,
};

use tokio::runtime::{Builder, Handle};
use tracing::instrument::WithSubscriber;

/// The runtime of all such attempts in this process, on a thread of its own. It is started when it is
/// first needed, and never ends: what an attempt leaves behind (a connection to a store, a shared
/// read of a secret) is used by the next.
static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);

/// Runs `attempt` on a runtime that does not end.
///
/// A caller may have one runtime for each call and drop it when the call returns. A refresh that
/// such a call starts would never end. If no thread can be started, `attempt` runs on `fallback`.
pub(super) fn spawn(attempt: impl Future<Output = ()> + Send + 'static, fallback: &Handle) {
    let runtime = lasting().unwrap_or_else(|| fallback.clone());
    drop(runtime.spawn(attempt.with_current_subscriber()));
}

fn lasting() -> Option<Handle> {
    let mut started = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if started.is_none() {
        let runtime = Builder::new_current_thread().enable_all().build().ok()?;
        let handle = runtime.handle().clone();
        let run = move || runtime.block_on(pending::<()>());
        thread::Builder::new().name("passport-token".to_owned()).spawn(run).ok()?;
        *started = Some(handle);
    }
    started.clone()
}
