//! What is wrong with the settings of a store.

use std::{ops::RangeInclusive, time::Duration};

use passport_core::ConfigProblem;
use redis::{ConnectionAddr, IntoConnectionInfo};

use super::RedisTokenStoreBuilder;
use crate::connection::Topology;

const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(5);

const MAX_NAMESPACE: usize = 64;

pub(super) const URL: &str = "url";

impl RedisTokenStoreBuilder {
    pub(super) fn addresses(&self, problems: &mut Vec<ConfigProblem>) -> (Vec<ConnectionAddr>, i64) {
        let mut problem = |problem| problems.push(ConfigProblem::new(URL, problem));
        let (mut addresses, mut databases) = (Vec::new(), Vec::new());
        for url in &self.urls {
            // The text of the client's error may quote a password.
            let Ok(info) = url.as_str().into_connection_info() else {
                problem(
                    "it is not that of a Redis; write redis://host:6379, rediss://host:6379 or unix:///path",
                );
                continue;
            };
            let settings = info.redis_settings();
            if settings.password().is_some() || settings.username().is_some() {
                problem("user and password do not belong into it; write username, and where the password is");
            }
            databases.push(settings.db());
            addresses.push(info.addr().clone());
        }
        if self.urls.is_empty() {
            problem("there is none; name at least one node");
        }
        let database = databases.first().copied().unwrap_or_default();
        if databases.iter().any(|other| *other != database) {
            problem("they name different databases; all have to name the same");
        }
        #[cfg(feature = "cluster")]
        if database != 0 && matches!(self.topology, Topology::Cluster) {
            problem("a Cluster has no databases; leave the number out");
        }
        (addresses, database)
    }

    pub(super) fn check_options(&self, addresses: &[ConnectionAddr], problems: &mut Vec<ConfigProblem>) {
        let settings = &self.settings;
        let mut problem = |option: &'static str, problem| problems.push(ConfigProblem::new(option, problem));
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if settings.namespace.is_empty()
            || settings.namespace.len() > MAX_NAMESPACE
            || !settings.namespace.bytes().all(is_name)
        {
            problem("namespace", "it has to be 1 to 64 letters, digits or any of -._:");
        }
        if !TIMEOUTS.contains(&settings.timeout) {
            problem("timeout", "it has to be 10 ms to 5 s");
        }
        if settings.username.is_some() && settings.password.is_none() {
            problem("password", "it is missing; a username without one is not shown to Redis at all");
        }
        if settings.sentinel_username.is_some() && settings.sentinel_password.is_none() {
            problem(
                "sentinel_password",
                "it is missing; a username without one is not shown to a Sentinel at all",
            );
        }
        let has_sentinels = match self.topology {
            #[cfg(feature = "sentinel")]
            Topology::Sentinels { .. } => true,
            _ => false,
        };
        if settings.sentinel_password.is_some() && !has_sentinels {
            problem("sentinel_password", "there are no Sentinels");
        }
        let is_tls = |address: &ConnectionAddr| matches!(address, ConnectionAddr::TcpTls { .. });
        if settings.tls.is_set() && !addresses.iter().any(is_tls) {
            problem("tls", "there are certificates, but no URL says rediss://");
        }
        if addresses.iter().any(is_tls) && !addresses.iter().all(is_tls) {
            problem(URL, "some say rediss:// and some do not; with TLS all have to");
        }
        let is_unix = |address: &ConnectionAddr| matches!(address, ConnectionAddr::Unix(_));
        if addresses.iter().any(is_unix) && !matches!(self.topology, Topology::Single) {
            problem(URL, "a Unix socket leads to one server only");
        }
        if addresses.iter().any(|address| matches!(address, ConnectionAddr::TcpTls { insecure: true, .. })) {
            problem(URL, "#insecure would let anybody pass for Redis; give its CA by ca_file");
        }
    }
}
