//! Configures the clients of the `redis` crate for a server, a Cluster or Sentinels.

use std::time::Duration;

use passport_outbound::Notifier;
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, RedisResult,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};

#[cfg(any(feature = "cluster", feature = "sentinel"))]
use redis::{ConnectionAddr, TlsMode};

use super::{Credentials, RedisEndpoint, notifications::push_sender};

/// How long a connection is idle before TCP sends the first keepalive probe. On Linux, this is
/// also how long sent data can stay unacknowledged before the connection is closed.
const KEEPALIVE_TIME: Duration = Duration::from_secs(30);
/// The interval between two keepalive probes without a response.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Returns the settings of a connection to a single server.
pub(super) fn config(notifier: Option<&Notifier>) -> AsyncConnectionConfig {
    let config = AsyncConnectionConfig::new()
        // The client of the `redis` crate has no timeouts, because the callers of the store
        // apply the timeout of the store.
        .set_connection_timeout(None)
        .set_response_timeout(None);
    match notifier {
        Some(notifier) => config.set_push_sender(push_sender(notifier.clone())),
        None => config,
    }
}

impl RedisEndpoint {
    /// Returns a client for the server at `address`.
    pub(super) fn client(&self, credentials: &Credentials) -> RedisResult<Client> {
        let info = self.address.clone().into_connection_info()?;
        let mut settings = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3)
            .set_db(self.database)
            .set_skip_set_lib_name();
        if let Some(username) = &self.settings.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &credentials.password {
            settings = settings.set_password(password.expose());
        }
        let info = info.set_redis_settings(settings).set_tcp_settings(tcp());
        match &credentials.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }

    /// Returns a client for the Cluster whose nodes are at the configured addresses. Unlike the
    /// other clients, this client applies the timeout of the store itself.
    #[cfg(feature = "cluster")]
    pub(super) fn cluster(
        &self,
        credentials: &Credentials,
        notifier: Option<&Notifier>,
    ) -> RedisResult<redis::cluster::ClusterClient> {
        let mut builder = redis::cluster::ClusterClientBuilder::new(self.addresses())
            .use_protocol(ProtocolVersion::RESP3)
            .tcp_settings(tcp())
            .connection_timeout(self.settings.timeout)
            .response_timeout(self.settings.timeout)
            .overall_response_timeout(Some(self.settings.timeout))
            // A command fails while the slot of its Redis keys moves between nodes. Retries are
            // safe, because every script is idempotent.
            .retries(3)
            .min_retry_wait(5)
            .max_retry_wait(50);
        if let Some(notifier) = notifier {
            builder = builder.push_sender(push_sender(notifier.clone()));
        }
        if let Some(username) = &self.settings.username {
            builder = builder.username(username);
        }
        if let Some(password) = &credentials.password {
            builder = builder.password(password.expose());
        }
        if let Some(certificates) = &credentials.certificates {
            builder = builder.tls(TlsMode::Secure).certs(certificates.clone());
        }
        builder.build()
    }

    /// Returns a client for the master with the name `service`. The Sentinels at the configured
    /// addresses report the current address of the master.
    #[cfg(feature = "sentinel")]
    pub(super) fn sentinels(
        &self,
        service: &str,
        credentials: &Credentials,
    ) -> RedisResult<redis::sentinel::SentinelClient> {
        use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
        let mut builder = SentinelClientBuilder::new(self.addresses(), service, SentinelServerType::Master)?
            .set_client_to_redis_protocol(ProtocolVersion::RESP3)
            .set_client_to_redis_db(self.database)
            .set_client_to_redis_tcp_settings(tcp())
            .set_client_to_sentinel_tcp_settings(tcp());
        if let Some(username) = &self.settings.username {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = &credentials.password {
            builder = builder.set_client_to_redis_password(password.expose());
        }
        if let Some(username) = &self.settings.sentinel_username {
            builder = builder.set_client_to_sentinel_username(username);
        }
        if let Some(password) = &credentials.sentinel_password {
            builder = builder.set_client_to_sentinel_password(password.expose());
        }
        if let Some(certificates) = &credentials.certificates {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates.clone());
        }
        builder.build()
    }

    /// Returns the addresses of all configured nodes or Sentinels.
    #[cfg(any(feature = "cluster", feature = "sentinel"))]
    fn addresses(&self) -> impl Iterator<Item = ConnectionAddr> {
        std::iter::once(&self.address).chain(&self.other_addresses).cloned()
    }
}

/// Returns TCP settings with keepalives. A connection may be idle for the lifetime of a token,
/// and a firewall may drop an idle connection without closing it. Keepalives detect this.
fn tcp() -> TcpSettings {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_TIME).with_interval(KEEPALIVE_INTERVAL);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(KEEPALIVE_TIME);
    settings
}
