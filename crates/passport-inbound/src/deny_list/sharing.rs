//! Receives the denials of other instances from a store.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Weak},
    task::Poll,
    time::Duration,
};

use passport_core::Backoff;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    error::DenyListStoreError,
    record::DenialRecord,
    shared::SharedList,
    store::{DynDenyListStore, STORE_TIMEOUT},
};
use crate::metrics::TARGET;

/// The pause after an error of the store.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// Returns all records of the store.
pub(super) async fn load(store: &dyn DynDenyListStore) -> Result<Vec<DenialRecord>, DenyListStoreError> {
    let loaded = timeout(STORE_TIMEOUT, store.load_dyn()).await;
    loaded.unwrap_or_else(|_| Err(DenyListStoreError::timed_out()))
}

/// Spawns a task that receives records until the list is dropped.
pub(super) fn follow(list: &Arc<SharedList>, store: Arc<dyn DynDenyListStore>) {
    tokio::spawn(run(Arc::downgrade(list), list.subscribe(), store));
}

async fn run(list: Weak<SharedList>, mut changes: watch::Receiver<u64>, store: Arc<dyn DynDenyListStore>) {
    let (mut failures, mut has_gap) = (0, false);
    loop {
        let next = async {
            // After an error, records were possibly lost, so all are loaded.
            if has_gap { load(&*store).await } else { store.receive_dyn().await }
        };
        let Some(received) = unless_dropped(&mut changes, next).await else { return };
        match received {
            Ok(records) => {
                (failures, has_gap) = (0, false);
                let Some(list) = list.upgrade() else { return };
                list.receive(records).await;
            }
            Err(error) => {
                tracing::warn!(target: TARGET, %error, "denials of other instances are not received");
                let pause = sleep(BACKOFF.delay(failures, fastrand::f64()));
                (failures, has_gap) = (failures.saturating_add(1), true);
                if unless_dropped(&mut changes, pause).await.is_none() {
                    return;
                }
            }
        }
    }
}

/// Waits for `future`. Returns `None` if the list is dropped before.
async fn unless_dropped<T>(changes: &mut watch::Receiver<u64>, future: impl Future<Output = T>) -> Option<T> {
    let dropped = async { while changes.changed().await.is_ok() {} };
    let (mut dropped, mut future) = (pin!(dropped), pin!(future));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => dropped.as_mut().poll(cx).map(|()| None),
    })
    .await
}
