//! Shares the denials of a fleet through a stream in Redis.
//!
//! A denial is appended to the stream, and is deleted after it has expired. `load` reads the whole
//! stream and remembers the position of its end. `receive` waits for denials after that position,
//! so that none is missed between the two.

mod records;
mod reply;
mod skipped;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use passport_core::{Clock, millis};
use passport_inbound::{DenialRecord, DenyListStore, DenyListStoreError};
use passport_outbound::{ConfigError, StoreError};
use redis::{Cmd, Value, cmd};

use self::{
    reply::{Entry, entries, new_entries},
    skipped::SkippedDenials,
};
use crate::{
    EncryptionKeys,
    builder::{RedisStoreBuilder, StoreParts},
    connection::{SharedConnection, Topology},
    key_names::DenyListKeys,
    keyring::KeyringCache,
    scripts::{PUBLISH_DENIAL, script},
    sealed_value::InvalidValue,
};

/// A store on Redis that shares the deny list of a fleet, for
/// [`DenyListBuilder::store`](passport_inbound::DenyListBuilder::store). Instances share their
/// denials if they configure the same Redis, namespace and encryption keys.
///
/// A denial reaches the other instances within milliseconds. It is encrypted, and contains hashes
/// instead of ids. A denial that cannot be decrypted is skipped: a warning is logged, and its
/// tokens are accepted. So rotate encryption keys in two steps ([`EncryptionKeys`]).
///
/// A store has two connections: one waits for denials, the other sends commands. It connects when
/// the list opens. **Use a store for one list only:** it remembers which denials the list has
/// received.
///
/// ```
/// use passport_inbound::DenyList;
/// use passport_outbound::SecretSource;
/// use passport_redis::{EncryptionKeys, RedisDenyListStore};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = EncryptionKeys::new(SecretSource::env("TOKEN_CACHE_KEY"));
/// let store = RedisDenyListStore::builder("rediss://cache.internal:6379", keys).build()?;
/// let list = DenyList::builder().store(store).open().await?;
/// # let _ = list; Ok(()) }
/// ```
pub struct RedisDenyListStore {
    keys: DenyListKeys,
    timeout: Duration,
    commands: Arc<SharedConnection>,
    /// The connection that waits for denials. A waiting command delays all later commands of its
    /// connection.
    waiting: Arc<SharedConnection>,
    keyring: Arc<KeyringCache>,
    clock: Arc<dyn Clock>,
    /// The id of the last entry of the stream that the list has received.
    position: Mutex<String>,
    skipped: SkippedDenials,
}

/// The builder of a [`RedisDenyListStore`].
pub type RedisDenyListStoreBuilder = RedisStoreBuilder<RedisDenyListStore>;

/// The maximum number of entries of one reply.
const PAGE: usize = 1000;

/// The position before the first entry of a stream.
const START: &str = "0-0";

/// How long one command waits for new denials. Redis closes no connection in this time, and the
/// client notices a server that does not respond.
const WAIT: Duration = Duration::from_secs(5);

/// How long an expired denial stays in Redis: the largest difference of the clocks of instances.
const CLOCK_SKEW_SECONDS: u64 = 60;

impl RedisDenyListStore {
    /// Creates a builder for a store on the single server at `url`, as
    /// [`RedisTokenStore::builder`](crate::RedisTokenStore::builder).
    pub fn builder(url: impl Into<String>, keys: EncryptionKeys) -> RedisDenyListStoreBuilder {
        RedisStoreBuilder::new([url], Topology::Single, keys)
    }

    /// Creates a builder for a store on a Redis Cluster, as
    /// [`RedisTokenStore::cluster`](crate::RedisTokenStore::cluster).
    #[cfg(feature = "cluster")]
    pub fn cluster<I: IntoIterator<Item: Into<String>>>(
        nodes: I,
        keys: EncryptionKeys,
    ) -> RedisDenyListStoreBuilder {
        RedisStoreBuilder::new(nodes, Topology::Cluster, keys)
    }

    /// Creates a builder for a store on a master that Redis Sentinel monitors, as
    /// [`RedisTokenStore::sentinel`](crate::RedisTokenStore::sentinel).
    #[cfg(feature = "sentinel")]
    pub fn sentinel<I: IntoIterator<Item: Into<String>>>(
        sentinels: I,
        service: impl Into<String>,
        keys: EncryptionKeys,
    ) -> RedisDenyListStoreBuilder {
        let topology = Topology::Sentinels { service: service.into() };
        RedisStoreBuilder::new(sentinels, topology, keys)
    }

    /// Decrypts entries of the stream. Skips invalid entries, and counts and logs them.
    async fn open(&self, entries: &[Entry]) -> Result<Vec<DenialRecord>, StoreError> {
        let keyring = self.keyring.get().await?;
        let mut opened = records::open(&keyring, &self.keys.denials, entries);
        if opened.contains(&Err(InvalidValue::UnknownKey)) {
            // The instance that published the denial has possibly read a rotated key before.
            let reload = self.keyring.reloaded_for_unknown_key();
            if let Ok(Some(keyring)) = tokio::time::timeout(self.timeout, reload).await {
                opened = records::open(&keyring, &self.keys.denials, entries);
            }
        }
        let invalid: Vec<_> = opened.iter().filter_map(|opened| opened.err()).collect();
        self.skipped.record(&invalid, self.clock.monotonic());
        Ok(opened.into_iter().flatten().collect())
    }

    /// Locks and returns the position.
    fn position(&self) -> MutexGuard<'_, String> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn publish_record(&self, record: &DenialRecord) -> Result<(), StoreError> {
        let keyring = self.keyring.get().await?;
        let DenyListKeys { denials, expiries } = &self.keys;
        let value = records::seal(&keyring, denials, record).ok_or_else(|| {
            StoreError::new("cannot encrypt a denial, because the system has no random numbers")
        })?;
        let unix_seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (expires_at, now) = (unix_seconds(record.expires_at()), unix_seconds(self.clock.now()));
        let mut command = script(PUBLISH_DENIAL, &[denials, expiries]);
        command.arg(value).arg(expires_at).arg(now).arg(CLOCK_SKEW_SECONDS);
        self.commands.within(self.timeout, self.commands.query(command)).await
    }

    async fn load_records(&self) -> Result<Vec<DenialRecord>, StoreError> {
        let (mut position, mut loaded) = (START.to_owned(), Vec::new());
        loop {
            let command = read_after(&self.keys.denials, &position);
            let reply: Value = self.commands.within(self.timeout, self.commands.query(command)).await?;
            let page = entries(reply);
            loaded.extend(self.open(&page).await?);
            let is_last = page.len() < PAGE;
            position = page.into_iter().next_back().map_or(position, |last| last.id);
            if is_last {
                *self.position() = position;
                return Ok(loaded);
            }
        }
    }

    async fn receive_records(&self) -> Result<Vec<DenialRecord>, StoreError> {
        loop {
            let command = wait_after(&self.keys.denials, &self.position());
            let query = self.waiting.query_without_retry(&command);
            let reply: Value = self.waiting.within(WAIT + self.timeout, query).await?;
            let mut page = new_entries(reply);
            let records = self.open(&page).await?;
            if let Some(last) = page.pop() {
                *self.position() = last.id;
                return Ok(records);
            }
        }
    }
}

/// Returns the command that reads the entries after `position`.
fn read_after(stream: &str, position: &str) -> Cmd {
    let mut command = cmd("XRANGE");
    command.arg(stream).arg(format!("({position}")).arg("+").arg("COUNT").arg(PAGE);
    command
}

/// Returns the command that waits for entries after `position`.
fn wait_after(stream: &str, position: &str) -> Cmd {
    let mut command = cmd("XREAD");
    command.arg("COUNT").arg(PAGE).arg("BLOCK").arg(millis(WAIT)).arg("STREAMS").arg(stream).arg(position);
    command
}

impl RedisStoreBuilder<RedisDenyListStore> {
    /// Builds the store. Does no I/O except reading the CA file, and spawns no task. The crypto
    /// provider of TLS connections is that of a [`RedisTokenStore`](crate::RedisTokenStore).
    ///
    /// # Errors
    /// Returns a [`ConfigError`] that lists every invalid setting with its remedy.
    pub fn build(self) -> Result<RedisDenyListStore, ConfigError> {
        let StoreParts { endpoint, keys, clock } = self.parts()?;
        let mut waiting = endpoint.clone();
        // The client of a Cluster applies the timeout to each command.
        waiting.settings.timeout += WAIT;
        Ok(RedisDenyListStore {
            keys: DenyListKeys::new(&endpoint.settings.namespace),
            timeout: endpoint.settings.timeout,
            commands: Arc::new(SharedConnection::new(endpoint, None)),
            waiting: Arc::new(SharedConnection::new(waiting, None)),
            keyring: Arc::new(KeyringCache::new(keys, Arc::clone(&clock))),
            clock,
            position: Mutex::new(START.to_owned()),
            skipped: SkippedDenials::default(),
        })
    }
}

impl DenyListStore for RedisDenyListStore {
    async fn publish(&self, record: DenialRecord) -> Result<(), DenyListStoreError> {
        self.publish_record(&record).await.map_err(DenyListStoreError::new)
    }

    async fn load(&self) -> Result<Vec<DenialRecord>, DenyListStoreError> {
        self.load_records().await.map_err(DenyListStoreError::new)
    }

    async fn receive(&self) -> Result<Vec<DenialRecord>, DenyListStoreError> {
        self.receive_records().await.map_err(DenyListStoreError::new)
    }
}

impl fmt::Debug for RedisDenyListStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisDenyListStore").field("keys", &self.keys).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
