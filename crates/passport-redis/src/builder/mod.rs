//! The builder of a store: its settings, their defaults, and the checks of [`build`].
//!
//! [`build`]: RedisTokenStoreBuilder::build

mod checks;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use passport_core::{CaCertificates, Clock, ConfigProblem, SystemClock};
use passport_outbound::{ConfigError, SecretSource};

use crate::{
    EncryptionKeys, RedisTokenStore,
    connection::{ConnectionSettings, RedisEndpoint, TlsSettings, Topology},
};

/// The default of [`RedisTokenStoreBuilder::timeout`].
const TIMEOUT: Duration = Duration::from_millis(500);

/// The default of [`RedisTokenStoreBuilder::namespace`].
const NAMESPACE: &str = "passport";

/// The name of the setting in problems of the CA file.
const CA_FILE: &str = "ca_file";

/// A builder of a [`RedisTokenStore`]. [`build`](Self::build) checks the settings and reports
/// all problems together.
#[must_use]
pub struct RedisTokenStoreBuilder {
    urls: Vec<String>,
    topology: Topology,
    settings: ConnectionSettings,
    keys: EncryptionKeys,
    clock: Arc<dyn Clock>,
}

impl RedisTokenStoreBuilder {
    /// Creates a builder with the default settings for the servers at `urls`.
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

    /// Sets the prefix of all keys and channels in Redis: 1 to 64 letters, digits or any of `-._:`.
    /// Keys are `<namespace>:{...}:...`, and the pub/sub channel is `<namespace>:news`. Instances
    /// with the same namespace share tokens. Defaults to `passport`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.settings.namespace = namespace.into();
        self
    }

    /// Sets the ACL user with which the store authenticates to Redis. Requires a
    /// [`password`](Self::password). Defaults to the user `default` of Redis.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.settings.username = Some(username.into());
        self
    }

    /// Sets the source of the Redis user's password. The store reads the password for each new
    /// connection. Defaults to no password. A password in the URL is rejected, because URLs appear
    /// in logs.
    pub fn password(mut self, password: SecretSource) -> Self {
        self.settings.password = Some(password);
        self
    }

    /// Sets the ACL user for connections to the Sentinels. Sentinels do not share the ACL users of
    /// Redis. Requires a [`sentinel_password`](Self::sentinel_password). Defaults to the user
    /// `default`.
    pub fn sentinel_username(mut self, name: impl Into<String>) -> Self {
        self.settings.sentinel_username = Some(name.into());
        self
    }

    /// Sets the source of the password for connections to the Sentinels. The store reads the
    /// password for each new connection. Defaults to no password.
    pub fn sentinel_password(mut self, password: SecretSource) -> Self {
        self.settings.sentinel_password = Some(password);
        self
    }

    /// Trusts the CA certificates in this PEM file for Redis, instead of the CA certificates of the
    /// operating system. [`build`](Self::build) checks the file. The store reads the file again for
    /// each new connection.
    ///
    /// Without a `ca_file`, the store trusts the certificates of the operating system. If the
    /// environment variable `SSL_CERT_FILE` is set, the store instead trusts the certificates in
    /// the file that this variable names. The TLS library loads these default certificates even if
    /// a `ca_file` is set, so they must be readable.
    ///
    /// The certificate of a Redis server must be valid for the host in the URL. On a Cluster or
    /// behind Sentinels, the certificate must be valid for the host that the Cluster or the
    /// Sentinels report.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.tls.ca_file = Some(path.into());
        self
    }

    /// Sets the sources of a client certificate and its private key (PEM), for a Redis that
    /// requires mutual TLS. The store reads the certificate and the key for each new connection.
    /// Defaults to no client certificate.
    pub fn tls_identity(mut self, certificate: SecretSource, key: SecretSource) -> Self {
        self.settings.tls.identity = Some((certificate, key));
        self
    }

    /// Sets the time limit for the Redis commands of one token fetch, 10 ms to 5 s. Defaults to
    /// 500 ms.
    ///
    /// The limit applies twice:
    ///
    /// 1. to connecting and all commands before the token fetch, or before the wait if another
    ///    instance fetches the token;
    /// 2. to all commands after the token fetch or after the wait.
    ///
    /// If Redis does not reply, only the first call waits for the whole limit. The circuit breaker
    /// then opens, and later calls continue without Redis until a probe succeeds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets the clock that decides whether stored tokens have expired and when the encryption keys
    /// are reloaded. Defaults to the clock of the operating system.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the store. Does no I/O except reading the CA file, and spawns no task.
    ///
    /// TLS connections use rustls. If the process has no default crypto provider
    /// (`CryptoProvider::install_default`) when the first connection is made, the provider of
    /// aws-lc-rs is installed.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] that lists every invalid setting with its remedy.
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

/// Omits the URLs: before [`build`](RedisTokenStoreBuilder::build) has checked them, they may
/// contain a password.
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
