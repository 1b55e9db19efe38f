use std::{fmt, sync::Arc, time::Duration};

use passport_core::Clock;
use passport_outbound::{AccessToken, Lease, Leased, StoreError, StoredToken, TokenKey, TokenStore, WakeUps};
use redis::{Cmd, cmd};

use crate::{
    EncryptionKeys, RedisTokenStoreBuilder,
    builder::Kind,
    envelope::{self, MARK_IN_LUA, Refused, Ring},
    keyring::Keyring,
    link::Link,
    names::{Names, channel},
    scripts::{self, MAX_VALUE},
    target::Target,
    telemetry,
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
    link: Arc<Link>,
    keyring: Arc<Keyring>,
    wake_ups: WakeUps,
    clock: Arc<dyn Clock>,
    limit: Duration,
}

impl RedisTokenStore {
    /// A store on the Redis at `url`: `redis://host:6379`, `rediss://host:6379` with TLS, `unix:///run/redis.sock`; a number
    /// behind it (`/2`, of a socket `?db=2`) is the database.
    pub fn builder(url: impl Into<String>, keys: EncryptionKeys) -> RedisTokenStoreBuilder {
        RedisTokenStoreBuilder::new(vec![url.into()], Kind::One, keys)
    }

    /// A store on a Redis Cluster; `nodes` are the URLs of some of its nodes, of which one has to be there.
    #[cfg(feature = "cluster")]
    pub fn cluster<I: IntoIterator<Item: Into<String>>>(
        nodes: I,
        keys: EncryptionKeys,
    ) -> RedisTokenStoreBuilder {
        RedisTokenStoreBuilder::new(nodes.into_iter().map(Into::into).collect(), Kind::Cluster, keys)
    }

    /// A store on the Redis that Sentinels call the master of `service`; `sentinels` are their URLs.
    #[cfg(feature = "sentinel")]
    pub fn sentinel<I: IntoIterator<Item: Into<String>>>(
        sentinels: I,
        service: impl Into<String>,
        keys: EncryptionKeys,
    ) -> RedisTokenStoreBuilder {
        let kind = Kind::Sentinel(service.into());
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
        self.0.link.connection().await.map(drop)
    }

    pub(crate) fn new(target: Target, keys: EncryptionKeys, clock: Arc<dyn Clock>) -> Self {
        let wake_ups = WakeUps::new();
        Self(Arc::new(Inner {
            namespace: target.namespace.clone(),
            limit: target.limit,
            link: Arc::new(Link::new(target, wake_ups.clone())),
            keyring: Arc::new(Keyring::new(keys, Arc::clone(&clock))),
            wake_ups,
            clock,
        }))
    }
}

impl TokenStore for RedisTokenStore {
    async fn get(&self, key: &TokenKey) -> Result<Option<StoredToken>, StoreError> {
        let (names, ring) = (self.names(key), self.0.keyring.ring().await?);
        let (value, left) = self.0.link.ask(script(scripts::LOOK, &[&names.token])).await?;
        Ok(self.opened(key, &names, &ring, Found { value, left }).await)
    }

    async fn try_lease(&self, key: &TokenKey, holder: &str, time: Duration) -> Result<Leased, StoreError> {
        // Who has no keys could not publish, and is to find out before others wait for it.
        let (names, ring) = (self.names(key), self.0.keyring.ring().await?);
        let mut command = script(scripts::LEASE, &[&names.token, &names.lease]);
        command.arg(holder).arg(milliseconds(time));
        let (granted, lease_left, value, left): (bool, i64, _, _) = self.0.link.ask(command).await?;
        let lease = if granted { Lease::Granted } else { Lease::Held { left: duration(lease_left) } };
        Ok(Leased { lease, token: self.opened(key, &names, &ring, Found { value, left }).await })
    }

    async fn publish(&self, key: &TokenKey, holder: &str, token: &StoredToken) -> Result<(), StoreError> {
        let names = self.names(key);
        // A wall clock may have been set back since.
        let left = token.token().expires_at().duration_since(self.0.clock.now()).unwrap_or_default();
        let left = left.min(token.lifetime());
        let ring = self.0.keyring.ring().await?;
        let value = envelope::seal(&ring, &names.token, token).filter(|value| value.len() <= MAX_VALUE);
        let Some(value) = value.filter(|_| !left.is_zero()) else {
            // There is nothing to keep; the others go on all the same.
            return self.release(key, holder).await;
        };
        let mut command = script(scripts::PUBLISH, &[&names.token, &names.lease]);
        command
            .arg(holder)
            .arg(value)
            .arg(milliseconds(left))
            .arg(channel(&self.0.namespace))
            .arg(key.to_string());
        self.0.link.ask(command).await
    }

    async fn release(&self, key: &TokenKey, holder: &str) -> Result<(), StoreError> {
        let names = self.names(key);
        let mut command = script(scripts::RELEASE, &[&names.token, &names.lease]);
        command.arg(holder).arg(channel(&self.0.namespace)).arg(key.to_string());
        self.0.link.ask(command).await
    }

    async fn remove(&self, key: &TokenKey, token: &AccessToken) -> Result<(), StoreError> {
        let (first, last) = MARK_IN_LUA;
        let mut command = script(scripts::REMOVE, &[&self.names(key).token]);
        command.arg(&envelope::mark(token)).arg(first).arg(last);
        self.0.link.ask(command).await
    }

    /// Does what is done for a token, in another place: a Redis that is full, or a replica, can still be read, and a user may
    /// lack a right.
    async fn probe(&self, key: &TokenKey) -> Result<(), StoreError> {
        self.0.keyring.ring().await?;
        let [place, lease] = &self.names(key).probes;
        let mut command = script(scripts::LEASE, &[place, lease]);
        command.arg("probe").arg(PROBE_LASTS);
        let _: redis::Value = self.0.link.ask(command).await?;
        let mut command = script(scripts::PUBLISH, &[place, lease]);
        command.arg("probe").arg("").arg(PROBE_LASTS).arg(channel(&self.0.namespace)).arg("");
        self.0.link.ask(command).await
    }

    fn limit(&self) -> Duration {
        self.0.limit
    }

    fn wake_ups(&self) -> Option<WakeUps> {
        Some(self.0.wake_ups.clone())
    }
}

/// What stands in Redis, and for how many milliseconds yet.
struct Found {
    value: Vec<u8>,
    left: i64,
}

impl RedisTokenStore {
    fn names(&self, key: &TokenKey) -> Names {
        Names::new(&self.0.namespace, key)
    }

    /// The token in what was found, if it is of use.
    async fn opened(&self, key: &TokenKey, names: &Names, ring: &Ring, found: Found) -> Option<StoredToken> {
        if found.value.is_empty() && found.left == NOT_THERE {
            return None;
        }
        let why = match open(ring, names, &found) {
            Ok(stored) if self.0.clock.now() < stored.token().expires_at() => return Some(stored),
            // By our clock; others may see it otherwise.
            Ok(_expired) => return None,
            Err(why) => why,
        };
        telemetry::refused(key.client_id(), why);
        if why == Refused::UnknownKey {
            self.0.keyring.lacks_one();
        }
        // What nobody can use is taken away, unless it has been replaced meanwhile: it must not keep out what can be used. What
        // has a key that others may have stays, but for a day at most.
        if why != Refused::UnknownKey || duration(found.left) > A_DAY {
            let mut command = script(scripts::CLEAR, &[&names.token]);
            command.arg(found.value);
            // Whether it works is seen by whoever needs it to.
            let _: Result<redis::Value, _> = self.0.link.ask(command).await;
        }
        None
    }
}

/// What `PTTL` says of what is not there.
const NOT_THERE: i64 = -2;

const A_MINUTE: Duration = Duration::from_secs(60);
const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long what a probe writes is kept, in milliseconds.
const PROBE_LASTS: u64 = 1000;

fn open(ring: &Ring, names: &Names, found: &Found) -> Result<StoredToken, Refused> {
    if found.value.len() > MAX_VALUE {
        return Err(Refused::Malformed);
    }
    let stored = envelope::open(ring, &names.token, &found.value)?;
    match u64::try_from(found.left) {
        // Nobody of ours keeps a token for longer than it lives; but the clock of a Redis that takes over may be behind.
        Ok(left) if Duration::from_millis(left) > stored.lifetime() + A_MINUTE => Err(Refused::Tampered),
        Ok(left) => Ok(stored.with_time_left(Duration::from_millis(left))),
        Err(_without_an_end) => Err(Refused::Tampered),
    }
}

fn script(source: &str, keys: &[&str]) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(source).arg(keys.len()).arg(keys);
    command
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn duration(milliseconds: i64) -> Duration {
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())
}

impl fmt::Debug for RedisTokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTokenStore").field("namespace", &self.0.namespace).finish_non_exhaustive()
    }
}
