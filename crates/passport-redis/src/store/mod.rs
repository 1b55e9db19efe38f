//! The store. It runs a Lua script in Redis for each operation of [`TokenStore`], and interprets
//! the reply of the script.

mod stored_value;

use std::{fmt, sync::Arc, time::Duration};

use passport_core::{Clock, millis};
use passport_outbound::{
    AccessToken, ConfigError, Lease, LeaseOutcome, Notifier, StoreError, StoredToken, TokenKey, TokenStore,
};

use self::stored_value::{StoredValue, duration, record_invalid};
use crate::{
    EncryptionKeys,
    builder::{RedisStoreBuilder, StoreParts},
    connection::{SharedConnection, Topology},
    envelope::{self, HASH_POSITIONS_IN_LUA},
    key_names::{TokenKeys, channel},
    keyring::KeyringCache,
    scripts::{self, MAX_VALUE, script},
    sealed_value::InvalidValue,
    sealing_key::Keyring,
};

/// A token store on Redis, for [`TokenCache::shared`](passport_outbound::TokenCache::shared).
/// Instances share their tokens if they configure the same Redis, namespace and encryption keys.
///
/// Cheap to clone: all clones of a store share one connection. Building a store does not connect
/// to Redis. The first call that needs a token connects, so a service can start while Redis is
/// down. The store runs on the tokio runtime of its caller, which must have I/O and time
/// enabled.
#[derive(Clone)]
pub struct RedisTokenStore(Arc<SharedStore>);

/// The state that all clones of a store share.
struct SharedStore {
    namespace: String,
    connection: Arc<SharedConnection>,
    keyring: Arc<KeyringCache>,
    notifier: Notifier,
    clock: Arc<dyn Clock>,
    timeout: Duration,
}

impl RedisTokenStore {
    /// Creates a builder for a store on the single server at `url`: `redis://host:6379`,
    /// `rediss://host:6379` with TLS, or `unix:///run/redis.sock`. The URL may end with a database:
    /// `/2`, or `?db=2` for a Unix socket. Defaults to database 0.
    pub fn builder(url: impl Into<String>, keys: EncryptionKeys) -> RedisTokenStoreBuilder {
        RedisStoreBuilder::new([url], Topology::Single, keys)
    }

    /// Creates a builder for a store on a Redis Cluster. `nodes` are the URLs of some nodes of the
    /// Cluster. At least one of these nodes must be reachable when the store connects.
    #[cfg(feature = "cluster")]
    pub fn cluster<I: IntoIterator<Item: Into<String>>>(
        nodes: I,
        keys: EncryptionKeys,
    ) -> RedisTokenStoreBuilder {
        RedisStoreBuilder::new(nodes, Topology::Cluster, keys)
    }

    /// Creates a builder for a store on a master that Redis Sentinel monitors. `sentinels` are the
    /// URLs of the Sentinels, and `service` is the name under which they monitor the master.
    #[cfg(feature = "sentinel")]
    pub fn sentinel<I: IntoIterator<Item: Into<String>>>(
        sentinels: I,
        service: impl Into<String>,
        keys: EncryptionKeys,
    ) -> RedisTokenStoreBuilder {
        let topology = Topology::Sentinels { service: service.into() };
        RedisStoreBuilder::new(sentinels, topology, keys)
    }

    /// Reads the encryption keys and connects to Redis. Call this before a service accepts
    /// requests, so that its first request does not wait for the keys and the connection.
    ///
    /// Without this call, the first call that needs a token reads the keys and connects, within the
    /// [timeout](RedisStoreBuilder::timeout). If this takes longer, for example because the
    /// keys are in a vault, that first call continues without the store. Reading the keys and
    /// connecting then complete in the background, for later calls.
    ///
    /// # Errors
    /// Returns a [`StoreError`] if Redis, an encryption key, the password or a certificate is
    /// unavailable. The service can start anyway: the next call that uses the store tries to
    /// connect again.
    ///
    /// # Cancel safety
    /// Dropping the future cancels neither reading the keys nor connecting. Both run in background
    /// tasks.
    pub async fn connect(&self) -> Result<(), StoreError> {
        self.0.keyring.get().await?;
        self.0.connection.get().await.map(drop)
    }
}

/// The builder of a [`RedisTokenStore`].
pub type RedisTokenStoreBuilder = RedisStoreBuilder<RedisTokenStore>;

impl RedisStoreBuilder<RedisTokenStore> {
    /// Builds the store. Does no I/O except reading the CA file, and spawns no task.
    ///
    /// TLS connections use rustls. If the process has no default crypto provider
    /// (`CryptoProvider::install_default`) when the first connection is made, the provider of
    /// aws-lc-rs is installed.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] that lists every invalid setting with its remedy.
    pub fn build(self) -> Result<RedisTokenStore, ConfigError> {
        let StoreParts { endpoint, keys, clock } = self.parts()?;
        let notifier = Notifier::new();
        Ok(RedisTokenStore(Arc::new(SharedStore {
            namespace: endpoint.settings.namespace.clone(),
            timeout: endpoint.settings.timeout,
            connection: Arc::new(SharedConnection::new(endpoint, Some(notifier.clone()))),
            keyring: Arc::new(KeyringCache::new(keys, Arc::clone(&clock))),
            notifier,
            clock,
        })))
    }
}

impl TokenStore for RedisTokenStore {
    async fn get(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        let (keys, keyring) = (self.keys(key), self.0.keyring.get().await?);
        let (value, ttl_ms) = self.0.connection.query(script(scripts::READ, &[&keys.token])).await?;
        Ok(self.usable_token(key, &keys, &keyring, StoredValue { value, ttl_ms }).await)
    }

    async fn try_lease(
        &self,
        key: &TokenKey,
        holder: &str,
        time: Duration,
    ) -> Result<LeaseOutcome, StoreError> {
        // Without encryption keys, this instance cannot store the token. So it must fail before it
        // gets the lease. Otherwise other instances would wait for the token of this instance.
        let (keys, keyring) = (self.keys(key), self.0.keyring.get().await?);
        let mut command = script(scripts::LEASE, &[&keys.token, &keys.lease]);
        command.arg(holder).arg(at_least_1_ms(time));
        let (granted, lease_ttl_ms, value, ttl_ms): (bool, i64, _, _) =
            self.0.connection.query(command).await?;
        let lease = if granted { Lease::Granted } else { Lease::Held { left: duration(lease_ttl_ms) } };
        Ok(LeaseOutcome {
            lease,
            token: self.usable_token(key, &keys, &keyring, StoredValue { value, ttl_ms }).await,
        })
    }

    async fn put(&self, key: &TokenKey, holder: &str, token: &StoredToken) -> Result<(), StoreError> {
        let keys = self.keys(key);
        // The time to live is at most the lifetime of the token, because the wall clock may have
        // been set back since the token was issued.
        let left = token.token().expires_at().duration_since(self.0.clock.now()).unwrap_or_default();
        let left = left.min(token.lifetime());
        let keyring = self.0.keyring.get().await?;
        let value = envelope::seal(&keyring, &keys.token, token).filter(|value| value.len() <= MAX_VALUE);
        let Some(value) = value.filter(|_| !left.is_zero()) else {
            // The token cannot be stored: it is too long, has expired, or could not be encrypted.
            // Ending the lease lets the instances that wait for the token continue.
            return self.release(key, holder).await;
        };
        let mut command = script(scripts::PUBLISH, &[&keys.token, &keys.lease]);
        command
            .arg(holder)
            .arg(value)
            .arg(at_least_1_ms(left))
            .arg(channel(&self.0.namespace))
            .arg(key.to_string());
        self.0.connection.query(command).await
    }

    async fn release(&self, key: &TokenKey, holder: &str) -> Result<(), StoreError> {
        let keys = self.keys(key);
        let mut command = script(scripts::RELEASE, &[&keys.token, &keys.lease]);
        command.arg(holder).arg(channel(&self.0.namespace)).arg(key.to_string());
        self.0.connection.query(command).await
    }

    async fn remove(&self, key: &TokenKey, token: &AccessToken) -> Result<(), StoreError> {
        let (first, last) = HASH_POSITIONS_IN_LUA;
        let mut command = script(scripts::REMOVE, &[&self.keys(key).token]);
        command.arg(&envelope::token_hash(token)).arg(first).arg(last);
        self.0.connection.query(command).await
    }

    /// Runs the scripts that write, on the probe keys. Reading would not be enough: a read also
    /// succeeds if Redis is out of memory or a read-only replica, or if the Redis user lacks the
    /// permission to write.
    async fn ping(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.0.keyring.get().await?;
        let [token, lease] = &self.keys(key).probes;
        let mut command = script(scripts::LEASE, &[token, lease]);
        command.arg("probe").arg(PROBE_TTL_MS);
        let _: redis::Value = self.0.connection.query(command).await?;
        let mut command = script(scripts::PUBLISH, &[token, lease]);
        command.arg("probe").arg("").arg(PROBE_TTL_MS).arg(channel(&self.0.namespace)).arg("");
        self.0.connection.query(command).await
    }

    fn timeout(&self) -> Duration {
        self.0.timeout
    }

    fn notifications(&self) -> Option<Notifier> {
        Some(self.0.notifier.clone())
    }
}

impl RedisTokenStore {
    /// Returns the Redis keys of the token that the cache identifies by `key`.
    fn keys(&self, key: &TokenKey) -> TokenKeys {
        TokenKeys::new(&self.0.namespace, key)
    }

    /// Returns the token in `found`, the value that was read from Redis. Returns `None` if the
    /// value is missing or invalid, or if its token has expired. Logs an invalid value, and removes
    /// it from Redis if no instance can use it.
    async fn usable_token(
        &self,
        key: &TokenKey,
        keys: &TokenKeys,
        keyring: &Keyring,
        found: StoredValue,
    ) -> Option<StoredToken> {
        if found.is_missing() {
            return None;
        }
        let reason = match found.open(keyring, &keys.token) {
            Ok(stored) if self.0.clock.now() < stored.token().expires_at() => return Some(stored),
            // The token has expired by the clock of this instance. The value is kept in Redis,
            // because the clocks of other instances may differ.
            Ok(_expired) => return None,
            Err(reason) => reason,
        };
        record_invalid(key.client_id(), reason);
        if reason == InvalidValue::UnknownKey {
            self.0.keyring.reload_for_unknown_key();
        }
        if found.must_be_removed(reason) {
            // The script does nothing if the value has been replaced since it was read.
            let mut command = script(scripts::CLEAR, &[&keys.token]);
            command.arg(found.value);
            // An error is ignored: if Redis fails, the next command of the store reports an error.
            let _: Result<redis::Value, _> = self.0.connection.query(command).await;
        }
        None
    }
}

/// The time to live of the values that a probe writes, in milliseconds.
const PROBE_TTL_MS: u64 = 1000;

/// Returns `time` in milliseconds, at least 1: Redis rejects a time to live of zero.
fn at_least_1_ms(time: Duration) -> u64 {
    millis(time).max(1)
}

impl fmt::Debug for RedisTokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTokenStore").field("namespace", &self.0.namespace).finish_non_exhaustive()
    }
}
