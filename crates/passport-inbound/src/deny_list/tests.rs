//! Tests of the list: its file, its store and its health.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use passport_core::ManualClock;
use tokio::sync::{broadcast, mpsc};
use tracing::Level;

use super::*;
use crate::test_support::{Log, START, measured};

const ISSUER: &str = "https://i.example";

fn clock() -> ManualClock {
    ManualClock::at_unix_seconds(START)
}

fn now() -> std::time::SystemTime {
    UNIX_EPOCH + Duration::from_secs(START.into())
}

fn user(id: &str) -> Denial {
    Denial::new(ISSUER, DeniedSubject::Subject(id.to_owned()), now())
}

fn refuses(list: &DenyList, id: &str) -> bool {
    let keys = CallerKeys::of(&CallerIds {
        issuer: ISSUER,
        tenant: "t",
        user_id: id,
        sub: None,
        session: None,
        token_id: None,
        managed_identity: None,
    });
    list.refuses(&keys, now())
}

fn in_file(path: &Path) -> DenyListBuilder {
    DenyList::builder().clock(clock()).file(path)
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap().lines().count()
}

#[test]
fn denial_of_the_future_ends_ten_minutes_ahead() {
    let minute = Duration::from_secs(60);
    let expected = |minutes| DenialRecord::new(&denial_at(now() + minute * minutes), minute, now());
    let year = DenialRecord::new(&denial_at(now() + minute * 60 * 24 * 365), minute, now());
    assert_eq!(year, expected(10));
    assert_ne!(year, expected(9));
}

fn denial_at(time: std::time::SystemTime) -> Denial {
    Denial::new(ISSUER, DeniedSubject::Subject("u".to_owned()), time)
}

#[tokio::test]
async fn denial_takes_effect_before_it_is_saved() {
    let list = DenyList::builder().clock(clock()).open().await.unwrap();
    let saving = list.deny(&user("u"));
    assert!(refuses(&list, "u") && !refuses(&list, "v"));
    assert_eq!((list.len(), list.generation()), (1, 1));
    assert!(saving.await.is_ok());
}

#[tokio::test]
async fn each_subject_has_its_own_key() {
    let id = "x".to_owned();
    let subjects = [
        DeniedSubject::Subject(id.clone()),
        DeniedSubject::SubjectWithoutSession(id.clone()),
        DeniedSubject::Session(id.clone()),
        DeniedSubject::TokenId(id.clone()),
        DeniedSubject::ManagedIdentity(id.clone()),
        DeniedSubject::Tenant(id),
    ];
    let list = DenyList::builder().clock(clock()).open().await.unwrap();
    for (count, subject) in subjects.into_iter().enumerate() {
        list.deny(&Denial::new(ISSUER, subject, now())).await.unwrap();
        assert_eq!(list.len(), count + 1);
    }
}

#[tokio::test]
async fn restart_keeps_the_denials() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("denied");
    let list = in_file(&path).open().await.unwrap();
    list.deny(&user("u")).await.unwrap();
    list.deny(&user("v").tenant("t")).await.unwrap();
    let restarted = in_file(&path).open().await.unwrap();
    assert!(refuses(&restarted, "u") && refuses(&restarted, "v") && !refuses(&restarted, "w"));
    restarted.deny(&user("w")).await.unwrap();
    assert_eq!(lines(&path), 3, "a loaded denial is not saved again");
}

#[tokio::test]
async fn file_has_no_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("denied");
    in_file(&path).open().await.unwrap().deny(&user("secret-user").tenant("secret-tenant")).await.unwrap();
    let content = fs::read_to_string(&path).unwrap();
    assert!(!content.contains("secret") && !content.contains("i.example"), "{content}");
    assert!(content.lines().all(|line| line.len() <= 200), "{content}");
}

#[tokio::test]
async fn incomplete_last_line_is_ignored_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("denied");
    in_file(&path).open().await.unwrap().deny(&user("u")).await.unwrap();
    let mut content = fs::read_to_string(&path).unwrap();
    content.push_str(r#"{"key":"#);
    fs::write(&path, content).unwrap();
    let list = in_file(&path).open().await.unwrap();
    list.deny(&user("v")).await.unwrap();
    let restarted = in_file(&path).open().await.unwrap();
    assert!(refuses(&restarted, "u") && refuses(&restarted, "v"));
    assert_eq!(lines(&path), 2);
}

#[tokio::test]
async fn file_with_other_content_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("denied");
    fs::write(&path, "{}\n").unwrap();
    let error = in_file(&path).open().await.unwrap_err();
    assert!(matches!(error, DenyListError::InvalidFile { line: 1, .. }), "{error}");
    assert!(matches!(in_file(folder.path()).open().await, Err(DenyListError::File { .. })));
}

#[tokio::test]
async fn file_is_compacted_when_most_lines_have_no_effect() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("denied");
    let list = in_file(&path).open().await.unwrap();
    for second in 0..1_100 {
        let later = now() + Duration::from_secs(second);
        drop(list.deny(&Denial::new(ISSUER, DeniedSubject::Subject("u".to_owned()), later)));
        if second % 100 == 99 {
            list.deny(&user("v")).await.unwrap();
        }
    }
    assert!(lines(&path) <= 2 + 1_024 + 4, "{}", lines(&path));
    let restarted = in_file(&path).open().await.unwrap();
    assert!(refuses(&restarted, "u") && restarted.len() == 2);
}

#[tokio::test]
async fn denial_that_cannot_be_saved_is_in_effect_and_saved_later() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let list = in_file(&missing.join("denied")).open().await.unwrap();
    let log = Log::listen(Level::ERROR);
    assert!(matches!(list.deny(&user("u")).await, Err(DenyListError::File { .. })));
    assert!(refuses(&list, "u"));
    let health = list.health();
    assert!(!health.is_complete() && health.to_string().contains("cannot be used"), "{health}");
    assert_eq!(log.lines_with("denial is in effect, but not saved or not shared").len(), 1);
    fs::create_dir(&missing).unwrap();
    list.deny(&user("v")).await.unwrap();
    assert!(list.health().is_complete());
    let restarted = in_file(&missing.join("denied")).open().await.unwrap();
    assert!(refuses(&restarted, "u") && refuses(&restarted, "v"));
}

#[tokio::test]
async fn clock_set_forward_for_a_while_deletes_no_denial() {
    let (clock, day) = (clock(), Duration::from_secs(24 * 3600));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("denied");
    let list = DenyList::builder().clock(clock.clone()).file(&path).open().await.unwrap();
    list.deny(&user("u")).await.unwrap();
    clock.set_forward(day);
    list.deny(&user("v")).await.unwrap();
    assert!(refuses(&list, "u"), "so that no caller is remembered as not denied");
    clock.set_back(day);
    assert_eq!(list.len(), 2);
    assert!(refuses(&list, "u") && refuses(&in_file(&path).open().await.unwrap(), "u"));
    clock.advance(2 * day);
    assert!(!refuses(&list, "u"), "it expires by both clocks");
}

#[tokio::test]
async fn options_out_of_range_are_reported() {
    let capacity = DenyList::builder().capacity(99).open().await.unwrap_err().to_string();
    assert_eq!(capacity, "capacity: must be between 100 and 10,000,000, is 99");
    let retention = DenyList::builder().retention(Duration::from_secs(59)).open().await.unwrap_err();
    assert_eq!(retention.to_string(), "retention: must be between 1 min and 30 days, is 59s");
    let both = DenyList::builder().capacity(99).retention(Duration::from_secs(59)).problems();
    assert_eq!(both.iter().map(|problem| &*problem.option).collect::<Vec<_>>(), ["capacity", "retention"]);
}

#[tokio::test]
async fn full_list_is_counted_and_logged_once_a_minute() {
    for (policy, action, message) in [
        (FullPolicy::RefuseTenant, "refused_tenant", "all older tokens of a tenant"),
        (FullPolicy::DropOldest, "dropped", "denied tokens are accepted again"),
    ] {
        let log = Log::listen(Level::ERROR);
        let list = DenyList::with(DenyList::builder().clock(clock()).capacity(100).when_full(policy).0);
        let work = async {
            for id in 0..350 {
                drop(list.deny(&user(&id.to_string()).tenant(format!("t{}", id % 3))));
            }
        };
        let metrics = measured(work).await;
        let health = list.health();
        let counted = metrics[&format!("passport_inbound_deny_list_full_total {action}")];
        assert_eq!(counted, (health.refused_groups + health.dropped) as f64, "{health}");
        assert!(counted > 0.0 && list.len() <= 100, "{health}");
        assert!(!health.to_string().contains("0 times"), "{health}");
        assert_eq!(log.lines_with(message).len(), 1);
    }
}

#[test]
fn record_survives_its_json() {
    let record = DenialRecord::new(&user("u").tenant("t"), Duration::from_secs(60), now());
    assert_eq!(DenialRecord::from_json(&record.to_json()), Ok(record));
    assert_eq!(record.expires_at(), now() + Duration::from_secs(60));
    assert!(record.name().ends_with(&format!(".{START}")));
    for invalid in
        ["", "{}", "[]", &record.to_json()[1..], &record.to_json().replace("key\":\"", "key\":\"A")]
    {
        assert_eq!(DenialRecord::from_json(invalid), Err(InvalidDenialRecord), "{invalid}");
    }
}

/// A store in memory. Each clone is a connection of another instance.
#[derive(Debug)]
struct MemoryStore {
    records: Arc<Mutex<Vec<DenialRecord>>>,
    news: broadcast::Sender<DenialRecord>,
    received: tokio::sync::Mutex<broadcast::Receiver<DenialRecord>>,
    /// The next calls of `receive` fail if there is a message.
    failures: tokio::sync::Mutex<mpsc::UnboundedReceiver<()>>,
}

impl MemoryStore {
    fn new() -> (Self, mpsc::UnboundedSender<()>) {
        Self::on(Arc::default(), broadcast::Sender::new(16))
    }

    fn on(
        records: Arc<Mutex<Vec<DenialRecord>>>,
        news: broadcast::Sender<DenialRecord>,
    ) -> (Self, mpsc::UnboundedSender<()>) {
        let (fail, failures) = mpsc::unbounded_channel();
        let received = news.subscribe().into();
        (Self { records, news, received, failures: failures.into() }, fail)
    }

    /// Returns another connection.
    fn other(&self) -> (Self, mpsc::UnboundedSender<()>) {
        Self::on(Arc::clone(&self.records), self.news.clone())
    }
}

impl DenyListStore for MemoryStore {
    async fn publish(&self, record: DenialRecord) -> Result<(), DenyListStoreError> {
        self.records.lock().unwrap().push(record);
        let _ = self.news.send(record);
        Ok(())
    }

    async fn load(&self) -> Result<Vec<DenialRecord>, DenyListStoreError> {
        Ok(self.records.lock().unwrap().clone())
    }

    async fn receive(&self) -> Result<Vec<DenialRecord>, DenyListStoreError> {
        let (mut received, mut failures) = (self.received.lock().await, self.failures.lock().await);
        tokio::select! {
            Some(()) = failures.recv() => Err(DenyListStoreError::new("connection closed")),
            Ok(record) = received.recv() => Ok(vec![record]),
        }
    }
}

async fn sharing(store: MemoryStore) -> DenyList {
    DenyList::builder().clock(clock()).store(store).open().await.unwrap()
}

/// Waits until a list has changed.
async fn changed(list: &DenyList, generation: u64) {
    list.subscribe().wait_for(|latest| *latest >= generation).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn denials_reach_other_instances() {
    let (store, _fail) = MemoryStore::new();
    let (other_store, _other_fail) = store.other();
    let (one, other) = (sharing(store).await, sharing(other_store).await);
    one.deny(&user("u")).await.unwrap();
    changed(&other, 1).await;
    assert!(refuses(&other, "u"));
}

#[tokio::test(start_paused = true)]
async fn new_instance_loads_the_denials_of_the_store() {
    let (store, _fail) = MemoryStore::new();
    let (other_store, _other_fail) = store.other();
    sharing(store).await.deny(&user("u")).await.unwrap();
    assert!(refuses(&sharing(other_store).await, "u"));
}

#[tokio::test(start_paused = true)]
async fn denials_lost_by_a_failure_are_loaded() {
    let (store, fail) = MemoryStore::new();
    let records = Arc::clone(&store.records);
    let list = sharing(store).await;
    let record = DenialRecord::new(&user("u"), Duration::from_secs(3600), now());
    records.lock().unwrap().push(record);
    assert!(!refuses(&list, "u"), "it was not delivered");
    fail.send(()).unwrap();
    changed(&list, 1).await;
    assert!(refuses(&list, "u"));
}

/// A store that fails.
#[derive(Debug)]
struct BrokenStore {
    loads: bool,
}

impl DenyListStore for BrokenStore {
    async fn publish(&self, _: DenialRecord) -> Result<(), DenyListStoreError> {
        std::future::pending().await
    }

    async fn load(&self) -> Result<Vec<DenialRecord>, DenyListStoreError> {
        if self.loads { Ok(Vec::new()) } else { Err(DenyListStoreError::new("no route")) }
    }

    async fn receive(&self) -> Result<Vec<DenialRecord>, DenyListStoreError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn list_does_not_open_without_its_store() {
    let error = DenyList::builder().store(BrokenStore { loads: false }).open().await.unwrap_err();
    assert_eq!(error.to_string(), "the store of the deny list failed: no route");
}

#[tokio::test(start_paused = true)]
async fn hanging_store_costs_2_seconds() {
    let list = DenyList::builder().clock(clock()).store(BrokenStore { loads: true }).open().await.unwrap();
    let started = tokio::time::Instant::now();
    assert!(matches!(list.deny(&user("u")).await, Err(DenyListError::Store(_))));
    assert_eq!(started.elapsed(), Duration::from_secs(2));
    assert!(refuses(&list, "u"));
}

#[tokio::test(start_paused = true)]
async fn task_ends_with_the_last_clone_of_the_list() {
    let (store, fail) = MemoryStore::new();
    let list = sharing(store).await;
    drop(list);
    fail.closed().await;
}
