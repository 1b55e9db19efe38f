//! The servers of a store (a single server, a Cluster or Sentinels). Connects to these servers.

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

/// The servers of a store, and the settings of connections to these servers. `Display` prints
/// the addresses of the servers, for error messages.
#[derive(Clone, Debug)]
pub(crate) struct RedisEndpoint {
    pub(crate) topology: Topology,
    /// The first configured address. It is the address of the single server, of a node of the
    /// Cluster, or of a Sentinel.
    pub(crate) address: ConnectionAddr,
    /// The other configured addresses of nodes or Sentinels. Empty for a single server.
    pub(crate) other_addresses: Vec<ConnectionAddr>,
    /// The number of the database (`SELECT`). Always 0 on a Cluster.
    pub(crate) database: i64,
    pub(crate) settings: ConnectionSettings,
}

/// The settings of connections, except the addresses of the servers.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionSettings {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<SecretSource>,
    pub(crate) sentinel_username: Option<String>,
    pub(crate) sentinel_password: Option<SecretSource>,
    pub(crate) tls: TlsSettings,
    pub(crate) namespace: String,
    /// The timeout of the store. The client of a Cluster applies this timeout to each command.
    pub(crate) timeout: Duration,
}

/// The kind of the servers at the configured addresses.
#[derive(Clone, Debug)]
pub(crate) enum Topology {
    /// The address is the address of a single server.
    Single,
    /// The addresses are the addresses of some nodes of a Cluster.
    #[cfg(feature = "cluster")]
    Cluster,
    /// The addresses are the addresses of Sentinels, which report the address of the master.
    #[cfg(feature = "sentinel")]
    Sentinels {
        /// The name under which the Sentinels monitor the master.
        service: String,
    },
}

/// The passwords and certificates of a connection. The store reads them again for each new
/// connection, because they can be rotated.
struct Credentials {
    password: Option<Secret>,
    #[cfg(feature = "sentinel")]
    sentinel_password: Option<Secret>,
    certificates: Option<TlsCertificates>,
}

impl RedisEndpoint {
    /// Reads the credentials and connects. If there is a `notifier`, subscribes to the channel of
    /// notifications and forwards them to it.
    pub(crate) async fn connect(&self, notifier: Option<&Notifier>) -> Result<RedisConnection, StoreError> {
        let credentials = self.credentials().await?;
        let connection =
            self.open(&credentials, notifier).await.map_err(|error| store_error(&error, self))?;
        if notifier.is_none() {
            record_connection();
            return Ok(connection);
        }
        // A failed subscription is not an error: without notifications, instances that wait for a
        // token poll Redis.
        let channel = key_names::channel(&self.settings.namespace);
        let is_subscribed = connection.subscribe(&channel).await.is_ok();
        record_connection();
        if !is_subscribed {
            warn_without_notifications(&channel);
        }
        Ok(connection)
    }

    /// Reads the passwords. For a TLS connection, also reads the certificates.
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

    /// Connects and authenticates with `credentials`. The connection forwards notifications to
    /// `notifier`, if there is one.
    async fn open(
        &self,
        credentials: &Credentials,
        notifier: Option<&Notifier>,
    ) -> RedisResult<RedisConnection> {
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
            Topology::Sentinels { .. } => "Redis behind the Sentinels",
        };
        write!(f, "{kind} at {}", self.address)?;
        self.other_addresses.iter().try_for_each(|other| write!(f, ", {other}"))
    }
}

/// Reads the password from `source`. Returns `None` if no source is configured.
async fn secret(source: Option<&SecretSource>) -> Result<Option<Secret>, StoreError> {
    let Some(source) = source else { return Ok(None) };
    let read = source.resolve().await.map_err(|error| {
        StoreError::new("cannot read the password for Redis; the cause names its reference")
            .with_source(error)
    })?;
    Ok(Some(read.secret().clone()))
}

/// Counts and logs a new connection.
fn record_connection() {
    counter!(CONNECTIONS).increment(1);
    tracing::debug!(target: TARGET, "connected to Redis");
}

/// Logs that a new connection is not subscribed to `channel`, the channel of notifications.
fn warn_without_notifications(channel: &str) {
    tracing::warn!(
        target: TARGET,
        channel,
        "connected to Redis, but cannot subscribe to notifications, so waiting instances poll; grant the channel \
         to the Redis user: ACL SETUSER <user> &{channel}"
    );
}
