//! Keeps the encryption keys in memory, and reads them again as they get old.

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
    sealing_key::Ring,
    task_outcome::{interrupted, outcome_of},
};

/// The age at which the keys are read again.
const RELOAD_INTERVAL: Duration = Duration::from_secs(300);

/// The age from which they are read again because a value has an unknown key.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(60);

/// How long a vault may take.
const MAX_READING: Duration = Duration::from_secs(30);

/// The read ends by itself; the deadline is for one that does not.
const LIMITS: TaskLimits = TaskLimits { deadline: Duration::from_secs(60), grace: Duration::from_secs(60) };

const LATE: &str = "the encryption keys could not be read in time";

/// The keys that were read last, and their reload.
#[derive(Debug)]
pub(crate) struct Keyring {
    keys: EncryptionKeys,
    clock: Arc<dyn Clock>,
    last_read: Mutex<Option<LastRead>>,
    reading: SharedTask<Result<Arc<Ring>, StoreError>>,
}

#[derive(Clone, Debug)]
struct LastRead {
    ring: Arc<Ring>,
    /// By the clock's monotonic.
    at: Duration,
}

impl Keyring {
    pub(crate) fn new(keys: EncryptionKeys, clock: Arc<dyn Clock>) -> Self {
        Self { keys, clock, last_read: Mutex::default(), reading: SharedTask::new() }
    }

    /// Returns the keys, which are read if they have not been yet. Old keys are read again in the
    /// background.
    pub(crate) async fn ring(self: &Arc<Self>) -> Result<Arc<Ring>, StoreError> {
        let last = self.last_read().clone();
        match last {
            Some(last) => {
                self.reload_if_older(&last, RELOAD_INTERVAL);
                Ok(last.ring)
            }
            None => self.reading().outcome().await.unwrap_or_else(interrupted),
        }
    }

    /// Reads the keys again, as a value has an unknown one, unless they were read just before.
    pub(crate) fn reload_for_unknown_key(self: &Arc<Self>) {
        let last = self.last_read().clone();
        if let Some(last) = last {
            self.reload_if_older(&last, UNKNOWN_KEY_INTERVAL);
        }
    }

    fn reload_if_older(self: &Arc<Self>, last: &LastRead, age: Duration) {
        if self.clock.monotonic().saturating_sub(last.at) >= age {
            drop(self.reading());
        }
    }

    /// Joins the read that is running, or starts one.
    fn reading(self: &Arc<Self>) -> Waiter<Result<Arc<Ring>, StoreError>> {
        let read = || Arc::clone(self).read();
        self.reading.join_or_spawn(&Handle::current(), LIMITS, read, |read| outcome_of(read, LATE))
    }

    /// Reads the keys. If that fails, the known ones are kept, for as long as if they had been
    /// read.
    async fn read(self: Arc<Self>) -> Result<Arc<Ring>, StoreError> {
        let at = self.clock.monotonic();
        let read = timeout(MAX_READING, self.keys.read())
            .await
            .unwrap_or_else(|late| Err(StoreError::new(LATE).with_source(late)));
        let mut last_read = self.last_read();
        let before = last_read.take().map(|last| last.ring);
        let ring = match (read, before) {
            (Ok(ring), before) => Arc::new(ring.with_previous(before.as_deref())),
            (Err(error), None) => return Err(error),
            (Err(error), Some(before)) => {
                let cause = error.source().map(ToString::to_string).unwrap_or_default();
                tracing::warn!(target: TARGET, cause, "the encryption keys could not be read again: {error}");
                before
            }
        };
        *last_read = Some(LastRead { ring: Arc::clone(&ring), at });
        Ok(ring)
    }

    fn last_read(&self) -> MutexGuard<'_, Option<LastRead>> {
        self.last_read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
