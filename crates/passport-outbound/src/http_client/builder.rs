//! The settings of the typed HTTP client, and their validation.

use std::{fmt, path::PathBuf, time::Duration};

use http::HeaderValue;
use passport_core::{ConfigError, ConfigProblem};
use reqwest::Client;

use super::{
    ManagedIdentityHttpClient,
    clients::{ClientPool, ClientSettings, Clients},
};
use crate::{
    AllowedOrigins, Identity,
    attach::{PLAIN_HTTP, base_url},
};

/// Configures a [`ManagedIdentityHttpClient`]. [`build`](Self::build) reports all problems in
/// one error.
#[must_use]
pub struct ManagedIdentityHttpClientBuilder {
    identity: Identity,
    base_url: String,
    client: Option<Client>,
    settings: ClientSettings,
    pool: ClientPool,
    others: Option<AllowedOrigins>,
    retries: bool,
    plain_http: bool,
}

impl ManagedIdentityHttpClientBuilder {
    pub(super) fn new(identity: Identity, base_url: &str) -> Self {
        Self {
            identity,
            base_url: base_url.to_owned(),
            client: None,
            settings: ClientSettings::default(),
            pool: ClientPool::default(),
            others: None,
            retries: false,
            plain_http: false,
        }
    }

    /// Sets the reqwest client that sends the requests. The timeouts, proxies, certificates and
    /// redirects of `client` apply. If `client` has a cookie store, requests of all identities
    /// share the cookies.
    ///
    /// Defaults to a client with these settings:
    ///
    /// - connect timeout 10 s;
    /// - timeout 100 s, like .NET's `HttpClient`, unless the request sets another
    ///   [`timeout`](crate::ManagedIdentityRequest::timeout) or its body is a stream;
    /// - up to 10 redirects within an origin. A redirect to another origin is not followed, but
    ///   returned as the response, because reqwest would send the body and other headers to that
    ///   origin;
    /// - the system's proxy, except for loopback hosts and plain `http`;
    /// - `User-Agent: tower-passport/<version>`.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Allows requests to `origins`, in addition to the origin of the base URL. These origins
    /// receive the token as well. Defaults to none.
    pub fn also_allow(mut self, origins: AllowedOrigins) -> Self {
        self.others = Some(origins);
        self
    }

    /// Retries a request once, with a new token, if the receiver rejects the first token. Off by
    /// default; see [`AttachTokenLayer`](crate::AttachTokenLayer::retry_unauthorized) for the
    /// reasons.
    pub fn retry_unauthorized(mut self) -> Self {
        self.retries = true;
        self
    }

    /// Allows plain `http` for the base URL. In a configuration file, the key is
    /// `danger_plain_http` as well.
    ///
    /// **Danger:** anyone on the network path can read the token, as with
    /// [`AllowedOrigins::danger_plain_http`]. Use this option only in a private network that is
    /// trusted or encrypted: docker compose, kind, a service mesh that encrypts the traffic between
    /// pods.
    pub fn danger_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Trusts the certificates in the PEM file at `path`, in addition to the system's root
    /// certificates. [`build`](Self::build) reads the file. Cannot be combined with
    /// [`client`](Self::client).
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.ca_file = Some(path.into());
        self
    }

    /// Sets the `User-Agent` of the default client. Defaults to `tower-passport/<version>`.
    /// Cannot be combined with [`client`](Self::client).
    pub fn user_agent(mut self, user_agent: HeaderValue) -> Self {
        self.settings.user_agent = Some(user_agent);
        self
    }

    /// Takes the default reqwest client from `pool`. By default, each typed client has its own
    /// connections. Has no effect with [`client`](Self::client).
    ///
    /// Typed clients with the same pool and equal [`ca_file`](Self::ca_file) and
    /// [`user_agent`](Self::user_agent) share connections and root certificates, but no tokens.
    pub fn client_pool(mut self, pool: ClientPool) -> Self {
        self.pool = pool;
        self
    }

    /// Builds the typed client. Does no I/O, except for reading certificates.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] that lists every problem:
    ///
    /// - The base URL is not an absolute `https` URL (`http` for a loopback host).
    /// - An option is set that cannot be combined with [`client`](Self::client).
    /// - The certificates cannot be read.
    /// - The machine has no root certificates.
    pub fn build(self) -> Result<ManagedIdentityHttpClient, ConfigError> {
        let mut problems = Vec::new();
        let base = base_url(&self.base_url, self.plain_http, PLAIN_HTTP);
        let (base, origins) = ConfigProblem::collect(&mut problems, "base_url", base).unzip();
        // If the base URL is invalid, the clients for the other origins are still built, so that
        // all problems are reported together.
        let allowed = origins.into_iter().chain(self.others.clone()).reduce(|one, other| one.union(&other));
        let clients = self.clients(allowed.as_ref(), &mut problems);
        let (Some(base), Some(origins), Some(clients), []) = (base, allowed, clients, &*problems) else {
            return Err(ConfigError::new(problems));
        };
        Ok(ManagedIdentityHttpClient {
            time_limit: self.client.is_none().then_some(TIME_LIMIT),
            clients,
            base,
            identity: self.identity,
            origins,
            retries: self.retries,
        })
    }

    /// Returns the clients that send the requests. If they cannot be built, adds the reason to
    /// `problems` and returns `None`.
    fn clients(
        &self,
        origins: Option<&AllowedOrigins>,
        problems: &mut Vec<ConfigProblem>,
    ) -> Option<Clients> {
        let Some(own) = &self.client else {
            return self.pool.clients(&self.settings, origins?, problems);
        };
        let conflict = "cannot be combined with `client`; configure it on that client, or remove `client`";
        problems.extend(self.settings.options().map(|option| ConfigProblem::new(option, conflict)));
        Some(Clients::Own(own.clone()))
    }
}

/// The timeout of a request that sets none and is sent by a default client. .NET has the same
/// timeout.
const TIME_LIMIT: Duration = Duration::from_secs(100);

/// Omits the URL: before validation, a URL can contain credentials.
impl fmt::Debug for ManagedIdentityHttpClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentityHttpClientBuilder")
            .field("identity", &self.identity)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}
