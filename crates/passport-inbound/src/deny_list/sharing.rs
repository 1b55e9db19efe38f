//! Receives the denials of other instances from a store, and publishes those that the store lacks.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Weak},
    task::Poll,
    time::Duration,
};

use passport_core::Backoff;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

use super::{
    error::{DenyListError, DenyListStoreError},
    record::DenialRecord,
    shared::SharedList,
    store::{DynDenyListStore, load, publish},
};
use crate::metrics::TARGET;

/// The pause after an error of the store.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// The error of a task that has ended before the list.
const ENDED: &str = "the task that follows the store has ended with its runtime or by a panic; open the list in a runtime that lives as long as the list";

/// Spawns a task that receives records until the list is dropped.
pub(super) fn follow(list: &Arc<SharedList>, store: Arc<dyn DynDenyListStore>) {
    let end = EndOfTask(Arc::downgrade(list));
    let task = run(Arc::downgrade(list), list.subscribe(), Arc::clone(&list.unshared), store);
    tokio::spawn(async move {
        let _end = end;
        task.await;
    });
}

/// Reports, when the task is dropped, that it has ended before the list.
struct EndOfTask(Weak<SharedList>);

impl Drop for EndOfTask {
    fn drop(&mut self) {
        let Some(list) = self.0.upgrade() else { return };
        tracing::error!(target: TARGET, error = ENDED, "denials of other instances are not received");
        list.set_receive_error(Some(ENDED.to_owned()));
    }
}

/// What one step of the task has done.
enum Step {
    Received(Vec<DenialRecord>),
    /// The list has the records of the store, and the store has those of the list.
    Synchronized,
    /// Records were possibly lost.
    NotReceived(DenyListStoreError),
    /// The store possibly lacks a record of the list.
    NotShared,
}

async fn run(
    list: Weak<SharedList>,
    mut changes: watch::Receiver<u64>,
    unshared: Arc<Notify>,
    store: Arc<dyn DynDenyListStore>,
) {
    let (mut failures, mut has_gap) = (0, false);
    loop {
        let next = async {
            if has_gap { synchronize(&list, &*store).await } else { receive(&unshared, &*store).await }
        };
        let Some(step) = unless_dropped(&mut changes, next).await else { return };
        match step {
            Step::Synchronized => {
                (failures, has_gap) = (0, false);
                let Some(list) = list.upgrade() else { return };
                list.set_receive_error(None);
            }
            Step::Received(records) => {
                failures = 0;
                let Some(list) = list.upgrade() else { return };
                list.set_receive_error(None);
                let saved = list.receive(records).await;
                drop(list.conclude(saved));
            }
            Step::NotReceived(_) | Step::NotShared => {
                if let Step::NotReceived(error) = step {
                    let Some(list) = list.upgrade() else { return };
                    list.set_receive_error(Some(error.to_string()));
                    tracing::warn!(target: TARGET, %error, "denials of other instances are not received");
                }
                let pause = sleep(BACKOFF.delay(failures, fastrand::f64()));
                (failures, has_gap) = (failures.saturating_add(1), true);
                if unless_dropped(&mut changes, pause).await.is_none() {
                    return;
                }
            }
        }
    }
}

/// Waits for records of other instances, or until a record of this instance was not published.
async fn receive(unshared: &Notify, store: &dyn DynDenyListStore) -> Step {
    match unless(unshared.notified(), store.receive_dyn()).await {
        Some(Ok(records)) => Step::Received(records),
        Some(Err(error)) => Step::NotReceived(error),
        None => Step::NotShared,
    }
}

/// Loads all records, because some were possibly lost. Publishes the entries that the store lacks:
/// it was possibly unreachable, or has lost them.
async fn synchronize(list: &Weak<SharedList>, store: &dyn DynDenyListStore) -> Step {
    let loaded = match load(store).await {
        Ok(loaded) => loaded,
        Err(error) => return Step::NotReceived(error),
    };
    let (missing, saved) = {
        // The list must not be kept alive during the calls of the store.
        let Some(list) = list.upgrade() else { return Step::Synchronized };
        (list.missing_in(&loaded), list.receive(loaded).await)
    };
    let shared = publish_all(store, missing).await.map_err(DenyListError::Store);
    let step = if shared.is_ok() { Step::Synchronized } else { Step::NotShared };
    if let Some(list) = list.upgrade() {
        // The error is logged and kept for `health`.
        drop(list.conclude(saved.and(shared)));
    }
    step
}

async fn publish_all(
    store: &dyn DynDenyListStore,
    records: Vec<DenialRecord>,
) -> Result<(), DenyListStoreError> {
    for record in records {
        publish(store, record).await?;
    }
    Ok(())
}

/// Waits for `future`. Returns `None` if the list is dropped before.
async fn unless_dropped<T>(changes: &mut watch::Receiver<u64>, future: impl Future<Output = T>) -> Option<T> {
    unless(async { while changes.changed().await.is_ok() {} }, future).await
}

/// Waits for `future`. Returns `None` if the `event` occurs before.
async fn unless<T>(event: impl Future<Output = ()>, future: impl Future<Output = T>) -> Option<T> {
    let (mut event, mut future) = (pin!(event), pin!(future));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => event.as_mut().poll(cx).map(|()| None),
    })
    .await
}

#[cfg(test)]
mod tests;
