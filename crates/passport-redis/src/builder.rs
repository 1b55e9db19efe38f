use std::{fmt, ops::RangeInclusive, path::PathBuf, sync::Arc, time::Duration};

use passport_core::{CaCertificates, Clock, ConfigProblem, SystemClock};
use passport_outbound::{ConfigError, SecretSource};
use redis::{ConnectionAddr, IntoConnectionInfo};

#[cfg(feature = "sentinel")]
use crate::endpoint::Sentinels;
use crate::{
    EncryptionKeys, RedisTokenStore,
    endpoint::{Endpoint, Topology},
    tls::Tls,
};

const LIMIT: Duration = Duration::from_millis(500);
const LIMITS: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(5);

const NAMESPACE: &str = "passport";
const MAX_NAMESPACE: usize = 64;

const URL: &str = "url";
const CA_FILE: &str = "ca_file";

/// Settings of a [`RedisTokenStore`]. [`build`](Self::build) reports every mistake at once.
#[must_use]
pub struct RedisTokenStoreBuilder {
    urls: Vec<String>,
    kind: TopologyKind,
    keys: EncryptionKeys,
    namespace: String,
    username: Option<String>,
    password: Option<SecretSource>,
    sentinel_username: Option<String>,
    sentinel_password: Option<SecretSource>,
    tls: Tls,
    limit: Duration,
    clock: Arc<dyn Clock>,
}

/// The kind of servers that the URLs lead to.
pub(crate) enum TopologyKind {
    Single,
    #[cfg(feature = "cluster")]
    Cluster,
    #[cfg(feature = "sentinel")]
    /// The name of the master.
    Sentinel(String),
}

impl RedisTokenStoreBuilder {
    pub(crate) fn new(urls: Vec<String>, kind: TopologyKind, keys: EncryptionKeys) -> Self {
        Self {
            urls,
            kind,
            keys,
            namespace: NAMESPACE.to_owned(),
            username: None,
            password: None,
            sentinel_username: None,
            sentinel_password: None,
            tls: Tls::default(),
            limit: LIMIT,
            clock: Arc::new(SystemClock),
        }
    }

    /// What every name in Redis begins with: keys are `<namespace>:{...}:...`, the channel is `<namespace>:news`. Instances share
    /// tokens if they have the same. Defaults to `passport`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// The ACL user. By default Redis' own, `default`.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Where the password is; read for each connection. None by default. It does not belong into the URL, which is logged here
    /// and there.
    pub fn password(mut self, password: SecretSource) -> Self {
        self.password = Some(password);
        self
    }

    /// The ACL user at the Sentinels, who have users of their own.
    pub fn sentinel_username(mut self, name: impl Into<String>) -> Self {
        self.sentinel_username = Some(name.into());
        self
    }

    /// Where the password for the Sentinels is.
    pub fn sentinel_password(mut self, password: SecretSource) -> Self {
        self.sentinel_password = Some(password);
        self
    }

    /// Trusts the certificates in this PEM file for Redis, instead of the operating system's, which
    /// are the default (and have to be readable all the same; `SSL_CERT_FILE` names others). The
    /// file is checked by [`build`](Self::build) and read for each connection. A certificate of
    /// Redis has to name the host of the URL; on a Cluster and behind Sentinels, also the hosts
    /// that they report.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.tls.ca_file = Some(path.into());
        self
    }

    /// Where our own certificate and its key (PEM) are, for a Redis that asks for one. None by default. Read for each
    /// connection.
    pub fn tls_identity(mut self, certificate: SecretSource, key: SecretSource) -> Self {
        self.tls.identity = Some((certificate, key));
        self
    }

    /// Sets the time limit of the store, 10 ms to 5 s. Defaults to 500 ms. It holds for everything
    /// before a call waits for another instance's token or fetches its own, connecting included, and
    /// again for everything after that. Only the first call to a silent Redis waits for it: then the
    /// circuit is open until Redis replies to a probe.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Reads the time from `clock`. Defaults to the operating system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The store. Does no I/O beyond a look at the CA file, and starts nothing.
    ///
    /// TLS is rustls'. If the process has not chosen a crypto provider (`CryptoProvider::install_default`) when the first
    /// connection is made, that of aws-lc-rs is chosen for it.
    ///
    /// # Errors
    /// A [`ConfigError`] that lists every option that is wrong.
    pub fn build(self) -> Result<RedisTokenStore, ConfigError> {
        let mut problems = Vec::new();
        let (mut addresses, database) = self.addresses(&mut problems);
        self.check_the_rest(&addresses, &mut problems);
        let ca = self.tls.ca_file.as_ref().map(CaCertificates::from_pem_file).transpose();
        ConfigProblem::collect(&mut problems, CA_FILE, ca);
        let topology = match self.kind {
            TopologyKind::Single => addresses.pop().map(Topology::Single),
            #[cfg(feature = "cluster")]
            TopologyKind::Cluster => Some(Topology::Cluster(addresses)),
            #[cfg(feature = "sentinel")]
            TopologyKind::Sentinel(service) => Some(Topology::Sentinels(Sentinels {
                sentinels: addresses,
                service,
                username: self.sentinel_username,
                password: self.sentinel_password,
            })),
        };
        let Some(topology) = topology.filter(|_| problems.is_empty()) else {
            return Err(ConfigError::new(problems));
        };
        let endpoint = Endpoint {
            topology,
            username: self.username,
            password: self.password,
            tls: self.tls,
            database,
            namespace: self.namespace,
            limit: self.limit,
        };
        Ok(RedisTokenStore::new(endpoint, self.keys, self.clock))
    }

    fn addresses(&self, problems: &mut Vec<ConfigProblem>) -> (Vec<ConnectionAddr>, i64) {
        let mut problem = |problem| problems.push(ConfigProblem::new(URL, problem));
        let (mut addresses, mut databases) = (Vec::new(), Vec::new());
        for url in &self.urls {
            // The client's own words may quote a password.
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
        if database != 0 && self.kind.is_cluster() {
            problem("a Cluster has no databases; leave the number out");
        }
        (addresses, database)
    }

    fn check_the_rest(&self, addresses: &[ConnectionAddr], problems: &mut Vec<ConfigProblem>) {
        let mut problem = |option: &'static str, problem| problems.push(ConfigProblem::new(option, problem));
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        if self.namespace.is_empty()
            || self.namespace.len() > MAX_NAMESPACE
            || !self.namespace.bytes().all(is_name)
        {
            problem("namespace", "it has to be 1 to 64 letters, digits or any of -._:");
        }
        if !LIMITS.contains(&self.limit) {
            problem("limit", "it has to be 10 ms to 5 s");
        }
        if self.username.is_some() && self.password.is_none() {
            problem("password", "it is missing; a username without one is not shown to Redis at all");
        }
        if self.sentinel_username.is_some() && self.sentinel_password.is_none() {
            problem(
                "sentinel_password",
                "it is missing; a username without one is not shown to a Sentinel at all",
            );
        }
        if self.sentinel_password.is_some() && !self.kind.is_sentinel() {
            problem("sentinel_password", "there are no Sentinels");
        }
        let is_tls = |address: &ConnectionAddr| matches!(address, ConnectionAddr::TcpTls { .. });
        if self.tls.is_set() && !addresses.iter().any(is_tls) {
            problem("tls", "there are certificates, but no URL says rediss://");
        }
        if addresses.iter().any(is_tls) && !addresses.iter().all(is_tls) {
            problem(URL, "some say rediss:// and some do not; with TLS all have to");
        }
        let is_unix = |address: &ConnectionAddr| matches!(address, ConnectionAddr::Unix(_));
        if addresses.iter().any(is_unix) && !matches!(self.kind, TopologyKind::Single) {
            problem(URL, "a Unix socket leads to one server only");
        }
        if addresses.iter().any(|address| matches!(address, ConnectionAddr::TcpTls { insecure: true, .. })) {
            problem(URL, "#insecure would let anybody pass for Redis; give its CA by ca_file");
        }
    }
}

impl TopologyKind {
    fn is_cluster(&self) -> bool {
        match self {
            #[cfg(feature = "cluster")]
            Self::Cluster => true,
            _ => false,
        }
    }

    fn is_sentinel(&self) -> bool {
        match self {
            #[cfg(feature = "sentinel")]
            Self::Sentinel(_) => true,
            _ => false,
        }
    }
}

/// URLs are left out: until they are checked, they may hold credentials.
impl fmt::Debug for RedisTokenStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTokenStoreBuilder")
            .field("namespace", &self.namespace)
            .field("username", &self.username)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
