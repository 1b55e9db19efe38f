//! The store: which scripts each of its operations runs, and what their replies mean.

mod stored_value;

use std::{fmt, sync::Arc, time::Duration};

use passport_core::{Clock, millis};
use passport_outbound::{
    AccessToken, Lease, LeaseOutcome, Notifier, StoreError, StoredToken, TokenKey, TokenStore,
};
use redis::{Cmd, cmd};

use self::stored_value::{StoredValue, duration, record_invalid};
use crate::{
    EncryptionKeys, RedisTokenStoreBuilder,
    connection::{RedisEndpoint, SharedConnection, Topology},
    envelope::{self, InvalidValue, MARK_IN_LUA},
    key_names::{TokenKeys, channel},
    keyring::Keyring,
    scripts::{self, MAX_VALUE},
    sealing_key::Ring,
};

/// A token store on Redis, shared by all instances of a fleet that have the same Redis, namespace
/// and keys. For [`TokenCache::shared`](passport_outbound::TokenCache::shared).
///
/// Cheap to clone; clones share the connection. Building a store does no I/O: it connects for the
/// first token, so that a service starts while Redis is down. It runs on the tokio runtime of its
/// caller, which needs I/O and a timer.
#[derive(Clone)]
pub struct RedisTokenStore(Arc<SharedStore>);

/// What all clones of a store share.
struct SharedStore {
    namespace: String,
    connection: Arc<SharedConnection>,
    keyring: Arc<Keyring>,
    notifier: Notifier,
    clock: Arc<dyn Clock>,
    timeout: Duration,
}

impl RedisTokenStore {
    /// Returns the builder of a store on the Redis at `url`: `redis://host:6379`,
    /// `rediss://host:6379` with TLS, or `unix:///run/redis.sock`. A number at the end (`/2`, of a
    /// socket `?db=2`) is the database.
    pub fn builder(url: impl Into<String>, keys: EncryptionKeys) -> RedisTokenStoreBuilder {
        RedisTokenStoreBuilder::new(vec![url.into()], Topology::Single, keys)
    }

    /// Returns the builder of a store on a Redis Cluster. `nodes` are the URLs of some of its
    /// nodes, one of which has to be reachable.
    #[cfg(feature = "cluster")]
    pub fn cluster<I: IntoIterator<Item: Into<String>>>(
        nodes: I,
        keys: EncryptionKeys,
    ) -> RedisTokenStoreBuilder {
        RedisTokenStoreBuilder::new(nodes.into_iter().map(Into::into).collect(), Topology::Cluster, keys)
    }

    /// Returns the builder of a store on the Redis that Sentinels call the master of `service`.
    /// `sentinels` are their URLs.
    #[cfg(feature = "sentinel")]
    pub fn sentinel<I: IntoIterator<Item: Into<String>>>(
        sentinels: I,
        service: impl Into<String>,
        keys: EncryptionKeys,
    ) -> RedisTokenStoreBuilder {
        let topology = Topology::Sentinels { service: service.into() };
        RedisTokenStoreBuilder::new(sentinels.into_iter().map(Into::into).collect(), topology, keys)
    }

    /// Reads the keys and connects, for a service that does so before it takes traffic. Otherwise
    /// the first call that needs a token does, within the [timeout](RedisTokenStoreBuilder::timeout); a
    /// read that takes longer, of a vault for example, goes on for the next call.
    ///
    /// # Errors
    /// When Redis or a secret is unavailable. The service may start all the same.
    ///
    /// # Cancel safety
    /// The attempt goes on when the future is dropped.
    pub async fn connect(&self) -> Result<(), StoreError> {
        self.0.keyring.ring().await?;
        self.0.connection.get().await.map(drop)
    }

    pub(crate) fn new(endpoint: RedisEndpoint, keys: EncryptionKeys, clock: Arc<dyn Clock>) -> Self {
        let notifier = Notifier::new();
        Self(Arc::new(SharedStore {
            namespace: endpoint.settings.namespace.clone(),
            timeout: endpoint.settings.timeout,
            connection: Arc::new(SharedConnection::new(endpoint, notifier.clone())),
            keyring: Arc::new(Keyring::new(keys, Arc::clone(&clock))),
            notifier,
            clock,
        }))
    }
}

impl TokenStore for RedisTokenStore {
    async fn get(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        let (keys, ring) = (self.keys(key), self.0.keyring.ring().await?);
        let (value, left) = self.0.connection.query(script(scripts::READ, &[&keys.token])).await?;
        Ok(self.opened(key, &keys, &ring, StoredValue { value, left }).await)
    }

    async fn try_lease(
        &self,
        key: &TokenKey,
        holder: &str,
        time: Duration,
    ) -> Result<LeaseOutcome, StoreError> {
        // An instance without keys could not publish; it must fail before others wait for it.
        let (keys, ring) = (self.keys(key), self.0.keyring.ring().await?);
        let mut command = script(scripts::LEASE, &[&keys.token, &keys.lease]);
        command.arg(holder).arg(at_least_1_ms(time));
        let (granted, lease_left, value, left): (bool, i64, _, _) = self.0.connection.query(command).await?;
        let lease = if granted { Lease::Granted } else { Lease::Held { left: duration(lease_left) } };
        Ok(LeaseOutcome { lease, token: self.opened(key, &keys, &ring, StoredValue { value, left }).await })
    }

    async fn put(&self, key: &TokenKey, holder: &str, token: &StoredToken) -> Result<(), StoreError> {
        let keys = self.keys(key);
        // A wall clock may have been set back since.
        let left = token.token().expires_at().duration_since(self.0.clock.now()).unwrap_or_default();
        let left = left.min(token.lifetime());
        let ring = self.0.keyring.ring().await?;
        let value = envelope::seal(&ring, &keys.token, token).filter(|value| value.len() <= MAX_VALUE);
        let Some(value) = value.filter(|_| !left.is_zero()) else {
            // There is nothing to store; those that wait must go on all the same.
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
        let (first, last) = MARK_IN_LUA;
        let mut command = script(scripts::REMOVE, &[&self.keys(key).token]);
        command.arg(&envelope::mark(token)).arg(first).arg(last);
        self.0.connection.query(command).await
    }

    /// Runs the scripts of a token with keys of its own: a full Redis or a replica can still be
    /// read, and a user may lack a permission.
    async fn ping(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.0.keyring.ring().await?;
        let [token, lease] = &self.keys(key).probes;
        let mut command = script(scripts::LEASE, &[token, lease]);
        command.arg("probe").arg(PROBE_LASTS);
        let _: redis::Value = self.0.connection.query(command).await?;
        let mut command = script(scripts::PUBLISH, &[token, lease]);
        command.arg("probe").arg("").arg(PROBE_LASTS).arg(channel(&self.0.namespace)).arg("");
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
    fn keys(&self, key: &TokenKey) -> TokenKeys {
        TokenKeys::new(&self.0.namespace, key)
    }

    /// Returns the token in a value, if it can be used.
    async fn opened(
        &self,
        key: &TokenKey,
        keys: &TokenKeys,
        ring: &Ring,
        found: StoredValue,
    ) -> Option<StoredToken> {
        if found.is_missing() {
            return None;
        }
        let why = match found.open(ring, &keys.token) {
            Ok(stored) if self.0.clock.now() < stored.token().expires_at() => return Some(stored),
            // By our clock; the clock of another instance may differ.
            Ok(_expired) => return None,
            Err(why) => why,
        };
        record_invalid(key.client_id(), why);
        if why == InvalidValue::UnknownKey {
            self.0.keyring.reload_for_unknown_key();
        }
        if found.is_removed(why) {
            // The script leaves a value that has been replaced since.
            let mut command = script(scripts::CLEAR, &[&keys.token]);
            command.arg(found.value);
            // If this fails, the next command on the connection fails too.
            let _: Result<redis::Value, _> = self.0.connection.query(command).await;
        }
        None
    }
}

/// How long the values of a probe are kept, in milliseconds.
const PROBE_LASTS: u64 = 1000;

fn script(source: &str, keys: &[&str]) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(source).arg(keys.len()).arg(keys);
    command
}

fn at_least_1_ms(time: Duration) -> u64 {
    millis(time).max(1)
}

impl fmt::Debug for RedisTokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTokenStore").field("namespace", &self.0.namespace).finish_non_exhaustive()
    }
}
