//! Caches the encryption keys, and reloads them in the background.

use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use passport_core::{Clock, SharedTask, TaskLimits, Waiter};
use passport_outbound::StoreError;
use tokio::{runtime::Handle, time::timeout};

use crate::{
    EncryptionKeys,
    metrics::TARGET,
    sealing_key::Keyring,
    task_outcome::{interrupted, outcome_of},
};

/// The age from which the next use of the store reloads the keys.
const RELOAD_INTERVAL: Duration = Duration::from_secs(300);

/// The age from which a value that was encrypted with an unknown key causes a reload of the
/// keys. Many such values cause at most one reload per minute.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(60);

/// The time limit for reading all keys from their sources, such as a vault.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// The time limits of the task that reads the keys. These limits apply only if [`READ_TIMEOUT`]
/// has no effect, for example because the client of a vault blocks the thread that polls it.
const LIMITS: TaskLimits = TaskLimits { deadline: Duration::from_secs(60), grace: Duration::from_secs(60) };

/// The message of the error if reading the keys exceeded its time limit.
const TIMED_OUT: &str =
    "the encryption keys were not read in time; check the vault or the files that their references name";

/// The cached encryption keys, and the task that reads the keys from their sources.
#[derive(Debug)]
pub(crate) struct KeyringCache {
    keys: EncryptionKeys,
    clock: Arc<dyn Clock>,
    last_read: Mutex<Option<LastRead>>,
    reads: SharedTask<Result<Arc<Keyring>, StoreError>>,
}

/// The cause of the error if reading the keys exceeded its time limit. Contains the references
/// of the keys.
#[derive(Debug, thiserror::Error)]
#[error("timeout while reading {references}")]
struct ReadTimedOut<E> {
    references: String,
    source: E,
}

/// The keys of the last successful read, and the time of the last read.
#[derive(Clone, Debug)]
struct LastRead {
    keyring: Arc<Keyring>,
    /// When the last read, successful or not, began, by the monotonic clock.
    at: Duration,
}

impl KeyringCache {
    /// Creates an empty cache for `keys`.
    pub(crate) fn new(keys: EncryptionKeys, clock: Arc<dyn Clock>) -> Self {
        Self { keys, clock, last_read: Mutex::default(), reads: SharedTask::new() }
    }

    /// Returns the cached keys. If no keys are cached, reads the keys from their sources. If the
    /// cached keys are older than [`RELOAD_INTERVAL`], also starts a reload in the background.
    pub(crate) async fn get(self: &Arc<Self>) -> Result<Arc<Keyring>, StoreError> {
        let last = self.last_read().clone();
        match last {
            Some(last) => {
                self.reload_if_older(&last, RELOAD_INTERVAL);
                Ok(last.keyring)
            }
            None => self.join_or_start_read().outcome().await.unwrap_or_else(interrupted),
        }
    }

    /// Starts a reload in the background because a value in Redis was encrypted with an unknown
    /// key. Has no effect while the keys are younger than [`UNKNOWN_KEY_INTERVAL`].
    pub(crate) fn reload_for_unknown_key(self: &Arc<Self>) {
        let last = self.last_read().clone();
        if let Some(last) = last {
            self.reload_if_older(&last, UNKNOWN_KEY_INTERVAL);
        }
    }

    /// Reloads the keys because a value in Redis was encrypted with an unknown key, and waits for
    /// them. Returns `None` while the keys are younger than [`UNKNOWN_KEY_INTERVAL`], or if they
    /// cannot be read.
    #[cfg(feature = "deny-list")]
    pub(crate) async fn reloaded_for_unknown_key(self: &Arc<Self>) -> Option<Arc<Keyring>> {
        let last = self.last_read().clone()?;
        if !self.is_older(&last, UNKNOWN_KEY_INTERVAL) {
            return None;
        }
        self.join_or_start_read().outcome().await.ok()?.ok()
    }

    /// Starts a reload in the background if the last read of the keys began at least `age` ago.
    fn reload_if_older(self: &Arc<Self>, last: &LastRead, age: Duration) {
        if self.is_older(last, age) {
            drop(self.join_or_start_read());
        }
    }

    /// Returns whether the last read of the keys began at least `age` ago.
    fn is_older(&self, last: &LastRead, age: Duration) -> bool {
        self.clock.monotonic().saturating_sub(last.at) >= age
    }

    /// Returns a waiter for the running read of the keys. If no read is running, starts one.
    fn join_or_start_read(self: &Arc<Self>) -> Waiter<Result<Arc<Keyring>, StoreError>> {
        let read = || Arc::clone(self).read();
        let references = self.keys.references();
        let timed_out = |source| timed_out(references, source);
        self.reads.join_or_spawn(&Handle::current(), LIMITS, read, |read| outcome_of(read, timed_out))
    }

    /// Reads the keys from their sources, and caches the keys.
    ///
    /// If the read fails and keys are cached, logs a warning and returns the cached keys. The next
    /// reload is then due after the same interval as after a success. If no keys are cached,
    /// returns the error.
    async fn read(self: Arc<Self>) -> Result<Arc<Keyring>, StoreError> {
        let at = self.clock.monotonic();
        let read = timeout(READ_TIMEOUT, self.keys.read())
            .await
            .unwrap_or_else(|source| Err(timed_out(self.keys.references(), source)));
        let mut last_read = self.last_read();
        let cached = last_read.take().map(|last| last.keyring);
        let keyring = match (read, cached) {
            (Ok(keyring), cached) => Arc::new(keyring.with_previous(cached.as_deref())),
            (Err(error), None) => return Err(error),
            (Err(error), Some(cached)) => {
                let cause = error.source().map(ToString::to_string).unwrap_or_default();
                tracing::warn!(target: TARGET, cause, "encryption keys not reloaded, using the cached keys: {error}");
                cached
            }
        };
        *last_read = Some(LastRead { keyring: Arc::clone(&keyring), at });
        Ok(keyring)
    }

    /// Locks and returns the last read. It is `None` before the first successful read.
    fn last_read(&self) -> MutexGuard<'_, Option<LastRead>> {
        self.last_read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates the error of a read of the keys that exceeded its time limit.
fn timed_out(references: String, source: impl Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(TIMED_OUT).with_source(ReadTimedOut { references, source })
}

#[cfg(test)]
mod tests;
