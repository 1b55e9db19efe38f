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

/// A store that can be down. It delivers only what a test delivers, so that a list gets the other
/// records only by `load`.
#[derive(Clone, Debug, Default)]
struct Store {
    records: Arc<Mutex<Vec<DenialRecord>>>,
    is_down: Arc<AtomicBool>,
    /// Notified of each stored record.
    stored: Arc<Notify>,
    /// Notified to end the current call of `receive` with an error.
    broken: Arc<Notify>,
    /// How long each call of `publish` takes.
    delay: Arc<Mutex<Duration>>,
    /// The records that `receive` returns.
    delivered: Arc<Mutex<Vec<DenialRecord>>>,
    /// Notified of `delivered`.
    delivery: Arc<Notify>,
}

impl Store {
    fn check(&self) -> Result<(), DenyListStoreError> {
        if self.is_down.load(Ordering::SeqCst) { Err(DenyListStoreError::new("down")) } else { Ok(()) }
    }

    fn count(&self) -> usize {
        self.records.lock().unwrap().len()
    }

    fn deliver(&self, denial: &Denial) {
        let record = DenialRecord::new(denial, Duration::from_secs(3600), now());
        self.delivered.lock().unwrap().push(record);
        self.delivery.notify_one();
    }
}

impl DenyListStore for Store {
    async fn publish(&self, record: DenialRecord) -> Result<(), DenyListStoreError> {
        self.check()?;
        let delay = *self.delay.lock().unwrap();
        sleep(delay).await;
        self.records.lock().unwrap().push(record);
        self.stored.notify_one();
        Ok(())
    }

    async fn load(&self) -> Result<Vec<DenialRecord>, DenyListStoreError> {
        self.check()?;
        Ok(self.records.lock().unwrap().clone())
    }

    async fn receive(&self) -> Result<Vec<DenialRecord>, DenyListStoreError> {
        tokio::select! {
            () = self.broken.notified() => Err(DenyListStoreError::new("connection closed")),
            () = self.delivery.notified() => Ok(std::mem::take(&mut *self.delivered.lock().unwrap())),
        }
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
    assert!(list.health().to_string().ends_with("its future was dropped"), "{}", list.health());
    sleep(Duration::from_secs(60)).await;
    assert_eq!(store.count(), 1);
    assert!(list.health().is_complete(), "{}", list.health());
}

#[tokio::test(start_paused = true)]
async fn later_denial_does_not_hide_that_one_is_not_shared() {
    let store = Store::default();
    let list = list(&store).await;
    store.is_down.store(true, Ordering::SeqCst);
    assert!(list.deny(&user("u")).await.is_err());
    store.is_down.store(false, Ordering::SeqCst);
    list.deny(&user("v")).await.unwrap();
    assert!(!list.health().is_complete(), "u is not shared");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(store.count(), 2);
    assert!(list.health().is_complete(), "{}", list.health());
}

#[tokio::test(start_paused = true)]
async fn denials_are_received_while_others_are_published() {
    let store = Store::default();
    let list = list(&store).await;
    for id in 0..100 {
        list.deny(&user(&id.to_string())).await.unwrap();
    }
    store.records.lock().unwrap().clear();
    *store.delay.lock().unwrap() = Duration::from_secs(1);
    store.broken.notify_one();
    while store.count() == 0 {
        store.stored.notified().await;
    }
    store.deliver(&user("new"));
    list.subscribe().wait_for(|latest| *latest > 100).await.unwrap();
    assert!(store.count() < 10, "{} of 100 published", store.count());
    while store.count() < 100 {
        store.stored.notified().await;
    }
}

#[tokio::test(start_paused = true)]
async fn denials_that_others_publish_are_not_published_again() {
    let store = Store::default();
    let list = list(&store).await;
    for id in 0..100 {
        list.deny(&user(&id.to_string())).await.unwrap();
    }
    let records = std::mem::take(&mut *store.records.lock().unwrap());
    *store.delay.lock().unwrap() = Duration::from_secs(1);
    store.broken.notify_one();
    while store.count() == 0 {
        store.stored.notified().await;
    }
    *store.delivered.lock().unwrap() = records;
    store.delivery.notify_one();
    sleep(Duration::from_secs(300)).await;
    assert!(store.count() < 10, "{} of 100 published", store.count());
    assert!(list.health().is_complete(), "{}", list.health());
}

#[tokio::test(start_paused = true)]
async fn denials_are_received_after_a_failed_publication() {
    let store = Store::default();
    let list = list(&store).await;
    store.is_down.store(true, Ordering::SeqCst);
    assert!(list.deny(&user("u")).await.is_err());
    // The task is notified, and pauses.
    sleep(Duration::from_millis(1)).await;
    store.deliver(&user("new"));
    let received = list.subscribe().wait_for(|latest| *latest > 1).await.map(|latest| *latest);
    assert_eq!(received.unwrap(), 2);
    assert_eq!(store.count(), 0, "the store is still down");
}

#[tokio::test(start_paused = true)]
async fn received_denial_is_not_expired_by_a_clock_set_forward() {
    let (store, clock) = (Store::default(), ManualClock::at_unix_seconds(START));
    let list = DenyList::builder().clock(clock.clone()).store(store.clone()).open().await.unwrap();
    clock.set_forward(Duration::from_secs(24 * 3600));
    store.deliver(&user("u"));
    list.subscribe().wait_for(|latest| *latest == 1).await.unwrap();
    assert_eq!(list.len(), 1);
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
