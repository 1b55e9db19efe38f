//! The Redis server, Cluster or Sentinels, and how a connection is made.

use std::time::Duration;

use metrics::counter;
use passport_outbound::{Secret, SecretSource, StoreError, WakeUps};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo, ProtocolVersion,
    PushInfo, PushKind, RedisError, RedisResult, TlsCertificates, Value,
    aio::{MultiplexedConnection, SendError},
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};

#[cfg(any(feature = "cluster", feature = "sentinel"))]
use redis::TlsMode;

use crate::{
    error::store_error,
    keys,
    metrics::{CONNECTIONS, TARGET},
    tls::{self, Tls},
};

const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
const KEEPALIVE_EACH: Duration = Duration::from_secs(10);

/// The settings of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) topology: Topology,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<SecretSource>,
    pub(crate) tls: Tls,
    pub(crate) database: i64,
    pub(crate) namespace: String,
    /// How long a command may take.
    pub(crate) limit: Duration,
}

/// Which servers there are.
#[derive(Clone, Debug)]
pub(crate) enum Topology {
    Single(ConnectionAddr),
    /// The addresses of some nodes.
    #[cfg(feature = "cluster")]
    Cluster(Vec<ConnectionAddr>),
    #[cfg(feature = "sentinel")]
    Sentinels(Sentinels),
}

/// The Sentinels, which know the address of the master.
#[cfg(feature = "sentinel")]
#[derive(Clone, Debug)]
pub(crate) struct Sentinels {
    pub(crate) sentinels: Vec<ConnectionAddr>,
    pub(crate) service: String,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<SecretSource>,
}

/// A connection. Cheap to clone; it ends with its last clone.
#[derive(Clone)]
pub(crate) enum Connection {
    One(MultiplexedConnection),
    #[cfg(feature = "cluster")]
    Cluster(redis::cluster_async::ClusterConnection),
}

impl Connection {
    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> RedisResult<T> {
        match self.clone() {
            Self::One(mut connection) => command.query_async(&mut connection).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(mut connection) => command.query_async(&mut connection).await,
        }
    }

    async fn subscribe(&self, channel: &str) -> RedisResult<()> {
        match self.clone() {
            Self::One(mut connection) => connection.subscribe(channel).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(mut connection) => connection.subscribe(channel).await,
        }
    }
}

impl Endpoint {
    /// Returns a new connection, which forwards notifications to `wake_ups`.
    pub(crate) async fn connect(&self, wake_ups: &WakeUps) -> Result<Connection, StoreError> {
        let password = secret(self.password.as_ref()).await?;
        let certificates = if self.is_tls() {
            tls::choose_a_provider();
            Some(self.tls.read().await?)
        } else {
            None
        };
        let connection = self.connected(password, certificates, wake_ups).await?;
        // Without notifications the store works, as waiting instances look again from time to time.
        let is_subscribed = connection.subscribe(&keys::channel(&self.namespace)).await.is_ok();
        record_connection(is_subscribed);
        Ok(connection)
    }

    async fn connected(
        &self,
        password: Option<Secret>,
        certificates: Option<TlsCertificates>,
        wake_ups: &WakeUps,
    ) -> Result<Connection, StoreError> {
        let password = password.as_ref();
        match &self.topology {
            Topology::Single(address) => {
                let (client, config) = (self.client(address, password, certificates), Self::config(wake_ups));
                let client = client.map_err(to_store_error)?;
                let connection = client.get_multiplexed_async_connection_with_config(&config).await;
                connection.map(Connection::One).map_err(to_store_error)
            }
            #[cfg(feature = "cluster")]
            Topology::Cluster(nodes) => {
                let client = self.cluster(nodes, password, certificates, wake_ups).map_err(to_store_error)?;
                client.get_async_connection().await.map(Connection::Cluster).map_err(to_store_error)
            }
            #[cfg(feature = "sentinel")]
            Topology::Sentinels(sentinels) => {
                let sentinel_password = secret(sentinels.password.as_ref()).await?;
                let client = self.sentinels(sentinels, sentinel_password.as_ref(), password, certificates);
                let (mut client, config) = (client.map_err(to_store_error)?, Self::config(wake_ups));
                let connection = client.get_async_connection_with_config(&config).await;
                connection.map(Connection::One).map_err(to_store_error)
            }
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        let address = match &self.topology {
            Topology::Single(address) => Some(address),
            #[cfg(feature = "cluster")]
            Topology::Cluster(nodes) => nodes.first(),
            #[cfg(feature = "sentinel")]
            Topology::Sentinels(sentinels) => sentinels.sentinels.first(),
        };
        matches!(address, Some(ConnectionAddr::TcpTls { .. }))
    }

    fn config(wake_ups: &WakeUps) -> AsyncConnectionConfig {
        AsyncConnectionConfig::new()
            // Callers have limits of their own.
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(push_sender(wake_ups.clone()))
    }

    fn client(
        &self,
        address: &ConnectionAddr,
        password: Option<&Secret>,
        certificates: Option<TlsCertificates>,
    ) -> RedisResult<Client> {
        let info = address.clone().into_connection_info()?;
        let mut settings = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3)
            .set_db(self.database)
            .set_skip_set_lib_name();
        if let Some(username) = &self.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = password {
            settings = settings.set_password(password.expose());
        }
        let info = info.set_redis_settings(settings).set_tcp_settings(tcp());
        match certificates {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        }
    }

    #[cfg(feature = "cluster")]
    fn cluster(
        &self,
        nodes: &[ConnectionAddr],
        password: Option<&Secret>,
        certificates: Option<TlsCertificates>,
        wake_ups: &WakeUps,
    ) -> RedisResult<redis::cluster::ClusterClient> {
        let mut builder = redis::cluster::ClusterClientBuilder::new(nodes.iter().cloned())
            .use_protocol(ProtocolVersion::RESP3)
            .tcp_settings(tcp())
            .connection_timeout(self.limit)
            .response_timeout(self.limit)
            .overall_response_timeout(Some(self.limit))
            // Slots move. What takes longer opens the circuit. Every script may run twice.
            .retries(3)
            .min_retry_wait(5)
            .max_retry_wait(50)
            .push_sender(push_sender(wake_ups.clone()));
        if let Some(username) = &self.username {
            builder = builder.username(username);
        }
        if let Some(password) = password {
            builder = builder.password(password.expose());
        }
        if let Some(certificates) = certificates {
            builder = builder.tls(TlsMode::Secure).certs(certificates);
        }
        builder.build()
    }

    #[cfg(feature = "sentinel")]
    fn sentinels(
        &self,
        sentinels: &Sentinels,
        sentinel_password: Option<&Secret>,
        password: Option<&Secret>,
        certificates: Option<TlsCertificates>,
    ) -> RedisResult<redis::sentinel::SentinelClient> {
        use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
        let (addresses, service) = (sentinels.sentinels.clone(), &sentinels.service);
        let mut builder = SentinelClientBuilder::new(addresses, service, SentinelServerType::Master)?
            .set_client_to_redis_protocol(ProtocolVersion::RESP3)
            .set_client_to_redis_db(self.database)
            .set_client_to_redis_tcp_settings(tcp())
            .set_client_to_sentinel_tcp_settings(tcp());
        if let Some(username) = &self.username {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = password {
            builder = builder.set_client_to_redis_password(password.expose());
        }
        if let Some(username) = &sentinels.username {
            builder = builder.set_client_to_sentinel_username(username);
        }
        if let Some(password) = sentinel_password {
            builder = builder.set_client_to_sentinel_password(password.expose());
        }
        if let Some(certificates) = certificates {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates);
        }
        builder.build()
    }
}

/// With keepalives: a connection is used once in a token's life, and a firewall may forget it without
/// closing it.
fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EACH);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(KEEPALIVE_AFTER);
    settings
}

async fn secret(source: Option<&SecretSource>) -> Result<Option<Secret>, StoreError> {
    let Some(source) = source else { return Ok(None) };
    let read = source.resolve().await.map_err(|error| {
        StoreError::new("the password for Redis could not be read; see where it lies").caused_by(error)
    })?;
    Ok(Some(read.secret().clone()))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn to_store_error(error: RedisError) -> StoreError {
    store_error(&error)
}

fn record_connection(is_subscribed: bool) {
    counter!(CONNECTIONS).increment(1);
    if is_subscribed {
        tracing::debug!(target: TARGET, "connected to Redis");
    } else {
        tracing::warn!(
            target: TARGET,
            "connected to Redis, but it does not let us subscribe to news; instances that wait look instead. Allow the \
             channels of the namespace to the user (&passport:*)"
        );
    }
}

/// No key is longer: a client id of 256 bytes, and a digest.
const MAX_KEY: usize = 512;

/// Returns the handler of Redis' pushes, which forwards notifications. It runs in the task that reads
/// the connection, so it does no more.
fn push_sender(wake_ups: WakeUps) -> impl Fn(PushInfo) -> Result<(), SendError> {
    move |push| {
        if let (PushKind::Message, [_channel, Value::BulkString(key)]) = (&push.kind, &*push.data)
            && key.len() <= MAX_KEY
            && let Ok(key) = str::from_utf8(key)
        {
            wake_ups.wake(key);
        }
        Ok(())
    }
}
