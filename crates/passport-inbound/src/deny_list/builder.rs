//! The builder of a deny list.

use std::{path::PathBuf, sync::Arc, time::Duration};

use passport_core::{Clock, ConfigProblem, SharedClock};

use super::{
    error::DenyListError,
    list::DenyList,
    store::{DenyListStore, DynDenyListStore},
};

/// The default life of a denial: the longest life of a token of Passport (1 h), and the default
/// clock skew (60 s).
const DEFAULT_RETENTION: Duration = Duration::from_secs(3660);

const DEFAULT_CAPACITY: usize = 100_000;
const CAPACITIES: std::ops::RangeInclusive<usize> = 100..=10_000_000;
const RETENTIONS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(30 * 24 * 60 * 60);

/// What a full [`DenyList`] does with the next denial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FullPolicy {
    /// Replaces all entries of the tenant with the most entries by one entry, which refuses all
    /// tokens of this tenant that were issued until now. Its callers have to fetch new tokens.
    /// Entries without a known tenant count as one tenant of their issuer: if they are the most,
    /// all callers of the issuer have to fetch new tokens. No denial is lost.
    #[default]
    RefuseTenant,
    /// Drops the oldest entry. **The tokens that it refused are accepted again.** Each drop is
    /// counted, and an error is logged.
    DropOldest,
}

/// A builder of a [`DenyList`]. [`open`](Self::open) creates the list.
#[derive(Clone, Debug)]
#[must_use]
pub struct DenyListBuilder {
    pub(super) capacity: usize,
    pub(super) when_full: FullPolicy,
    pub(super) retention: Duration,
    pub(super) file: Option<PathBuf>,
    pub(super) store: Option<Arc<dyn DynDenyListStore>>,
    pub(super) clock: SharedClock,
}

impl Default for DenyListBuilder {
    fn default() -> Self {
        Self {
            capacity: DEFAULT_CAPACITY,
            when_full: FullPolicy::default(),
            retention: DEFAULT_RETENTION,
            file: None,
            store: None,
            clock: SharedClock::default(),
        }
    }
}

impl DenyListBuilder {
    /// Sets the maximum number of entries. Defaults to 100,000, which takes about 10 MB; must be
    /// 100 to 10,000,000. An entry takes 60 to 120 bytes.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.capacity = entries;
        self
    }

    /// Sets what happens if the list is full. Defaults to [`FullPolicy::RefuseTenant`].
    pub fn when_full(mut self, policy: FullPolicy) -> Self {
        self.when_full = policy;
        self
    }

    /// Sets how long a denial is kept: the longest life of a token, and the clock skew of the
    /// verifier. Defaults to 61 min, because tokens of Passport live for 1 h; must be 1 min to 30
    /// days. If an issuer's tokens live longer, a denied token is accepted again afterwards.
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Sets a file that saves the list, so that a restart forgets no denial. Defaults to no file.
    ///
    /// The file has one line of JSON for each entry, with hashes instead of ids. Each instance needs
    /// a file of its own. **Security:** a program that can write the file can make the service
    /// accept denied tokens. Give only the service write access to the file and to its folder.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Sets a store that shares the denials with other instances of the service. Defaults to none.
    pub fn store(mut self, store: impl DenyListStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Sets the clock. Defaults to the clock of the operating system. Use the clock of the verifier.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// Creates the list, with the denials of the file and of the store. With a store, starts a task
    /// that receives the denials of other instances, until the last clone of the list is dropped.
    ///
    /// # Errors
    /// [`DenyListError`] if an option is out of range, or if the file or the store cannot be read.
    /// The service must not start with an incomplete list, because it would accept denied tokens.
    ///
    /// # Panics
    /// With a file or a store: when it is called outside of a tokio runtime with time enabled.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping the future starts nothing.
    pub async fn open(self) -> Result<DenyList, DenyListError> {
        self.check().map_err(DenyListError::Config)?;
        let list = DenyList::with(&self);
        list.load().await?;
        Ok(list)
    }

    fn check(&self) -> Result<(), ConfigProblem> {
        if !CAPACITIES.contains(&self.capacity) {
            let problem = format_args!("must be between 100 and 10,000,000, is {}", self.capacity);
            return Err(ConfigProblem::new("capacity", problem));
        }
        if !RETENTIONS.contains(&self.retention) {
            let problem = format_args!("must be between 1 min and 30 days, is {:?}", self.retention);
            return Err(ConfigProblem::new("retention", problem));
        }
        Ok(())
    }
}
