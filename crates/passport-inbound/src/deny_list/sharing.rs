//! Receives the denials of other instances from a store, and publishes those that the store lacks.

use std::{
    collections::HashSet,
    future::{Future, pending, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use passport_core::Backoff;
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};

use super::{
    error::DenyListStoreError,
    failures::FailuresBefore,
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
    let changes = list.subscribe();
    let unshared = Arc::clone(&list.unshared);
    let follower = Follower {
        list: Arc::downgrade(list),
        unshared,
        store,
        failures: AtomicU32::new(0),
        received: Mutex::default(),
    };
    tokio::spawn(async move {
        let _end = end;
        unless_dropped(changes, follower.run()).await;
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

/// The task that keeps a list and its store synchronized. It does not keep the list alive during
/// the calls of the store.
struct Follower {
    list: Weak<SharedList>,
    /// Notified if the store possibly lacks a record of the list.
    unshared: Arc<Notify>,
    store: Arc<dyn DynDenyListStore>,
    /// The number of errors since the last success.
    failures: AtomicU32,
    /// While entries are published: the records that were received since they were compared with
    /// the store. Other instances publish the same ones after the store has lost them.
    received: Mutex<Option<HashSet<DenialRecord>>>,
}

/// The entries that the store lacks.
struct Missing {
    records: Vec<DenialRecord>,
    before: FailuresBefore,
}

impl Follower {
    /// Receives and shares records. After an error, loads all records, and publishes the entries
    /// that the store lacks: the store was possibly unreachable, or has lost them.
    async fn run(self) {
        let mut missing = None;
        loop {
            // Records are received while others are published, which can take minutes.
            if let Some(error) = unless(self.share(missing), self.receive()).await {
                self.report(&error);
                self.pause().await;
            }
            missing = Some(self.load().await);
        }
    }

    /// Receives records until the store fails. Returns its error.
    async fn receive(&self) -> DenyListStoreError {
        loop {
            let records = match self.store.receive_dyn().await {
                Ok(records) => records,
                Err(error) => return error,
            };
            self.succeed();
            if let Some(received) = &mut *self.received() {
                received.extend(&records);
            }
            self.accept(records).await;
        }
    }

    /// Publishes the entries that the store lacks, one after the other. Then waits until the store
    /// possibly lacks another record. Returns after a pause, when the records have to be loaded.
    async fn share(&self, missing: Option<Missing>) {
        let is_shared = match missing {
            Some(missing) => self.publish(missing).await,
            None => true,
        };
        *self.received() = None;
        if is_shared {
            self.unshared.notified().await;
        }
        self.pause().await;
    }

    /// Publishes the entries that the store lacks. Returns `false` if the store has failed.
    async fn publish(&self, missing: Missing) -> bool {
        for record in missing.records {
            if self.received().as_ref().is_some_and(|received| received.contains(&record)) {
                continue;
            }
            if let Err(error) = publish(&*self.store, record).await {
                if let Some(list) = self.list.upgrade() {
                    // The error is logged and kept for `health`.
                    drop(list.set_shared(Err(error)));
                }
                return false;
            }
        }
        self.succeed();
        if let Some(list) = self.list.upgrade() {
            list.failures.set_shared(missing.before);
        }
        true
    }

    /// Loads all records, and tries again after an error. Returns the entries that the store lacks.
    async fn load(&self) -> Missing {
        loop {
            match load(&*self.store).await {
                Ok(loaded) => {
                    // The task ends with the list.
                    let Some(missing) = self.missing_in(&loaded) else { return pending().await };
                    self.accept(loaded).await;
                    return missing;
                }
                Err(error) => self.report(&error),
            }
            self.pause().await;
        }
    }

    /// Returns the entries that the store lacks, or `None` if the list was dropped. `loaded` is the
    /// content of the store. The order is random, so that instances that lack the same entries do
    /// not publish each of them at the same time.
    fn missing_in(&self, loaded: &[DenialRecord]) -> Option<Missing> {
        let list = self.list.upgrade()?;
        let before = list.failures.before();
        let mut records = list.missing_in(loaded);
        fastrand::shuffle(&mut records);
        *self.received() = Some(HashSet::new());
        Some(Missing { records, before })
    }

    /// Inserts received records, and saves them. An error is logged and kept for `health`.
    async fn accept(&self, records: Vec<DenialRecord>) {
        let Some(list) = self.list.upgrade() else { return };
        list.set_receive_error(None);
        drop(list.receive(records).await);
    }

    /// Logs and keeps for `health` that no records are received.
    fn report(&self, error: &DenyListStoreError) {
        let Some(list) = self.list.upgrade() else { return };
        list.set_receive_error(Some(error.to_string()));
        tracing::warn!(target: TARGET, %error, "denials of other instances are not received");
    }

    fn received(&self) -> MutexGuard<'_, Option<HashSet<DenialRecord>>> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn succeed(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    /// Waits before the next call of a store that has failed.
    async fn pause(&self) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed);
        sleep(BACKOFF.delay(failures, fastrand::f64())).await;
    }
}

/// Waits for `future`, unless the list is dropped before.
async fn unless_dropped(mut changes: watch::Receiver<u64>, future: impl Future<Output = ()>) {
    unless(async { while changes.changed().await.is_ok() {} }, future).await;
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
