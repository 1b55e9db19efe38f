//! The Redis server, Cluster or Sentinels, and how a connection is made.

mod clients;
mod notifications;

use std::time::Duration;

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

/// The servers, and the settings of a connection to them.
#[derive(Clone, Debug)]
pub(crate) struct RedisEndpoint {
    pub(crate) topology: Topology,
    /// The address of the server, of a node of a Cluster, or of a Sentinel.
    pub(crate) address: ConnectionAddr,
    /// Addresses of other nodes or Sentinels.
    #[cfg_attr(
        not(any(feature = "cluster", feature = "sentinel")),
        expect(dead_code, reason = "one server has one address")
    )]
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
    /// How long a command may take.
    pub(crate) timeout: Duration,
}

/// Which servers the addresses lead to.
#[derive(Clone, Debug)]
pub(crate) enum Topology {
    Single,
    #[cfg(feature = "cluster")]
    Cluster,
    /// Sentinels, which know the address of the master.
    #[cfg(feature = "sentinel")]
    Sentinels {
        service: String,
    },
}

/// The secrets of a connection, which are read for each.
struct Credentials {
    password: Option<Secret>,
    #[cfg(feature = "sentinel")]
    sentinel_password: Option<Secret>,
    certificates: Option<TlsCertificates>,
}

impl RedisEndpoint {
    /// Returns a new connection, which forwards notifications to `notifications`.
    pub(crate) async fn connect(&self, notifier: &Notifier) -> Result<RedisConnection, StoreError> {
        let credentials = self.credentials().await?;
        let connection = self.open(&credentials, notifier).await.map_err(|error| store_error(&error))?;
        // Without notifications the store works, as waiting instances look again from time to time.
        let is_subscribed = connection.subscribe(&key_names::channel(&self.settings.namespace)).await.is_ok();
        record_connection(is_subscribed);
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
                connection.await.map(RedisConnection::One)
            }
            #[cfg(feature = "cluster")]
            Topology::Cluster => {
                let client = self.cluster(credentials, notifier)?;
                client.get_async_connection().await.map(RedisConnection::Cluster)
            }
            #[cfg(feature = "sentinel")]
            Topology::Sentinels { service } => {
                let (mut client, config) = (self.sentinels(service, credentials)?, clients::config(notifier));
                client.get_async_connection_with_config(&config).await.map(RedisConnection::One)
            }
        }
    }
}

async fn secret(source: Option<&SecretSource>) -> Result<Option<Secret>, StoreError> {
    let Some(source) = source else { return Ok(None) };
    let read = source.resolve().await.map_err(|error| {
        StoreError::new("the password for Redis could not be read; see where it lies").with_source(error)
    })?;
    Ok(Some(read.secret().clone()))
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
