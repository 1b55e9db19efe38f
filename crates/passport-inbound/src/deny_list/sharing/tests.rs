use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use passport_core::ManualClock;
use tokio::runtime::Builder;
use tracing::Level;

use super::{
    super::{Denial, DeniedSubject, DenyList, DenyListStore},
    *,
};
use crate::test_support::{Log, START};

/// A store that can be down. It delivers nothing, so that a list gets its records only by `load`.
#[derive(Clone, Debug, Default)]
struct Store {
    records: Arc<Mutex<Vec<DenialRecord>>>,
    is_down: Arc<AtomicBool>,
    /// Notified of each stored record.
    stored: Arc<Notify>,
    /// Notified to end the current call of `receive` with an error.
    broken: Arc<Notify>,
}

impl Store {
    fn check(&self) -> Result<(), DenyListStoreError> {
        if self.is_down.load(Ordering::SeqCst) { Err(DenyListStoreError::new("down")) } else { Ok(()) }
    }

    fn count(&self) -> usize {
        self.records.lock().unwrap().len()
    }
}

impl DenyListStore for Store {
    async fn publish(&self, record: DenialRecord) -> Result<(), DenyListStoreError> {
        self.check()?;
        self.records.lock().unwrap().push(record);
        self.stored.notify_one();
        Ok(())
    }

    async fn load(&self) -> Result<Vec<DenialRecord>, DenyListStoreError> {
        self.check()?;
        Ok(self.records.lock().unwrap().clone())
    }

    async fn receive(&self) -> Result<Vec<DenialRecord>, DenyListStoreError> {
        self.broken.notified().await;
        Err(DenyListStoreError::new("connection closed"))
    }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(START.into())
}

fn user(id: &str) -> Denial {
    Denial::new("https://i.example", DeniedSubject::Subject(id.to_owned()), now())
}

async fn list(store: &Store) -> DenyList {
    let clock = ManualClock::at_unix_seconds(START);
    DenyList::builder().clock(clock).store(store.clone()).open().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn denial_of_an_outage_is_published_after_it() {
    let store = Store::default();
    let list = list(&store).await;
    store.is_down.store(true, Ordering::SeqCst);
    assert!(list.deny(&user("u")).await.is_err());
    assert!(!list.health().is_complete());
    sleep(Duration::from_secs(300)).await;
    assert_eq!(store.count(), 0);
    store.is_down.store(false, Ordering::SeqCst);
    store.stored.notified().await;
    assert_eq!(store.count(), 1);
    sleep(Duration::from_secs(1)).await;
    assert!(list.health().is_complete(), "{}", list.health());
}

#[tokio::test(start_paused = true)]
async fn unreachable_store_is_an_error_of_the_health() {
    let store = Store::default();
    let list = list(&store).await;
    store.is_down.store(true, Ordering::SeqCst);
    store.broken.notify_one();
    sleep(Duration::from_secs(300)).await;
    let health = list.health();
    assert_eq!(health.last_error, None, "each denial of this instance is shared");
    assert!(!health.is_complete(), "{health}");
    let expected = "denials of other instances are not received: the store of the deny list failed: down";
    assert!(health.to_string().ends_with(expected), "{health}");
    store.is_down.store(false, Ordering::SeqCst);
    list.deny(&user("u")).await.unwrap();
    assert!(!list.health().is_complete(), "sharing a denial receives none");
    sleep(Duration::from_secs(60)).await;
    assert!(list.health().is_complete(), "{}", list.health());
}

#[tokio::test(start_paused = true)]
async fn denial_is_published_if_its_future_is_dropped() {
    let store = Store::default();
    let list = list(&store).await;
    drop(list.deny(&user("u")));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(store.count(), 1);
}

#[test]
fn ended_runtime_is_an_error_of_the_health() {
    let log = Log::listen(Level::ERROR);
    let open = || {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let list = runtime.block_on(list(&Store::default()));
        (runtime, list)
    };
    let (runtime, dropped) = open();
    drop(dropped);
    drop(runtime);
    assert_eq!(log.lines_with("").len(), 0, "the list was dropped before its runtime");
    let (runtime, list) = open();
    assert!(list.health().is_complete());
    drop(runtime);
    let health = list.health();
    assert!(!health.is_complete() && health.to_string().contains("ended with its runtime"), "{health}");
    assert_eq!(log.lines_with("ended with its runtime").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn denials_that_the_store_has_lost_are_published_again() {
    let store = Store::default();
    let list = list(&store).await;
    list.deny(&user("u")).await.unwrap();
    list.deny(&user("v")).await.unwrap();
    store.records.lock().unwrap().truncate(1);
    store.broken.notify_one();
    while store.count() < 2 {
        store.stored.notified().await;
    }
    assert_eq!(store.count(), 2, "only the lost one is published");
}

#[tokio::test]
async fn denials_of_the_file_are_published_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("denied");
    let clock = ManualClock::at_unix_seconds(START);
    let builder = DenyList::builder().clock(clock).file(file);
    builder.clone().open().await.unwrap().deny(&user("u")).await.unwrap();
    let store = Store::default();
    let _list = builder.store(store.clone()).open().await.unwrap();
    // Not before: paused time would exceed the time limit of the file.
    tokio::time::pause();
    store.stored.notified().await;
    assert_eq!(store.count(), 1);
}
