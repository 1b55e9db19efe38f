//! The settings of a store.

mod checks;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use passport_core::{CaCertificates, Clock, ConfigProblem, SystemClock};
use passport_outbound::{ConfigError, SecretSource};

use crate::{
    EncryptionKeys, RedisTokenStore,
    connection::{ConnectionSettings, RedisEndpoint, TlsSettings, Topology},
};

const TIMEOUT: Duration = Duration::from_millis(500);

const NAMESPACE: &str = "passport";

const CA_FILE: &str = "ca_file";

/// Settings of a [`RedisTokenStore`]. [`build`](Self::build) reports every mistake at once.
#[must_use]
pub struct RedisTokenStoreBuilder {
    urls: Vec<String>,
    topology: Topology,
    settings: ConnectionSettings,
    keys: EncryptionKeys,
    clock: Arc<dyn Clock>,
}

impl RedisTokenStoreBuilder {
    pub(crate) fn new(urls: Vec<String>, topology: Topology, keys: EncryptionKeys) -> Self {
        let settings = ConnectionSettings {
            username: None,
            password: None,
            sentinel_username: None,
            sentinel_password: None,
            tls: TlsSettings::default(),
            namespace: NAMESPACE.to_owned(),
            timeout: TIMEOUT,
        };
        Self { urls, topology, settings, keys, clock: Arc::new(SystemClock) }
    }

    /// Sets the prefix of all names in Redis: keys are `<namespace>:{...}:...`, and the channel is
    /// `<namespace>:news`. Instances with the same namespace share tokens. Defaults to `passport`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.settings.namespace = namespace.into();
        self
    }

    /// Sets the ACL user. Defaults to Redis' own, `default`.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.settings.username = Some(username.into());
        self
    }

    /// Sets the source of the password, which is read for each connection. None by default. A
    /// password in the URL is rejected, as URLs are logged.
    pub fn password(mut self, password: SecretSource) -> Self {
        self.settings.password = Some(password);
        self
    }

    /// Sets the ACL user of the Sentinels, which have users of their own.
    pub fn sentinel_username(mut self, name: impl Into<String>) -> Self {
        self.settings.sentinel_username = Some(name.into());
        self
    }

    /// Sets the source of the password for the Sentinels.
    pub fn sentinel_password(mut self, password: SecretSource) -> Self {
        self.settings.sentinel_password = Some(password);
        self
    }

    /// Trusts the certificates in this PEM file for Redis, instead of the operating system's, which
    /// are the default (and have to be readable all the same; `SSL_CERT_FILE` names others). The
    /// file is checked by [`build`](Self::build) and read for each connection. A certificate of
    /// Redis has to name the host of the URL; on a Cluster and behind Sentinels, also the hosts
    /// that they report.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.tls.ca_file = Some(path.into());
        self
    }

    /// Sets the sources of a client certificate and its key (PEM), for a Redis that requires one.
    /// None by default. They are read for each connection.
    pub fn tls_identity(mut self, certificate: SecretSource, key: SecretSource) -> Self {
        self.settings.tls.identity = Some((certificate, key));
        self
    }

    /// Sets the time limit of the store, 10 ms to 5 s. Defaults to 500 ms. It holds for everything
    /// before a call waits for another instance's token or fetches its own, connecting included,
    /// and again for everything after that. Only the first call to a silent Redis waits for it:
    /// then the circuit is open until Redis replies to a probe.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Reads the time from `clock`. Defaults to the operating system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the store. Does no I/O except for reading the CA file, and spawns nothing.
    ///
    /// TLS is rustls'. If the process has no crypto provider (`CryptoProvider::install_default`)
    /// when the first connection is made, that of aws-lc-rs is installed.
    ///
    /// # Errors
    /// A [`ConfigError`] that lists every option that is wrong.
    pub fn build(self) -> Result<RedisTokenStore, ConfigError> {
        let mut problems = Vec::new();
        let (addresses, database) = self.addresses(&mut problems);
        self.check_options(&addresses, &mut problems);
        let ca = self.settings.tls.ca_file.as_ref().map(CaCertificates::from_pem_file).transpose();
        ConfigProblem::collect(&mut problems, CA_FILE, ca);
        let mut addresses = addresses.into_iter();
        match addresses.next() {
            Some(address) if problems.is_empty() => {
                let (topology, settings, other_addresses) =
                    (self.topology, self.settings, addresses.collect());
                let endpoint = RedisEndpoint { topology, address, other_addresses, database, settings };
                Ok(RedisTokenStore::new(endpoint, self.keys, self.clock))
            }
            _ => Err(ConfigError::new(problems)),
        }
    }
}

/// URLs are left out: until they are checked, they may hold credentials.
impl fmt::Debug for RedisTokenStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTokenStoreBuilder")
            .field("namespace", &self.settings.namespace)
            .field("username", &self.settings.username)
            .field("timeout", &self.settings.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
