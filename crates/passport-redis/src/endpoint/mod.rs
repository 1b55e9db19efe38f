//! The Redis server, Cluster or Sentinels, and how a connection is made.

mod clients;
mod notifications;

use std::time::Duration;

use metrics::counter;
use passport_outbound::{Secret, SecretSource, StoreError, WakeUps};
use redis::{ConnectionAddr, RedisError, TlsCertificates};

use crate::{
    error::store_error,
    keys,
    metrics::{CONNECTIONS, TARGET},
    redis_connection::RedisConnection,
    tls::{self, Tls},
};

/// The settings of a connection.
#[derive(Clone, Debug)]
pub(crate) struct RedisEndpoint {
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

impl RedisEndpoint {
    /// Returns a new connection, which forwards notifications to `wake_ups`.
    pub(crate) async fn connect(&self, wake_ups: &WakeUps) -> Result<RedisConnection, StoreError> {
        let password = secret(self.password.as_ref()).await?;
        let certificates = if self.is_tls() {
            tls::install_crypto_provider();
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
    ) -> Result<RedisConnection, StoreError> {
        let password = password.as_ref();
        match &self.topology {
            Topology::Single(address) => {
                let (client, config) =
                    (self.client(address, password, certificates), clients::config(wake_ups));
                let client = client.map_err(to_store_error)?;
                let connection = client.get_multiplexed_async_connection_with_config(&config).await;
                connection.map(RedisConnection::One).map_err(to_store_error)
            }
            #[cfg(feature = "cluster")]
            Topology::Cluster(nodes) => {
                let client = self.cluster(nodes, password, certificates, wake_ups).map_err(to_store_error)?;
                client.get_async_connection().await.map(RedisConnection::Cluster).map_err(to_store_error)
            }
            #[cfg(feature = "sentinel")]
            Topology::Sentinels(sentinels) => {
                let sentinel_password = secret(sentinels.password.as_ref()).await?;
                let client = self.sentinels(sentinels, sentinel_password.as_ref(), password, certificates);
                let (mut client, config) = (client.map_err(to_store_error)?, clients::config(wake_ups));
                let connection = client.get_async_connection_with_config(&config).await;
                connection.map(RedisConnection::One).map_err(to_store_error)
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
