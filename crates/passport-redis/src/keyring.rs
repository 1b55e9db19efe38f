//! The encryption keys, and when they are read again.

use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use passport_core::{Clock, SecretRef, SharedTask, TaskLimits, Waiter};
use passport_outbound::{SecretSource, StoreError};
use tokio::{runtime::Handle, time::timeout};
use zeroize::Zeroizing;

use crate::{
    envelope::{Ring, SealingKey},
    error::{completed, interrupted},
    metrics::TARGET,
};

/// The age at which the keys are read again.
const RELOAD_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The age from which they are read again because a value has an unknown key.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(60);

/// How long a vault may take.
const MAX_READING: Duration = Duration::from_secs(30);

/// The read ends by itself; the deadline is for one that does not.
const LIMITS: TaskLimits = TaskLimits { deadline: Duration::from_secs(60), grace: Duration::from_secs(60) };

const LATE: &str = "the encryption keys could not be read in time";

/// Keys that encrypt tokens before they go to Redis: AES-256-GCM-SIV
/// ([RFC 8452](https://www.rfc-editor.org/rfc/rfc8452)), with a key that all instances of the fleet
/// have and Redis has not. A key is 32 random bytes in base64: `openssl rand -base64 32`.
///
/// Keys are read when the first token is shared. They are read again in the background when a token
/// is shared and they are older than 5 minutes, or than one minute if a value has an unknown key. So
/// a key may be replaced in its source: values of the previous key are opened until the process
/// ends, or until the next replacement. To have no value rejected, rotate in two steps: first give
/// every instance the new key as one it [also accepts](Self::also_accepting), then swap the two.
#[derive(Clone, Debug)]
#[must_use]
pub struct EncryptionKeys {
    /// `None` for no encryption.
    sources: Option<Vec<SecretSource>>,
}

impl EncryptionKeys {
    /// Creates keys that seal with the key at `current`.
    pub fn new(current: SecretSource) -> Self {
        Self { sources: Some(vec![current]) }
    }

    /// Also opens values that were sealed with the key at `other`: the next one, or the previous one.
    /// Has no effect without encryption.
    pub fn also_accepting(mut self, other: SecretSource) -> Self {
        if let Some(sources) = &mut self.sources {
            sources.push(other);
        }
        self
    }

    /// Stores tokens in clear text: a reader of the Redis can act as every service that shares tokens
    /// there. For a Redis that only the fleet can reach, if it can have no keys.
    pub fn danger_unencrypted() -> Self {
        Self { sources: None }
    }
}

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
    /// By the clock's uptime.
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
        if self.clock.uptime().saturating_sub(last.at) >= age {
            drop(self.reading());
        }
    }

    /// Joins the read that is running, or starts one.
    fn reading(self: &Arc<Self>) -> Waiter<Result<Arc<Ring>, StoreError>> {
        let read = || Arc::clone(self).read();
        self.reading.join_or_spawn(&Handle::current(), LIMITS, read, |read| completed(read, LATE))
    }

    /// Reads the keys. If that fails, the known ones are kept, for as long as if they had been read.
    async fn read(self: Arc<Self>) -> Result<Arc<Ring>, StoreError> {
        let at = self.clock.uptime();
        let read = timeout(MAX_READING, self.keys.read())
            .await
            .unwrap_or_else(|late| Err(StoreError::new(LATE).caused_by(late)));
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

impl EncryptionKeys {
    async fn read(&self) -> Result<Ring, StoreError> {
        let Some(sources) = &self.sources else { return Ok(Ring::Plain) };
        let mut keys = Vec::new();
        for source in sources {
            let secret = source.resolve().await.map_err(|error| {
                StoreError::new("an encryption key could not be read; see where it lies").caused_by(error)
            })?;
            let key = decoded(secret.secret().expose()).and_then(|bytes| SealingKey::new(&bytes));
            keys.push(Arc::new(key.ok_or_else(|| {
                StoreError::new(
                    "an encryption key is not 32 bytes in base64; make one with `openssl rand -base64 32`",
                )
                .caused_by(NotAKey(source.reference().clone()))
            })?));
        }
        Ok(Ring::Keys(keys))
    }
}

fn decoded(text: &str) -> Option<Zeroizing<[u8; SealingKey::LENGTH]>> {
    let mut bytes = Zeroizing::new([0; SealingKey::LENGTH]);
    // The decoder wants room for a rest that it then does not use.
    let mut room = Zeroizing::new([0; SealingKey::LENGTH + 1]);
    let length = STANDARD.decode_slice(text.trim(), &mut *room).ok()?;
    bytes.copy_from_slice(room.get(..length).filter(|read| read.len() == SealingKey::LENGTH)?);
    Some(bytes)
}

#[derive(Debug, thiserror::Error)]
#[error("the key at {0}")]
struct NotAKey(SecretRef);

#[cfg(test)]
mod tests;
