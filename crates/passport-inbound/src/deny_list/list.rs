//! The handle of a deny list.

use std::{
    fmt,
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::sync::watch;

use super::{
    builder::DenyListBuilder,
    denial::Denial,
    error::DenyListError,
    health::DenyListHealth,
    key::CallerKeys,
    options::DenyListOptions,
    record::DenialRecord,
    shared::{SharedList, UnsharedRecord},
    sharing, store,
};

/// The error of denials that are published after the start.
const UNSHARED_AT_START: &str = "denials of the file are not shared yet";

/// A bounded list of denied callers. Their tokens are refused before they expire.
///
/// Pass the list to [`TokenVerifierBuilder::deny_list`](crate::TokenVerifierBuilder::deny_list). A
/// denied token is rejected as [`Revoked`](crate::RejectionReason::Revoked) on the next request,
/// and open streams of its caller end immediately
/// ([`TokenDeadlineLayer`](crate::TokenDeadlineLayer)).
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
/// list.deny(&Denial::new("https://passport.bizfirst.ai", user, now).tenant("contoso")).await?;
/// # let _ = verifier; Ok(()) }
/// ```
#[derive(Clone)]
pub struct DenyList(Arc<SharedList>);

impl DenyList {
    /// Creates an empty list in memory, with the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::with(DenyListOptions::default())
    }

    /// Creates a builder with the default options.
    pub fn builder() -> DenyListBuilder {
        DenyListBuilder::default()
    }

    pub(super) fn with(options: DenyListOptions) -> Self {
        Self(Arc::new(SharedList::new(options)))
    }

    /// Refuses tokens. The denial takes effect in this call, before the returned future is polled.
    /// The future completes when the denial is in the file and in the store, if the list has them.
    ///
    /// # Errors
    /// [`DenyListError`] if the denial cannot be saved or shared. It is in effect nevertheless, and
    /// the next call saves it.
    ///
    /// # Panics
    /// With a file or a store: when the future is polled outside a tokio runtime with time
    /// enabled.
    ///
    /// # Cancel safety
    /// If the future is dropped, the denial stays in effect. A list with a store saves and shares
    /// it in the background. Without a store, the next call saves it.
    #[must_use = "the future saves the denial"]
    pub fn deny(&self, denial: &Denial) -> impl Future<Output = Result<(), DenyListError>> + Send + use<> {
        let record = DenialRecord::new(denial, self.0.retention, self.0.clock.wall());
        self.0.insert(record, self.0.clock.now());
        // Created before the future is polled, because the future can be dropped at any time.
        UnsharedRecord::new(Arc::clone(&self.0), record).save_and_publish()
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
        self.0.health()
    }

    /// Returns how long a denial is kept.
    pub(crate) fn retention(&self) -> Duration {
        self.0.retention
    }

    /// Logs a warning, once, if a token is accepted for `life`, longer than a denial is kept.
    pub(crate) fn check_life(&self, life: Duration) {
        self.0.check_life(life);
    }

    /// Returns the number of changes that made the list refuse more tokens. As long as it stays the
    /// same, the list refuses no other tokens. It is 0 for a list that has never had an entry.
    #[inline]
    pub(crate) fn generation(&self) -> u64 {
        self.0.generation()
    }

    /// Returns whether the list refuses a caller's token that was issued at `issued_at`.
    pub(crate) fn refuses(&self, caller: &CallerKeys, issued_at: SystemTime) -> bool {
        self.0.refuses(caller, issued_at)
    }

    /// Returns a receiver that is notified of each new generation.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
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
        let records = store::load(&**store).await.map_err(DenyListError::Store)?;
        if !self.0.missing_in(&records).is_empty() {
            // The file has denials that could not be published before the restart.
            self.0.failures.set_unshared(UNSHARED_AT_START.to_owned());
            self.0.unshared.notify_one();
        }
        // The error is kept for `health`, and the next insertion saves the records.
        drop(self.0.receive(records).await);
        sharing::follow(&self.0, Arc::clone(store));
        Ok(())
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
