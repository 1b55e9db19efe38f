//! Checks of a store's settings. Each invalid setting becomes a [`ConfigProblem`] that names the
//! remedy.

use std::{ops::RangeInclusive, time::Duration};

use passport_core::ConfigProblem;
use redis::{ConnectionAddr, IntoConnectionInfo};

use super::RedisStoreBuilder;
use crate::connection::Topology;

/// The allowed values of [`RedisStoreBuilder::timeout`].
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(5);

/// The maximum length of a namespace, in bytes.
const MAX_NAMESPACE: usize = 64;

/// The name of the setting in problems of a server's URL.
pub(super) const URL: &str = "url";

impl<S> RedisStoreBuilder<S> {
    /// Parses the URLs. Returns the addresses of the servers and the number of the database. Adds a
    /// problem to `problems` for each invalid URL, if there is no URL, and if the URLs name
    /// different databases or a database that the topology does not have.
    pub(super) fn addresses(&self, problems: &mut Vec<ConfigProblem>) -> (Vec<ConnectionAddr>, i64) {
        let mut problem = |problem| problems.push(ConfigProblem::new(URL, problem));
        let (mut addresses, mut databases) = (Vec::new(), Vec::new());
        for url in &self.urls {
            // The error of the URL parser is dropped, because its text may quote a password.
            let Ok(info) = url.as_str().into_connection_info() else {
                problem("not a Redis URL; write redis://host:6379, rediss://host:6379 or unix:///path");
                continue;
            };
            let settings = info.redis_settings();
            if settings.password().is_some() || settings.username().is_some() {
                problem(
                    "must not contain a user name or password, because URLs appear in logs; set username and the reference of the password",
                );
            }
            databases.push(settings.db());
            addresses.push(info.addr().clone());
        }
        if self.urls.is_empty() {
            problem("no servers are configured; set the URL of at least one");
        }
        let database = databases.first().copied().unwrap_or_default();
        if databases.iter().any(|other| *other != database) {
            problem("the URLs name different databases; write the same number in all");
        }
        #[cfg(feature = "cluster")]
        if database != 0 && matches!(self.topology, Topology::Cluster) {
            problem("a Redis Cluster has only database 0; remove the number from the URL");
        }
        (addresses, database)
    }

    /// Checks the settings other than the syntax of the URLs. Adds a problem to `problems` for each
    /// invalid setting, and for each setting that contradicts the `addresses` of the servers.
    pub(super) fn check_options(&self, addresses: &[ConnectionAddr], problems: &mut Vec<ConfigProblem>) {
        let settings = &self.settings;
        let mut problem = |option: &'static str, problem| problems.push(ConfigProblem::new(option, problem));
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if settings.namespace.is_empty()
            || settings.namespace.len() > MAX_NAMESPACE
            || !settings.namespace.bytes().all(is_name)
        {
            problem("namespace", "must be 1 to 64 letters, digits or any of -._:");
        }
        if !TIMEOUTS.contains(&settings.timeout) {
            problem("timeout", "must be between 10 ms and 5 s");
        }
        if settings.username.is_some() && settings.password.is_none() {
            problem("password", "missing; without it the user name is not sent to Redis");
        }
        if settings.sentinel_username.is_some() && settings.sentinel_password.is_none() {
            problem("sentinel_password", "missing; without it the user name is not sent to the Sentinels");
        }
        let has_sentinels = match self.topology {
            #[cfg(feature = "sentinel")]
            Topology::Sentinels { .. } => true,
            _ => false,
        };
        if settings.sentinel_password.is_some() && !has_sentinels {
            problem("sentinel_password", "set without Sentinels; remove it, or connect through Sentinels");
        }
        let is_tls = |address: &ConnectionAddr| matches!(address, ConnectionAddr::TcpTls { .. });
        if settings.tls.is_set() && !addresses.iter().any(is_tls) {
            problem(
                "tls",
                "certificates are set, but the URL is not rediss://; write rediss://, or remove the certificates",
            );
        }
        if addresses.iter().any(is_tls) && !addresses.iter().all(is_tls) {
            problem(URL, "some URLs are rediss:// and some are not; write rediss:// in all");
        }
        let is_unix = |address: &ConnectionAddr| matches!(address, ConnectionAddr::Unix(_));
        if addresses.iter().any(is_unix) && !matches!(self.topology, Topology::Single) {
            problem(
                URL,
                "a Cluster or Sentinel has no Unix socket; write redis://host:port or rediss://host:port",
            );
        }
        if addresses.iter().any(|address| matches!(address, ConnectionAddr::TcpTls { insecure: true, .. })) {
            problem(
                URL,
                "#insecure disables the check of the certificate; remove it, and set ca_file to the CA of Redis",
            );
        }
    }
}
