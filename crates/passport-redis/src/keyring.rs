//! The keys that values are sealed with, and where they come from.

use std::{
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
    telemetry,
};

/// How long after the keys were read they are read again; and when they may be, because a value has one that nobody knows.
const READ_EACH: Duration = Duration::from_secs(5 * 60);
const READ_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// How long a vault may take.
const MAX_READING: Duration = Duration::from_secs(30);

/// The read ends by itself; the deadline is for one that does not.
const LIMITS: TaskLimits = TaskLimits { deadline: Duration::from_secs(60), grace: Duration::from_secs(60) };

const LATE: &str = "the encryption keys could not be read in time";

/// What tokens are encrypted with before they go to Redis: AES-256-GCM-SIV ([RFC 8452](https://www.rfc-editor.org/rfc/rfc8452)),
/// with a key that all instances of the fleet have and Redis has not. A key is 32 random bytes in base64:
/// `openssl rand -base64 32`.
///
/// Keys are read when the first token is shared. They are read again in the background when something is shared and they are older
/// than 5 minutes; or than one, if a value turns up whose key is unknown. So a key may be replaced where it lies: what the one
/// before has sealed is opened until the process ends, or the next one is replaced. To have no value refused meanwhile, rotate in two steps: first every
/// instance gets the new key as one it [also accepts](Self::also_accepting), then they change places.
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

    /// The same, and opens what was sealed with the key at `other`: the next one, or the one before. Without encryption there is
    /// nothing to open.
    pub fn also_accepting(mut self, other: SecretSource) -> Self {
        if let Some(sources) = &mut self.sources {
            sources.push(other);
        }
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

    /// The keys; read if they have not been yet. Old ones are read again, which is waited for by nobody.
    pub(crate) async fn ring(self: &Arc<Self>) -> Result<Arc<Ring>, StoreError> {
        let last = self.last_read().clone();
        match last {
            Some(last) => {
                self.read_again_if_older(&last, READ_EACH);
                Ok(last.ring)
            }
            None => self.reading().outcome().await.unwrap_or_else(interrupted),
        }
    }

    /// A value has a key that is unknown: there may be a new one.
    pub(crate) fn lacks_one(self: &Arc<Self>) {
        let last = self.last_read().clone();
        if let Some(last) = last {
            self.read_again_if_older(&last, READ_AGAIN_AFTER);
        }
    }

    fn read_again_if_older(self: &Arc<Self>, last: &LastRead, age: Duration) {
        if self.clock.uptime().saturating_sub(last.at) >= age {
            drop(self.reading());
        }
    }

    /// Joins the read that is running, or starts one.
    fn reading(self: &Arc<Self>) -> Waiter<Result<Arc<Ring>, StoreError>> {
        let read = || Arc::clone(self).read();
        self.reading.join_or_spawn(&Handle::current(), LIMITS, read, |read| completed(read, LATE))
    }

    /// Reads the keys. What was known before goes on if they cannot be read; then, too, it takes a while until the next time.
    async fn read(self: Arc<Self>) -> Result<Arc<Ring>, StoreError> {
        let at = self.clock.uptime();
        let read = timeout(MAX_READING, self.keys.read())
            .await
            .unwrap_or_else(|late| Err(StoreError::new(LATE).caused_by(late)));
        let mut last_read = self.last_read();
        let before = last_read.take().map(|last| last.ring);
        let ring = match (read, before) {
            (Ok(ring), before) => Arc::new(ring.and_the_one_before(before.as_deref())),
            (Err(error), None) => return Err(error),
            (Err(error), Some(before)) => {
                telemetry::keys_not_read(&error);
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

    fn ids(ring: &Ring) -> Vec<String> {
        match ring {
            Ring::Keys(keys) => keys.iter().map(|key| format!("{key:?}")).collect(),
            Ring::Plain => Vec::new(),
        }
    }

    fn id(byte: u8) -> String {
        format!("{:?}", SealingKey::new(&[byte; SealingKey::LENGTH]).unwrap())
    }

    async fn settled(keyring: &Arc<Keyring>) -> Arc<Ring> {
        while keyring.reading.running().is_some() {
            tokio::task::yield_now().await;
        }
        let last = keyring.last_read().clone();
        last.unwrap().ring
    }

    #[tokio::test]
    async fn a_key_that_is_replaced_where_it_lies_is_seen_and_the_one_before_still_opens() {
        let (vault, clock) = (Vault::default(), ManualClock::at_unix_seconds(1_750_000_000));
        let replace = |text: String| *vault.0.lock().unwrap() = text;
        replace(text(1));
        let source = SecretSource::new(vault.clone(), "vault:key".parse().unwrap());
        let keyring = Arc::new(Keyring::new(EncryptionKeys::new(source), Arc::new(clock.clone())));
        let first = keyring.ring().await.unwrap();
        replace(text(2));
        keyring.lacks_one();
        assert!(Arc::ptr_eq(&settled(&keyring).await, &first), "not within a minute");
        clock.advance(READ_AGAIN_AFTER);
        keyring.lacks_one();
        assert_eq!(ids(&*settled(&keyring).await), [id(2), id(1)]);
        for (now, ring) in
            [(text(2), [id(2), id(1)]), ("no key".to_owned(), [id(2), id(1)]), (text(3), [id(3), id(2)])]
        {
            replace(now);
            clock.advance(READ_EACH);
            keyring.ring().await.unwrap();
            assert_eq!(ids(&*settled(&keyring).await), ring);
        }
    }

    #[tokio::test]
    async fn many_who_lack_a_key_have_it_read_once() {
        let (vault, clock) = (Vault::default(), ManualClock::at_unix_seconds(1_750_000_000));
        *vault.0.lock().unwrap() = text(1);
        let source = SecretSource::new(vault.clone(), "vault:key".parse().unwrap());
        let keyring = Arc::new(Keyring::new(EncryptionKeys::new(source), Arc::new(clock.clone())));
        keyring.ring().await.unwrap();
        clock.advance(READ_AGAIN_AFTER);
        *vault.0.lock().unwrap() = "no key".to_owned();
        for _ in 0..100 {
            keyring.lacks_one();
        }
        settled(&keyring).await;
        keyring.lacks_one();
        settled(&keyring).await;
        assert_eq!(vault.1.load(Ordering::SeqCst), 2, "also if it fails");
    }

    /// A vault that gave a key once, and hangs.
    #[derive(Clone, Debug, Default)]
    struct Hanging(Arc<AtomicUsize>);

    impl SecretProvider for Hanging {
        async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
            if self.0.fetch_add(1, Ordering::SeqCst) > 0 {
                std::future::pending::<()>().await;
            }
            Ok(ResolvedSecret::new(text(1).into()))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_vault_that_hangs_is_left_alone_for_a_while_and_what_is_known_goes_on() {
        let (vault, clock) = (Hanging::default(), ManualClock::at_unix_seconds(1_750_000_000));
        let source = SecretSource::new(vault.clone(), "vault:key".parse().unwrap());
        let keyring = Arc::new(Keyring::new(EncryptionKeys::new(source), Arc::new(clock.clone())));
        keyring.ring().await.unwrap();
        clock.advance(READ_EACH);
        for _ in 0..3 {
            assert_eq!(ids(&keyring.ring().await.unwrap()), [id(1)]);
            tokio::time::sleep(2 * MAX_READING).await;
        }
        assert_eq!(vault.0.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn without_encryption_there_is_nothing_to_accept() {
        let keys = EncryptionKeys::danger_unencrypted().also_accepting(SecretSource::fixed(text(1)));
        assert!(matches!(keys.read().await.unwrap(), Ring::Plain));
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
        assert_eq!(ids(&keys.read().await.unwrap()), [id(1)]);
    }
}
