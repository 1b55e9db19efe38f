//! The builder of a store: its settings, their defaults, and their checks.

mod checks;

use std::{fmt, marker::PhantomData, path::PathBuf, sync::Arc, time::Duration};

use passport_core::{CaCertificates, Clock, ConfigProblem, SystemClock};
use passport_outbound::{ConfigError, SecretSource};

use crate::{
    EncryptionKeys,
    connection::{ConnectionSettings, RedisEndpoint, TlsSettings, Topology},
};

/// The default of [`RedisStoreBuilder::timeout`].
const TIMEOUT: Duration = Duration::from_millis(500);

/// The default of [`RedisStoreBuilder::namespace`].
const NAMESPACE: &str = "passport";

/// The name of the setting in problems of the CA file.
const CA_FILE: &str = "ca_file";

/// A builder of a store on Redis. `S` is the type of the store. `build` checks the settings and
/// reports all problems together.
#[must_use]
pub struct RedisStoreBuilder<S> {
    urls: Vec<String>,
    topology: Topology,
    settings: ConnectionSettings,
    keys: EncryptionKeys,
    clock: Arc<dyn Clock>,
    store: PhantomData<fn() -> S>,
}

/// What a store is made of, after the settings were checked.
pub(crate) struct StoreParts {
    pub(crate) endpoint: RedisEndpoint,
    pub(crate) keys: EncryptionKeys,
    pub(crate) clock: Arc<dyn Clock>,
}

impl<S> RedisStoreBuilder<S> {
    /// Creates a builder with the default settings for the servers at `urls`.
    pub(crate) fn new<I: IntoIterator<Item: Into<String>>>(
        urls: I,
        topology: Topology,
        keys: EncryptionKeys,
    ) -> Self {
        let urls = urls.into_iter().map(Into::into).collect();
        let settings = ConnectionSettings {
            username: None,
            password: None,
            sentinel_username: None,
            sentinel_password: None,
            tls: TlsSettings::default(),
            namespace: NAMESPACE.to_owned(),
            timeout: TIMEOUT,
        };
        Self { urls, topology, settings, keys, clock: Arc::new(SystemClock), store: PhantomData }
    }

    /// Sets the prefix of all keys and channels in Redis: 1 to 64 letters, digits or any of `-._:`.
    /// Keys are `<namespace>:{...}:...`, and the pub/sub channel is `<namespace>:news`. Instances
    /// with the same namespace share tokens and denials. Defaults to `passport`.
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
    /// operating system. `build` checks the file. The store reads the file again for each new
    /// connection.
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

    /// Sets the time limit for Redis commands, 10 ms to 5 s. Defaults to 500 ms. For a deny list,
    /// the limit applies to each command. For a token fetch, it applies twice:
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

    /// Sets the clock that decides whether stored tokens and denials have expired and when the
    /// encryption keys are reloaded. Defaults to the clock of the operating system.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Checks the settings, and returns what a store is made of.
    pub(crate) fn parts(self) -> Result<StoreParts, ConfigError> {
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
                Ok(StoreParts { endpoint, keys: self.keys, clock: self.clock })
            }
            _ => Err(ConfigError::new(problems)),
        }
    }
}

/// Omits the URLs: before `build` has checked them, they may contain a password.
impl<S> fmt::Debug for RedisStoreBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("namespace", &self.settings.namespace)
            .field("username", &self.settings.username)
            .field("timeout", &self.settings.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
