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

/// Settings of a [`ManagedIdentityHttpClient`].
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

    /// Sends requests with `client`, and with its time limits, proxies, certificates and redirects.
    ///
    /// The default client has a connect timeout of 10 s, and a timeout of 100 s like .NET's, unless
    /// the request sets another one ([`timeout`](crate::ManagedIdentityRequest::timeout)) or its
    /// body is a stream. It follows 10 redirects within an origin, and returns one to another
    /// origin as the response. It does not use the system's proxy for loopback hosts and plain
    /// `http`. Its `User-Agent` is `tower-passport/<version>`. A client with a cookie store shares
    /// cookies among all identities.
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Allows other origins besides that of the base URL. Defaults to none.
    pub fn also_allow(mut self, origins: AllowedOrigins) -> Self {
        self.others = Some(origins);
        self
    }

    /// Retries a request with a new token when its receiver rejects the first. Off by default. See
    /// [`retry_unauthorized`](crate::AttachTokenLayer::retry_unauthorized) for its effects.
    pub fn retry_unauthorized(mut self) -> Self {
        self.retries = true;
        self
    }

    /// Allows plain `http` for the base URL. A configuration has the key `danger_plain_http`.
    ///
    /// **Danger:** as [`AllowedOrigins::danger_plain_http`]. For a private network that is trusted
    /// or encrypted: docker compose, kind, a service mesh whose proxies encrypt what leaves the
    /// pod.
    pub fn danger_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Trusts the certificates in this PEM file beside the system's root certificates. The file is
    /// read by [`build`](Self::build). Contradicts [`client`](Self::client).
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.ca_file = Some(path.into());
        self
    }

    /// Sets the `User-Agent` of the default client. Defaults to `tower-passport/<version>`.
    /// Contradicts [`client`](Self::client).
    pub fn user_agent(mut self, user_agent: HeaderValue) -> Self {
        self.settings.user_agent = Some(user_agent);
        self
    }

    /// Takes the default client from `pool`: clients with equal [`ca_file`](Self::ca_file) and
    /// [`user_agent`](Self::user_agent) share connections and root certificates, but no tokens. By
    /// default each client has its own. No effect with [`client`](Self::client).
    pub fn sharing(mut self, pool: ClientPool) -> Self {
        self.pool = pool;
        self
    }

    /// Builds the client. Does no I/O except for reading certificates.
    ///
    /// # Errors
    /// A [`ConfigError`] when the base URL is not an absolute `https` URL (or one of a loopback
    /// host), or the machine lacks what TLS needs.
    pub fn build(self) -> Result<ManagedIdentityHttpClient, ConfigError> {
        let mut problems = Vec::new();
        let base = base_url(&self.base_url, self.plain_http, PLAIN_HTTP);
        let (base, origins) = ConfigProblem::collect(&mut problems, "base_url", base).unzip();
        // Without a base URL, the client is built as well, so that every mistake is reported.
        let allowed = origins.into_iter().chain(self.others.clone()).reduce(|one, other| one.and(&other));
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

    fn clients(
        &self,
        origins: Option<&AllowedOrigins>,
        problems: &mut Vec<ConfigProblem>,
    ) -> Option<Clients> {
        let Some(own) = &self.client else {
            return self.pool.clients(&self.settings, origins?, problems);
        };
        let contradicts = "it contradicts `client`; leave one of them out, or set it in the client";
        problems.extend(self.settings.options().map(|option| ConfigProblem::new(option, contradicts)));
        Some(Clients::Own(own.clone()))
    }
}

const TIME_LIMIT: Duration = Duration::from_secs(100);

/// Without the URL: until it is checked, it may contain credentials.
impl fmt::Debug for ManagedIdentityHttpClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentityHttpClientBuilder")
            .field("identity", &self.identity)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}
