use std::{fmt, sync::Arc, time::Duration};

use metrics::counter;
use passport_core::{Clock, millis};
use passport_outbound::{
    AccessToken, ClientId, Lease, Leased, StoreError, StoredToken, TokenKey, TokenStore, WakeUps,
};
use redis::{Cmd, cmd};

use crate::{
    EncryptionKeys, RedisTokenStoreBuilder,
    builder::TopologyKind,
    connection::SharedConnection,
    endpoint::Endpoint,
    envelope::{self, InvalidValue, MARK_IN_LUA, Ring},
    keyring::Keyring,
    keys::{TokenKeys, channel},
    metrics::{REFUSED, TARGET},
    scripts::{self, MAX_VALUE},
};

/// Tokens on Redis, shared by all instances of a fleet that have the same Redis, namespace and keys. For
/// [`TokenCache::shared`](passport_outbound::TokenCache::shared).
///
/// Cheap to clone; clones share the connection. Building one does no I/O: the first token connects, so a service starts while
/// Redis is down. It works on the tokio runtime it is used on, which needs I/O and timer.
#[derive(Clone)]
pub struct RedisTokenStore(Arc<Inner>);

struct Inner {
    namespace: String,
    connection: Arc<SharedConnection>,
    keyring: Arc<Keyring>,
    wake_ups: WakeUps,
    clock: Arc<dyn Clock>,
    limit: Duration,
}

impl RedisTokenStore {
    /// A store on the Redis at `url`: `redis://host:6379`, `rediss://host:6379` with TLS, `unix:///run/redis.sock`; a number
    /// behind it (`/2`, of a socket `?db=2`) is the database.
    pub fn builder(url: impl Into<String>, keys: EncryptionKeys) -> RedisTokenStoreBuilder {
        RedisTokenStoreBuilder::new(vec![url.into()], TopologyKind::Single, keys)
    }

    /// A store on a Redis Cluster; `nodes` are the URLs of some of its nodes, of which one has to be there.
    #[cfg(feature = "cluster")]
    pub fn cluster<I: IntoIterator<Item: Into<String>>>(
        nodes: I,
        keys: EncryptionKeys,
    ) -> RedisTokenStoreBuilder {
        RedisTokenStoreBuilder::new(nodes.into_iter().map(Into::into).collect(), TopologyKind::Cluster, keys)
    }

    /// A store on the Redis that Sentinels call the master of `service`; `sentinels` are their URLs.
    #[cfg(feature = "sentinel")]
    pub fn sentinel<I: IntoIterator<Item: Into<String>>>(
        sentinels: I,
        service: impl Into<String>,
        keys: EncryptionKeys,
    ) -> RedisTokenStoreBuilder {
        let kind = TopologyKind::Sentinel(service.into());
        RedisTokenStoreBuilder::new(sentinels.into_iter().map(Into::into).collect(), kind, keys)
    }

    /// Reads the keys and connects: for a service that does so before it takes traffic. Without it the first call that needs a
    /// token does, within the [limit](RedisTokenStoreBuilder::limit); what takes longer, a vault for example, is there for the next.
    ///
    /// # Errors
    /// When Redis or a secret cannot be had. The service may start all the same.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the attempt running for the others.
    pub async fn connect(&self) -> Result<(), StoreError> {
        self.0.keyring.ring().await?;
        self.0.connection.get().await.map(drop)
    }

    pub(crate) fn new(endpoint: Endpoint, keys: EncryptionKeys, clock: Arc<dyn Clock>) -> Self {
        let wake_ups = WakeUps::new();
        Self(Arc::new(Inner {
            namespace: endpoint.namespace.clone(),
            limit: endpoint.limit,
            connection: Arc::new(SharedConnection::new(endpoint, wake_ups.clone())),
            keyring: Arc::new(Keyring::new(keys, Arc::clone(&clock))),
            wake_ups,
            clock,
        }))
    }
}

impl TokenStore for RedisTokenStore {
    async fn get(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        let (keys, ring) = (self.keys(key), self.0.keyring.ring().await?);
        let (value, left) = self.0.connection.query(script(scripts::LOOK, &[&keys.token])).await?;
        Ok(self.opened(key, &keys, &ring, StoredValue { value, left }).await)
    }

    async fn try_lease(&self, key: &TokenKey, holder: &str, time: Duration) -> Result<Leased, StoreError> {
        // An instance without keys could not publish; it must fail before others wait for it.
        let (keys, ring) = (self.keys(key), self.0.keyring.ring().await?);
        let mut command = script(scripts::LEASE, &[&keys.token, &keys.lease]);
        command.arg(holder).arg(at_least_1_ms(time));
        let (granted, lease_left, value, left): (bool, i64, _, _) = self.0.connection.query(command).await?;
        let lease = if granted { Lease::Granted } else { Lease::Held { left: duration(lease_left) } };
        Ok(Leased { lease, token: self.opened(key, &keys, &ring, StoredValue { value, left }).await })
    }

    async fn publish(&self, key: &TokenKey, holder: &str, token: &StoredToken) -> Result<(), StoreError> {
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

    /// Runs the scripts of a token with keys of its own: a full Redis or a replica can still be read,
    /// and a user may lack a permission.
    async fn probe(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.0.keyring.ring().await?;
        let [token, lease] = &self.keys(key).probes;
        let mut command = script(scripts::LEASE, &[token, lease]);
        command.arg("probe").arg(PROBE_LASTS);
        let _: redis::Value = self.0.connection.query(command).await?;
        let mut command = script(scripts::PUBLISH, &[token, lease]);
        command.arg("probe").arg("").arg(PROBE_LASTS).arg(channel(&self.0.namespace)).arg("");
        self.0.connection.query(command).await
    }

    fn limit(&self) -> Duration {
        self.0.limit
    }

    fn wake_ups(&self) -> Option<WakeUps> {
        Some(self.0.wake_ups.clone())
    }
}

/// A value in Redis, and for how many milliseconds it is kept.
struct StoredValue {
    value: Vec<u8>,
    left: i64,
}

impl RedisTokenStore {
    fn keys(&self, key: &TokenKey) -> TokenKeys {
        TokenKeys::new(&self.0.namespace, key)
    }

    /// Returns the token in a value, if it can be used. A value of no use is removed.
    async fn opened(
        &self,
        key: &TokenKey,
        keys: &TokenKeys,
        ring: &Ring,
        found: StoredValue,
    ) -> Option<StoredToken> {
        if found.value.is_empty() && found.left == NOT_THERE {
            return None;
        }
        let why = match open(ring, keys, &found) {
            Ok(stored) if self.0.clock.now() < stored.token().expires_at() => return Some(stored),
            // By our clock; the clock of another instance may differ.
            Ok(_expired) => return None,
            Err(why) => why,
        };
        record_invalid(key.client_id(), why);
        if why == InvalidValue::UnknownKey {
            self.0.keyring.reload_for_unknown_key();
        }
        // A value of no use must not keep a good one out; the script leaves one that has been
        // replaced since. A value with a key that others may have stays, for a day at most.
        if why != InvalidValue::UnknownKey || duration(found.left) > A_DAY {
            let mut command = script(scripts::CLEAR, &[&keys.token]);
            command.arg(found.value);
            // If this fails, the next command on the connection fails too.
            let _: Result<redis::Value, _> = self.0.connection.query(command).await;
        }
        None
    }
}

/// The reply of `PTTL` for a key that does not exist.
const NOT_THERE: i64 = -2;

const A_MINUTE: Duration = Duration::from_secs(60);
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the values of a probe are kept, in milliseconds.
const PROBE_LASTS: u64 = 1000;

fn open(ring: &Ring, keys: &TokenKeys, found: &StoredValue) -> Result<StoredToken, InvalidValue> {
    if found.value.len() > MAX_VALUE {
        return Err(InvalidValue::Malformed);
    }
    let stored = envelope::open(ring, &keys.token, &found.value)?;
    match u64::try_from(found.left) {
        // No instance stores a token for longer than it lives; but the clock of a Redis that takes
        // over may be behind.
        Ok(left) if Duration::from_millis(left) > stored.lifetime() + A_MINUTE => Err(InvalidValue::Tampered),
        Ok(left) => Ok(stored.with_time_left(Duration::from_millis(left))),
        Err(_without_an_end) => Err(InvalidValue::Tampered),
    }
}

fn record_invalid(client_id: &ClientId, why: InvalidValue) {
    counter!(REFUSED, "client_id" => client_id.to_string(), "reason" => why.as_str()).increment(1);
    let advice = match why {
        InvalidValue::Malformed => {
            "it is none of ours, and taken away; does something else use the namespace, or an instance not encrypt?"
        }
        InvalidValue::UnknownKey => {
            "its key is not among encryption_keys; others may have it, so it stays. Were keys rotated in two steps?"
        }
        InvalidValue::Tampered => {
            "it was changed, or moved here from elsewhere, and is taken away; who may write to this Redis?"
        }
    };
    tracing::warn!(
        target: TARGET,
        %client_id,
        reason = why.as_str(),
        "a stored token is not used: {advice}"
    );
}

fn script(source: &str, keys: &[&str]) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(source).arg(keys.len()).arg(keys);
    command
}

fn at_least_1_ms(time: Duration) -> u64 {
    millis(time).max(1)
}

fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}

impl fmt::Debug for RedisTokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTokenStore").field("namespace", &self.0.namespace).finish_non_exhaustive()
    }
}
