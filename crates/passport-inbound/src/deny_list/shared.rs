//! What the clones of a deny list share.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use metrics::{counter, gauge};
use tokio::sync::{Notify, watch};

use super::{
    entries::{Entries, Inserted, Limits},
    error::{DenyListError, DenyListStoreError},
    expiry_clock::ExpiryClock,
    failures::Failures,
    file::DenyListFile,
    health::DenyListHealth,
    key::CallerKeys,
    options::{DenyListOptions, FullPolicy},
    record::{DenialRecord, seconds},
    store::{DynDenyListStore, publish},
};
use crate::metrics::{DENY_LIST_ENTRIES, DENY_LIST_FULL, TARGET};

/// The error of a denial that is saved and shared later, because its future was dropped.
const CANCELED: &str = "a denial is not saved or not shared yet, because its future was dropped";

/// What the clones of a list share.
#[derive(Debug)]
pub(super) struct SharedList {
    pub(super) entries: Entries,
    pub(super) limits: Limits,
    pub(super) retention: Duration,
    pub(super) clock: ExpiryClock,
    /// The number of changes that made the list refuse more tokens. 0 if there was none, so that
    /// the list has never had an entry.
    generation: AtomicU64,
    /// Notifies open streams of each new generation.
    changes: watch::Sender<u64>,
    pub(super) file: Option<DenyListFile>,
    pub(super) store: Option<Arc<dyn DynDenyListStore>>,
    /// Notified if the store possibly lacks an entry, so that the missing entries are published.
    pub(super) unshared: Arc<Notify>,
    refused_groups: AtomicU64,
    dropped: AtomicU64,
    /// The minute since 1970 in which a full list was last logged.
    logged_full: AtomicU64,
    /// Why denials are not saved or not shared.
    pub(super) failures: Failures,
    receive_error: Mutex<Option<String>>,
    /// Whether it was logged that tokens live longer than denials.
    has_warned: AtomicBool,
}

impl SharedList {
    pub(super) fn new(options: DenyListOptions) -> Self {
        let spare = u64::from(options.retention.subsec_nanos() > 0);
        let retention = u32::try_from(options.retention.as_secs().saturating_add(spare)).unwrap_or(u32::MAX);
        Self {
            entries: Entries::new(),
            limits: Limits { capacity: options.capacity, when_full: options.when_full, retention },
            retention: options.retention,
            clock: ExpiryClock::new(options.clock),
            generation: AtomicU64::new(0),
            changes: watch::Sender::new(0),
            file: options.file.map(DenyListFile::new),
            store: options.store,
            unshared: Arc::default(),
            refused_groups: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            logged_full: AtomicU64::new(0),
            failures: Failures::default(),
            receive_error: Mutex::new(None),
            has_warned: AtomicBool::new(false),
        }
    }

    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Returns whether an entry refuses a caller's token that was issued at `issued_at`.
    pub(super) fn refuses(&self, caller: &CallerKeys, issued_at: SystemTime) -> bool {
        self.generation() > 0 && self.entries.refuse(caller, seconds(issued_at), || self.clock.now())
    }

    /// Logs a warning, once, if a token is accepted for longer than a denial is kept.
    pub(super) fn check_life(&self, life: Duration) {
        if life > self.retention && !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                target: TARGET, life_s = life.as_secs(), retention_s = self.retention.as_secs(),
                "tokens live longer than denials, so that denied tokens are accepted again: raise the retention of the deny list"
            );
        }
    }

    pub(super) fn health(&self) -> DenyListHealth {
        DenyListHealth {
            entries: self.entries.len(),
            capacity: self.limits.capacity,
            refused_groups: self.refused_groups.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            last_error: self.failures.last(),
            receive_error: self.receive_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Inserts records of another instance, and saves them.
    pub(super) async fn receive(&self, records: Vec<DenialRecord>) -> Result<(), DenyListError> {
        let now = self.clock.now();
        for record in records {
            self.insert(record, now);
        }
        self.save().await
    }

    /// Returns a receiver that is notified of each new generation, and fails when the last clone of
    /// the list is dropped.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Inserts a record, and notifies open streams if the list refuses more tokens. `now` is the
    /// time of the list's clock.
    pub(super) fn insert(&self, record: DenialRecord, now: u32) {
        let inserted = self.entries.insert(record, &self.limits, now);
        if !inserted.has_changed {
            return;
        }
        if let Some(file) = &self.file {
            file.add(record);
            inserted.refused.iter().for_each(|refused| file.add(*refused));
        }
        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        self.changes.send_modify(|latest| *latest = generation.max(*latest));
        gauge!(DENY_LIST_ENTRIES).set(self.entries.len() as f64);
        self.report_full(&inserted, now);
    }

    /// Counts and logs what a full list has done.
    fn report_full(&self, inserted: &Inserted, now: u32) {
        if inserted.refused.is_empty() && inserted.dropped == 0 {
            return;
        }
        self.refused_groups.fetch_add(inserted.refused.len() as u64, Ordering::Relaxed);
        self.dropped.fetch_add(inserted.dropped as u64, Ordering::Relaxed);
        for refused in &inserted.refused {
            let action = if refused.group.is_issuer() { "refused_issuer" } else { "refused_tenant" };
            counter!(DENY_LIST_FULL, "action" => action).increment(1);
        }
        counter!(DENY_LIST_FULL, "action" => "dropped").increment(inserted.dropped as u64);
        let minute = u64::from(now / 60);
        if self.logged_full.swap(minute, Ordering::Relaxed) == minute {
            return;
        }
        let capacity = self.limits.capacity;
        match self.limits.when_full {
            FullPolicy::RefuseTenant => tracing::error!(
                target: TARGET, capacity,
                "deny list is full, all older tokens of a tenant or an issuer are refused: raise the capacity"
            ),
            FullPolicy::DropOldest => tracing::error!(
                target: TARGET, capacity,
                "deny list is full, denied tokens are accepted again: raise the capacity"
            ),
        }
    }

    /// Saves the records that are not in the file yet. Logs a new error, and keeps it for `health`.
    pub(super) async fn save(&self) -> Result<(), DenyListError> {
        let Some(file) = &self.file else { return Ok(()) };
        let saved = file.save(self.entries.len(), || self.entries.records()).await;
        let error = saved.as_ref().err().map(ToString::to_string);
        if self.failures.set_saved(error, || file.is_saved()) {
            log(&saved);
        }
        saved
    }

    /// Keeps the error of a denial that was not shared for `health`, and logs it if it is new.
    pub(super) fn set_shared(&self, shared: Result<(), DenyListStoreError>) -> Result<(), DenyListError> {
        let shared = shared.map_err(DenyListError::Store);
        if let Err(error) = &shared
            && self.failures.set_unshared(error.to_string())
        {
            log(&shared);
        }
        shared
    }

    /// Keeps for `health` that a denial is not saved or not shared yet.
    fn set_canceled(&self) {
        if let Some(file) = &self.file {
            self.failures.set_saved(Some(CANCELED.to_owned()), || file.is_saved());
        }
        if self.store.is_some() {
            self.failures.set_unshared(CANCELED.to_owned());
        }
    }

    /// Returns the entries that refuse more tokens than `records`, the content of the store.
    pub(super) fn missing_in(&self, records: &[DenialRecord]) -> Vec<DenialRecord> {
        self.entries.missing_in(records, self.clock.now())
    }

    /// Remembers why denials of other instances are not received, or that they are.
    pub(super) fn set_receive_error(&self, error: Option<String>) {
        *self.receive_error.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }
}

/// Logs the error of a denial that was not saved or not shared.
fn log(result: &Result<(), DenyListError>) {
    if let Err(error) = result {
        tracing::error!(target: TARGET, %error, "denial is in effect, but not saved or not shared");
    }
}

/// A record that the other instances possibly lack. Unless it was shared, dropping it notifies the
/// task that receives denials, which saves the list and publishes the record.
#[derive(Debug)]
pub(super) struct UnsharedRecord {
    list: Arc<SharedList>,
    record: DenialRecord,
    is_shared: bool,
    /// Whether the future that saves and shares the record has completed.
    is_completed: bool,
}

impl UnsharedRecord {
    pub(super) fn new(list: Arc<SharedList>, record: DenialRecord) -> Self {
        Self { list, record, is_shared: false, is_completed: false }
    }

    /// Saves the list, and shares the record with the other instances.
    pub(super) async fn save_and_publish(mut self) -> Result<(), DenyListError> {
        let saved = self.list.save().await;
        let shared = match &self.list.store {
            Some(store) => publish(&**store, self.record).await,
            None => Ok(()),
        };
        let shared = self.list.set_shared(shared);
        (self.is_shared, self.is_completed) = (shared.is_ok(), true);
        saved.and(shared)
    }
}

impl Drop for UnsharedRecord {
    fn drop(&mut self) {
        if !self.is_completed {
            self.list.set_canceled();
        }
        if !self.is_shared {
            self.list.unshared.notify_one();
        }
    }
}
