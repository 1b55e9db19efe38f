//! The keys that values are sealed with, and where they come from.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use passport_core::{Clock, SecretRef};
use passport_outbound::{SecretSource, StoreError};
use zeroize::Zeroizing;

use crate::{
    envelope::{Ring, SealingKey},
    telemetry,
};

/// How long after the keys were read they may be read again, because a value has one that nobody knows.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What tokens are encrypted with before they go to Redis: AES-256-GCM-SIV ([RFC 8452](https://www.rfc-editor.org/rfc/rfc8452)),
/// with a key that all instances of the fleet have and Redis has not. A key is 32 random bytes in base64:
/// `openssl rand -base64 32`.
///
/// Keys are read when the first token is shared; and again, a minute later at the earliest, when a value turns up whose key is
/// unknown. So a key may be replaced where it lies: the one before goes on opening what it has sealed. To have no value
/// refused meanwhile, rotate in two steps: first every instance gets the new key as one it
/// [also accepts](Self::also_accepting), then they change places.
#[derive(Clone, Debug)]
#[must_use]
pub struct EncryptionKeys {
    /// None if there is no encryption.
    sources: Option<Vec<SecretSource>>,
}

impl EncryptionKeys {
    /// Seals with the key at `current`.
    pub fn new(current: SecretSource) -> Self {
        Self { sources: Some(vec![current]) }
    }

    /// The same, and opens what was sealed with the key at `other`: the next one, or the one before.
    pub fn also_accepting(mut self, other: SecretSource) -> Self {
        self.sources.get_or_insert_default().push(other);
        self
    }

    /// Tokens go to Redis as they are: whoever reads it can be every service that shares tokens there. For a Redis that nobody
    /// else can reach, where keys cannot be had.
    pub fn danger_unencrypted() -> Self {
        Self { sources: None }
    }
}

/// The keys as they were read last.
#[derive(Debug)]
pub(crate) struct Keyring {
    keys: EncryptionKeys,
    clock: Arc<dyn Clock>,
    last_read: Mutex<Option<LastRead>>,
    /// One reads at a time.
    reading: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug)]
struct LastRead {
    ring: Arc<Ring>,
    /// By the clock's uptime.
    at: Duration,
}

impl Keyring {
    pub(crate) fn new(keys: EncryptionKeys, clock: Arc<dyn Clock>) -> Self {
        Self { keys, clock, last_read: Mutex::default(), reading: tokio::sync::Mutex::default() }
    }

    /// The keys; read if they have not been yet.
    pub(crate) async fn ring(self: &Arc<Self>) -> Result<Arc<Ring>, StoreError> {
        let last = self.last_read().clone();
        match last {
            Some(last) => Ok(last.ring),
            None => self.read(None).await,
        }
    }

    /// The keys, read again if there may be others than in `known`, which lacks one.
    pub(crate) async fn ring_after(self: &Arc<Self>, known: &Arc<Ring>) -> Arc<Ring> {
        let last = self.last_read().clone();
        match last {
            Some(last) if Arc::ptr_eq(&last.ring, known) && self.is_old(&last) => {
                self.read(Some(last)).await.unwrap_or_else(|_lost| Arc::clone(known))
            }
            Some(last) => last.ring,
            None => Arc::clone(known),
        }
    }

    fn is_old(&self, last: &LastRead) -> bool {
        self.clock.uptime().saturating_sub(last.at) >= READ_AGAIN_AFTER
    }

    /// Reads the keys, unless somebody has since `before`. In a task of its own: a vault may be slow, and the next call has
    /// them then.
    async fn read(self: &Arc<Self>, before: Option<LastRead>) -> Result<Arc<Ring>, StoreError> {
        let keyring = Arc::clone(self);
        let read = tokio::spawn(async move {
            let _one = keyring.reading.lock().await;
            let (last, at) = (keyring.last_read().clone(), keyring.clock.uptime());
            if let Some(last) = last
                && before.as_ref().is_none_or(|before| !Arc::ptr_eq(&before.ring, &last.ring))
            {
                return Ok(last.ring);
            }
            let ring = match (keyring.keys.read().await, before) {
                (Ok(ring), before) => {
                    Arc::new(ring.and_the_first_of(before.map(|before| before.ring).as_deref()))
                }
                (Err(error), None) => return Err(error),
                (Err(error), Some(before)) => {
                    telemetry::keys_not_read(&error);
                    before.ring
                }
            };
            *keyring.last_read() = Some(LastRead { ring: Arc::clone(&ring), at });
            Ok(ring)
        });
        read.await.unwrap_or_else(|lost| {
            Err(StoreError::new("the encryption keys were not read: the runtime is going").caused_by(lost))
        })
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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use passport_core::{ManualClock, ResolvedSecret, SecretError, SecretProvider};

    use super::*;

    fn text(byte: u8) -> String {
        STANDARD.encode([byte; SealingKey::LENGTH])
    }

    /// A vault with one key, which can be replaced.
    #[derive(Clone, Debug, Default)]
    struct Vault(Arc<Mutex<String>>, Arc<AtomicUsize>);

    impl SecretProvider for Vault {
        async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
            self.1.fetch_add(1, Ordering::SeqCst);
            Ok(ResolvedSecret::new(self.0.lock().unwrap().as_str().into()))
        }
    }

    fn ids(ring: &Ring) -> usize {
        match ring {
            Ring::Keys(keys) => keys.len(),
            Ring::Plain => 0,
        }
    }

    #[tokio::test]
    async fn a_key_that_is_replaced_where_it_lies_is_seen_and_the_one_before_still_opens() {
        let (vault, clock) = (Vault::default(), ManualClock::at_unix_seconds(1_750_000_000));
        *vault.0.lock().unwrap() = text(1);
        let source = SecretSource::new(vault.clone(), "vault:key".parse().unwrap());
        let keyring = Arc::new(Keyring::new(EncryptionKeys::new(source), Arc::new(clock.clone())));
        let first = keyring.ring().await.unwrap();
        *vault.0.lock().unwrap() = text(2);
        assert!(Arc::ptr_eq(&keyring.ring_after(&first).await, &first), "not within a minute");
        clock.advance(READ_AGAIN_AFTER);
        let second = keyring.ring_after(&first).await;
        assert_eq!((ids(&first), ids(&second)), (1, 2));
        *vault.0.lock().unwrap() = "no key".to_owned();
        clock.advance(READ_AGAIN_AFTER);
        assert_eq!(ids(&*keyring.ring_after(&second).await), 2, "those there are go on");
        assert_eq!(vault.1.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn what_is_no_key_is_told_and_not_shown() {
        for wrong in
            ["hidden", "aGlkZGVu", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33]), &"a".repeat(44)]
        {
            let keys = EncryptionKeys::new(SecretSource::fixed(wrong));
            let error = keys.read().await.err().unwrap();
            let told = format!("{error} {error:?}");
            assert!(told.contains("openssl rand -base64 32") && !told.contains(wrong), "{told}");
        }
    }

    #[tokio::test]
    async fn a_line_break_behind_a_key_does_not_matter() {
        let keys = EncryptionKeys::new(SecretSource::fixed(format!("{}\n", text(1))));
        assert_eq!(ids(&keys.read().await.unwrap()), 1);
    }
}
