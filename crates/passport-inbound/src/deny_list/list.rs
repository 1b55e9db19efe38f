//! The handle of a deny list.

use std::{
    fmt,
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use metrics::{counter, gauge};
use passport_core::{Clock, SharedClock};
use tokio::{sync::watch, time::timeout};

use super::{
    builder::{DenyListBuilder, FullPolicy},
    denial::Denial,
    entries::{Entries, Inserted, Limits},
    error::{DenyListError, DenyListStoreError},
    file::DenyListFile,
    health::DenyListHealth,
    key::CallerKeys,
    record::{DenialRecord, seconds},
    sharing,
    store::DynDenyListStore,
};
use crate::metrics::{DENY_LIST_ENTRIES, DENY_LIST_FULL, TARGET};

/// The time limit of a call of the store.
pub(super) const STORE_TIMEOUT: Duration = Duration::from_secs(2);

/// A bounded list of callers whose tokens are refused before they expire.
///
/// Pass the list to [`TokenVerifierBuilder::deny_list`](crate::TokenVerifierBuilder::deny_list). A
/// denied token is rejected as [`Revoked`](crate::RejectionReason::Revoked) on the next request,
/// and open streams of its caller end at once ([`TokenDeadlineLayer`](crate::TokenDeadlineLayer)).
///
/// A [`SecurityEventReceiver`](crate::SecurityEventReceiver) fills the list with pushed events. An
/// application can also call [`deny`](Self::deny) itself.
///
/// Cloning a list is cheap. All clones share the entries. A request with a known token costs one
/// atomic read as long as the list does not change. Each change looks up each known token once
/// more, in constant time, without an allocation.
///
/// ```
/// use std::time::SystemTime;
///
/// use passport_inbound::{DeniedSubject, Denial, DenyList, TokenVerifier};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let list = DenyList::builder().file("/var/lib/orders/denied").open().await?;
/// let verifier = TokenVerifier::builder("bizfirstgo-api").deny_list(list.clone()).build()?;
///
/// let user = DeniedSubject::Subject("6f9619ff-8b86-d011-b42d-00c04fc964ff".to_owned());
/// let now = SystemTime::now();
/// list.deny(Denial::new("https://passport.bizfirst.ai", user, now).tenant("contoso")).await?;
/// # let _ = verifier; Ok(()) }
/// ```
#[derive(Clone)]
pub struct DenyList(Arc<SharedList>);

/// What the clones of a list share.
pub(super) struct SharedList {
    entries: Entries,
    limits: Limits,
    retention: Duration,
    clock: SharedClock,
    /// The number of changes that made the list refuse more tokens. 0 if there was none, so that
    /// the list has never had an entry.
    generation: AtomicU64,
    /// Notifies open streams of each new generation.
    changes: watch::Sender<u64>,
    file: Option<DenyListFile>,
    store: Option<Arc<dyn DynDenyListStore>>,
    refused_groups: AtomicU64,
    dropped: AtomicU64,
    /// The minute since 1970 in which a full list was last logged.
    logged_full: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl DenyList {
    /// Creates an empty list in memory, with the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::with(&DenyListBuilder::default())
    }

    /// Creates a builder with the default options.
    pub fn builder() -> DenyListBuilder {
        DenyListBuilder::default()
    }

    pub(super) fn with(builder: &DenyListBuilder) -> Self {
        let retention = u32::try_from(builder.retention.as_secs()).unwrap_or(u32::MAX);
        Self(Arc::new(SharedList {
            entries: Entries::new(),
            limits: Limits { capacity: builder.capacity, when_full: builder.when_full, retention },
            retention: builder.retention,
            clock: builder.clock.clone(),
            generation: AtomicU64::new(0),
            changes: watch::Sender::new(0),
            file: builder.file.clone().map(DenyListFile::new),
            store: builder.store.clone(),
            refused_groups: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            logged_full: AtomicU64::new(0),
            last_error: Mutex::new(None),
        }))
    }

    /// Refuses tokens. The denial takes effect in this call, before the returned future is polled.
    /// The future completes when the denial is in the file and in the store, if the list has them.
    ///
    /// # Errors
    /// [`DenyListError`] if the denial cannot be saved or shared. It is in effect nevertheless, and
    /// the next call saves it.
    ///
    /// # Panics
    /// With a file or a store: when the future is polled outside of a tokio runtime with time
    /// enabled.
    ///
    /// # Cancel safety
    /// If the future is dropped, the denial stays in effect, and is possibly not saved.
    #[must_use = "the future saves the denial"]
    pub fn deny(&self, denial: Denial) -> impl Future<Output = Result<(), DenyListError>> + Send + use<> {
        let now = self.0.clock.now();
        let record = DenialRecord::new(&denial, self.0.retention, now);
        self.0.insert(record, now);
        let list = Arc::clone(&self.0);
        async move {
            let saved = list.save().await;
            let shared = list.publish(record).await;
            list.conclude(saved.and(shared))
        }
    }

    /// Returns the number of entries. Expired entries can be among them: they are removed when
    /// others are inserted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Returns whether the list has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the state of the list, for probes and dashboards.
    #[must_use]
    pub fn health(&self) -> DenyListHealth {
        DenyListHealth {
            entries: self.len(),
            capacity: self.0.limits.capacity,
            refused_groups: self.0.refused_groups.load(Ordering::Relaxed),
            dropped: self.0.dropped.load(Ordering::Relaxed),
            last_error: self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Returns how long a denial is kept.
    pub(crate) fn retention(&self) -> Duration {
        self.0.retention
    }

    /// Returns the number of changes that made the list refuse more tokens. As long as it stays the
    /// same, the list refuses no other tokens. It is 0 for a list that has never had an entry.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Returns whether the list refuses a caller's token that was issued at `issued_at`.
    pub(crate) fn refuses(&self, caller: &CallerKeys, issued_at: SystemTime) -> bool {
        let now = || seconds(self.0.clock.now());
        self.generation() > 0 && self.0.entries.refuse(caller, seconds(issued_at), now)
    }

    /// Returns a receiver that is notified of each new generation.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// Loads the file and the records of the store, and begins to receive others.
    pub(super) async fn load(&self) -> Result<(), DenyListError> {
        if let Some(file) = &self.0.file {
            for record in file.load(self.0.limits.capacity).await? {
                self.0.insert(record, self.0.clock.now());
            }
            file.mark_saved();
        }
        let Some(store) = &self.0.store else { return Ok(()) };
        let records = sharing::load(&**store).await.map_err(DenyListError::Store)?;
        self.0.receive(records).await;
        sharing::follow(&self.0, Arc::clone(store));
        Ok(())
    }
}

impl SharedList {
    /// Inserts records of another instance, and saves them.
    pub(super) async fn receive(&self, records: Vec<DenialRecord>) {
        let now = self.clock.now();
        for record in records {
            self.insert(record, now);
        }
        let saved = self.save().await;
        // The error is kept for `health`, and the next insertion saves the records.
        drop(self.conclude(saved));
    }

    /// Returns a receiver that fails when the last clone of the list is dropped.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Inserts a record, and notifies open streams if the list refuses more tokens.
    fn insert(&self, record: DenialRecord, now: SystemTime) {
        let inserted = self.entries.insert(record, &self.limits, seconds(now));
        if !inserted.has_changed {
            return;
        }
        if let Some(file) = &self.file {
            file.add(record);
            inserted.refused.iter().for_each(|refused| file.add(*refused));
        }
        let generation = self.generation.fetch_add(1, Ordering::AcqRel) + 1;
        self.changes.send_modify(|latest| *latest = generation.max(*latest));
        #[expect(clippy::cast_precision_loss, reason = "the capacity is far below 2^52")]
        gauge!(DENY_LIST_ENTRIES).set(self.entries.len() as f64);
        self.report_full(&inserted, now);
    }

    /// Counts and logs what a full list has done.
    fn report_full(&self, inserted: &Inserted, now: SystemTime) {
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
        let minute = u64::from(seconds(now) / 60);
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

    /// Saves the records that are not in the file yet.
    async fn save(&self) -> Result<(), DenyListError> {
        match &self.file {
            Some(file) => file.save(self.entries.len(), || self.entries.records()).await,
            None => Ok(()),
        }
    }

    /// Shares a record with the other instances.
    async fn publish(&self, record: DenialRecord) -> Result<(), DenyListError> {
        let Some(store) = &self.store else { return Ok(()) };
        let published = timeout(STORE_TIMEOUT, store.publish_dyn(record)).await;
        let published = published.unwrap_or_else(|_| Err(DenyListStoreError::timed_out()));
        published.map_err(DenyListError::Store)
    }

    /// Remembers the last error, and logs a new one.
    fn conclude(&self, result: Result<(), DenyListError>) -> Result<(), DenyListError> {
        let error = result.as_ref().err().map(ToString::to_string);
        let mut last = self.last_error.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = error.as_ref().filter(|error| Some(*error) != last.as_ref()) {
            tracing::error!(target: TARGET, error, "denial is in effect, but not saved or not shared");
        }
        *last = error;
        result
    }
}

impl Default for DenyList {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for DenyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DenyList").field("entries", &self.len()).finish_non_exhaustive()
    }
}
