//! The Redis server, Cluster or Sentinels of a store, and how a connection is established.

mod clients;
mod notifications;

use std::{fmt, time::Duration};

use metrics::counter;
use passport_outbound::{Notifier, Secret, SecretSource, StoreError};
use redis::{ConnectionAddr, RedisResult, TlsCertificates};

use super::{
    server_or_cluster::RedisConnection,
    tls::{self, TlsSettings},
};
use crate::{
    error::store_error,
    key_names,
    metrics::{CONNECTIONS, TARGET},
};

/// The servers of a store, and the settings of a connection to them. `Display` names the servers
/// in errors.
#[derive(Clone, Debug)]
pub(crate) struct RedisEndpoint {
    pub(crate) topology: Topology,
    /// The address of the server, of a node of a Cluster, or of a Sentinel.
    pub(crate) address: ConnectionAddr,
    /// Addresses of other nodes or Sentinels.
    pub(crate) other_addresses: Vec<ConnectionAddr>,
    pub(crate) database: i64,
    pub(crate) settings: ConnectionSettings,
}

/// The settings of a connection that do not depend on the servers.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionSettings {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<SecretSource>,
    pub(crate) sentinel_username: Option<String>,
    pub(crate) sentinel_password: Option<SecretSource>,
    pub(crate) tls: TlsSettings,
    pub(crate) namespace: String,
    /// The time limit of a command on a Cluster.
    pub(crate) timeout: Duration,
}

/// The kind of servers at the addresses.
#[derive(Clone, Debug)]
pub(crate) enum Topology {
    /// One server.
    Single,
    /// Nodes of a Cluster.
    #[cfg(feature = "cluster")]
    Cluster,
    /// Sentinels, which report the address of the master.
    #[cfg(feature = "sentinel")]
    Sentinels {
        /// The name of the master at the Sentinels.
        service: String,
    },
}

/// The secrets of a connection. They are read for each connection, as they may be rotated.
struct Credentials {
    password: Option<Secret>,
    #[cfg(feature = "sentinel")]
    sentinel_password: Option<Secret>,
    certificates: Option<TlsCertificates>,
}

impl RedisEndpoint {
    /// Returns a new connection, which forwards notifications to `notifier`.
    pub(crate) async fn connect(&self, notifier: &Notifier) -> Result<RedisConnection, StoreError> {
        let credentials = self.credentials().await?;
        let connection =
            self.open(&credentials, notifier).await.map_err(|error| store_error(&error, self))?;
        // A failed subscription is no error, because waiting instances also poll.
        let channel = key_names::channel(&self.settings.namespace);
        let is_subscribed = connection.subscribe(&channel).await.is_ok();
        record_connection(is_subscribed, &channel);
        Ok(connection)
    }

    async fn credentials(&self) -> Result<Credentials, StoreError> {
        let password = secret(self.settings.password.as_ref()).await?;
        let certificates = if matches!(self.address, ConnectionAddr::TcpTls { .. }) {
            tls::install_crypto_provider();
            Some(self.settings.tls.read().await?)
        } else {
            None
        };
        Ok(Credentials {
            password,
            #[cfg(feature = "sentinel")]
            sentinel_password: secret(self.settings.sentinel_password.as_ref()).await?,
            certificates,
        })
    }

    async fn open(&self, credentials: &Credentials, notifier: &Notifier) -> RedisResult<RedisConnection> {
        match &self.topology {
            Topology::Single => {
                let (client, config) = (self.client(credentials)?, clients::config(notifier));
                let connection = client.get_multiplexed_async_connection_with_config(&config);
                connection.await.map(RedisConnection::Server)
            }
            #[cfg(feature = "cluster")]
            Topology::Cluster => {
                let client = self.cluster(credentials, notifier)?;
                client.get_async_connection().await.map(RedisConnection::Cluster)
            }
            #[cfg(feature = "sentinel")]
            Topology::Sentinels { service } => {
                let (mut client, config) = (self.sentinels(service, credentials)?, clients::config(notifier));
                client.get_async_connection_with_config(&config).await.map(RedisConnection::Server)
            }
        }
    }
}

impl fmt::Display for RedisEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.topology {
            Topology::Single => "Redis",
            #[cfg(feature = "cluster")]
            Topology::Cluster => "Redis Cluster",
            #[cfg(feature = "sentinel")]
            Topology::Sentinels { .. } => "Redis Sentinels",
        };
        write!(f, "{kind} at {}", self.address)?;
        self.other_addresses.iter().try_for_each(|other| write!(f, ", {other}"))
    }
}

/// Reads the secret from `source`, if there is one.
async fn secret(source: Option<&SecretSource>) -> Result<Option<Secret>, StoreError> {
    let Some(source) = source else { return Ok(None) };
    let read = source.resolve().await.map_err(|error| {
        StoreError::new("cannot read the password for Redis; the cause names its reference")
            .with_source(error)
    })?;
    Ok(Some(read.secret().clone()))
}

/// Counts and logs a new connection. `channel` is the channel of notifications.
fn record_connection(is_subscribed: bool, channel: &str) {
    counter!(CONNECTIONS).increment(1);
    if is_subscribed {
        tracing::debug!(target: TARGET, "connected to Redis");
    } else {
        tracing::warn!(
            target: TARGET,
            channel,
            "connected to Redis, but cannot subscribe to notifications, so waiting instances poll; grant the channel \
             to the Redis user: ACL SETUSER <user> &{channel}"
        );
    }
}
