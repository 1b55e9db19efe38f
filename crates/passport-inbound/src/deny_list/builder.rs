//! The builder of a deny list.

use std::{path::PathBuf, sync::Arc, time::Duration};

use passport_core::{Clock, ConfigProblem, SharedClock};

use super::{
    error::DenyListError,
    list::DenyList,
    options::{DenyListOptions, FullPolicy},
    store::DenyListStore,
};

/// A builder of a [`DenyList`]. [`open`](Self::open) creates the list.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct DenyListBuilder(pub(super) DenyListOptions);

impl DenyListBuilder {
    /// Sets the maximum number of entries. Defaults to 100,000, which takes at most 13 MB; must be
    /// 100 to 10,000,000. An entry takes 60 to 125 bytes (about 90 bytes in a list of 1,000,000
    /// entries), and each tenant with entries about 100 bytes.
    pub fn capacity(mut self, entries: usize) -> Self {
        self.0.capacity = entries;
        self
    }

    /// Sets what happens if the list is full. Defaults to [`FullPolicy::RefuseTenant`].
    pub fn when_full(mut self, policy: FullPolicy) -> Self {
        self.0.when_full = policy;
        self
    }

    /// Sets how long a denial is kept: the longest life of a token, and the clock skew of the
    /// verifier. Defaults to 61 min, because tokens of Passport live for 1 h; must be 1 min to 30
    /// days. If an issuer's tokens live longer, a denied token is accepted again afterwards.
    pub fn retention(mut self, retention: Duration) -> Self {
        self.0.retention = retention;
        self
    }

    /// Sets a file that saves the list, so that a restart forgets no denial. Defaults to no file.
    ///
    /// The file has one line of JSON for each entry, with hashes instead of ids. Each instance
    /// needs another file. **Security:** a program that can write the file can make the service
    /// accept denied tokens. Give only the service write access to the file and to its folder. On
    /// Unix, the service also needs read access to the folder, to sync it to the disk.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.file = Some(path.into());
        self
    }

    /// Sets a store that shares the denials with other instances of the service. Defaults to none.
    pub fn store(mut self, store: impl DenyListStore) -> Self {
        self.0.store = Some(Arc::new(store));
        self
    }

    /// Sets the clock. Defaults to the clock of the operating system. Use the clock of the
    /// verifier. No denial expires earlier because the wall clock is set forward: denials also age
    /// by [`Clock::monotonic`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.0.clock = SharedClock::new(clock);
        self
    }

    /// Returns a problem for each option that is out of range. [`open`](Self::open) reports the
    /// first one.
    #[must_use]
    pub fn problems(&self) -> Vec<ConfigProblem> {
        self.0.problems()
    }

    /// Creates the list, with the denials of the file and of the store. With a store, starts a task
    /// that receives the denials of other instances, until the last clone of the list is dropped.
    /// If the runtime of the task ends before, the list receives no more denials, which is logged
    /// and reported by [`DenyList::health`].
    ///
    /// # Errors
    /// [`DenyListError`] if an option is out of range, or if the file or the store cannot be read.
    /// The service must not start with an incomplete list, because it would accept denied tokens.
    ///
    /// # Panics
    /// With a file or a store: when it is called outside a tokio runtime with time enabled.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping the future starts nothing.
    pub async fn open(self) -> Result<DenyList, DenyListError> {
        if let Some(problem) = self.problems().into_iter().next() {
            return Err(DenyListError::Config(problem));
        }
        let list = DenyList::with(self.0);
        list.load().await?;
        Ok(list)
    }
}
