//! The settings of a managed identity, and their validation.

use std::{fmt, path::PathBuf, time::Duration};

use http::HeaderValue;
use passport_core::{
    ClientAuthentication, Clock, ConfigError, ConfigProblem, Issuer, Scopes, SecretSource, SharedClock,
    Transport, TransportPool, TransportSettings,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{ManagedIdentity, spec::IdentitySpec};
use crate::{
    TokenCache,
    sources::SidecarEndpoint,
    token::{DEFAULT_THRESHOLD, RefreshSettings},
};

/// The maximum of [`request_timeout`](ManagedIdentityBuilder::request_timeout). While there is
/// no valid token, calls wait for up to the request timeout.
const MAX_REQUEST_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Configures a [`ManagedIdentity`]. [`build`](Self::build) reports all problems in one error.
#[must_use]
pub struct ManagedIdentityBuilder {
    client_id: String,
    /// The client secret. `None` for an identity at a sidecar, because the sidecar has the secret.
    secret: Option<SecretSource>,
    issuer: Option<String>,
    token_url: Option<String>,
    plain_http: bool,
    scopes: Option<String>,
    refresh_threshold: Duration,
    request_timeout: Duration,
    authentication: ClientAuthentication,
    cache: Option<TokenCache>,
    transport: TransportSettings,
    clock: SharedClock,
}

impl ManagedIdentity {
    /// Creates a builder for the identity `client_id`. Each token fetch reads the client secret
    /// from `secret`.
    pub fn builder(client_id: impl Into<String>, secret: SecretSource) -> ManagedIdentityBuilder {
        ManagedIdentityBuilder::new(client_id.into(), Some(secret))
    }

    /// Creates a builder for the identity `client_id` at a sidecar. The sidecar has the identity's
    /// client secret and returns the tokens.
    pub fn via_sidecar(client_id: impl Into<String>, sidecar: SidecarEndpoint) -> ManagedIdentityBuilder {
        ManagedIdentityBuilder::new(client_id.into(), None).token_cache(TokenCache::sidecar(sidecar))
    }
}

impl ManagedIdentityBuilder {
    fn new(client_id: String, secret: Option<SecretSource>) -> Self {
        Self {
            client_id,
            secret,
            issuer: None,
            token_url: None,
            plain_http: false,
            scopes: None,
            refresh_threshold: DEFAULT_THRESHOLD,
            request_timeout: Duration::from_secs(10),
            authentication: ClientAuthentication::ClientSecretBasic,
            cache: None,
            transport: TransportSettings::default(),
            clock: SharedClock::default(),
        }
    }

    /// Sets the issuer of the tokens. Defaults to Passport, `https://passport.bizfirst.ai`.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the URL of the token endpoint. Defaults to `/passport/token` below the issuer's URL,
    /// which is the path that Passport documents.
    pub fn token_url(mut self, url: impl Into<String>) -> Self {
        self.token_url = Some(url.into());
        self
    }

    /// Allows plain `http` for the issuer and the token URL.
    ///
    /// **Danger:** anyone on the network path can read the client secret and the tokens. Use this
    /// option only in a private network that is trusted or encrypted: docker compose, kind, a
    /// service mesh. Plain `http` requests never use the system's proxy.
    pub fn danger_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Trusts the certificates in the PEM file at `path` for requests to the issuer, in addition to
    /// the system's root certificates. [`build`](Self::build) reads the file.
    ///
    /// Cannot be combined with [`transport`](Self::transport). To trust such certificates with a
    /// transport, create the transport with
    /// [`ReqwestHttpClient::with_ca`](crate::ReqwestHttpClient::with_ca).
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.transport = self.transport.ca_file(path);
        self
    }

    /// Sets the `User-Agent` of requests to the issuer. Defaults to `tower-passport/<version>`.
    /// Cannot be combined with [`transport`](Self::transport).
    pub fn user_agent(mut self, user_agent: HeaderValue) -> Self {
        self.transport = self.transport.user_agent(user_agent);
        self
    }

    /// Takes the default transport from the pool `transports`. By default, each identity has its
    /// own HTTP client. Has no effect with [`transport`](Self::transport).
    ///
    /// Identities with the same pool and equal [`ca_file`](Self::ca_file) and
    /// [`user_agent`](Self::user_agent) share one HTTP client, so the root certificates are loaded
    /// only once. These identities share no tokens. They share no connections either, because the
    /// HTTP client keeps no idle connections.
    pub fn transport_pool(mut self, transports: TransportPool) -> Self {
        self.transport = self.transport.transport_pool(transports);
        self
    }

    /// Sets the scopes to request, separated by spaces. Defaults to `openid roles`, which Passport
    /// documents for managed identities.
    pub fn scopes(mut self, scopes: impl Into<String>) -> Self {
        self.scopes = Some(scopes.into());
        self
    }

    /// Sets the method of client authentication. Defaults to
    /// [`ClientSecretBasic`](ClientAuthentication::ClientSecretBasic), which Passport documents.
    pub fn client_authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// Sets how long before the expiry of a token its background refresh starts. Defaults to 60 s,
    /// like Passport's .NET client.
    ///
    /// If `threshold` is longer than half of the token's lifetime, half of the lifetime is used
    /// instead. A random time is added to the threshold, at most 10 % of the lifetime and at most
    /// 30 s, so that the instances of a service do not refresh at the same time.
    pub fn refresh_threshold(mut self, threshold: Duration) -> Self {
        self.refresh_threshold = threshold;
        self
    }

    /// Sets the time limit of one token fetch, which includes reading the secret. Defaults to 10 s.
    /// At most 10 min, because requests without a valid token wait for the fetch.
    ///
    /// - If there is no valid token and a token request gets no response within 40 % of the limit,
    ///   the request is sent a second time, on another connection.
    /// - With [`TokenCache::shared`], a token fetch first waits for the fetch of another instance,
    ///   up to the same limit. The timeouts of the store, 4 s by default, are added to the limit.
    /// - A token fetch on a stalled tokio runtime is abandoned one second after the limit. A new
    ///   fetch then starts on a background thread.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets the token cache. By default, the token is cached in memory, for this identity and its
    /// clones only.
    pub fn token_cache(mut self, cache: TokenCache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Sets the transport of requests to Passport. Defaults to
    /// [`ReqwestHttpClient`](crate::ReqwestHttpClient).
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = self.transport.transport(transport);
        self
    }

    /// Sets the clock that the current time is read from. Defaults to the operating system's clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// Builds the identity. Does no I/O, except for reading the [`ca_file`](Self::ca_file), and
    /// starts no task. The first token is fetched when it is needed.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] that lists every option that is invalid or conflicts with another
    /// option.
    pub fn build(self) -> Result<ManagedIdentity, ConfigError> {
        let (spec, scopes) = self.parsed().map_err(ConfigError::new)?;
        Ok(ManagedIdentity::new(spec, scopes))
    }

    /// Returns the problems that [`build`](Self::build) would report, or an empty list. For code
    /// that reports them together with problems of its own. Reads the [`ca_file`](Self::ca_file).
    #[must_use]
    pub fn problems(&self) -> Vec<ConfigProblem> {
        self.parsed().err().unwrap_or_default()
    }

    /// Returns the validated settings of the identity and its default scopes. If any setting is
    /// invalid, returns all problems instead.
    pub(crate) fn parsed(&self) -> Result<(IdentitySpec, Scopes), Vec<ConfigProblem>> {
        let mut problems = Vec::new();
        let client_id = ConfigProblem::collect(&mut problems, "client_id", self.client_id.parse());
        let issuer = self.parsed_issuer(&mut problems);
        let scopes = self.scopes.as_deref().map_or_else(|| Ok(Scopes::default()), str::parse);
        let scopes = ConfigProblem::collect(&mut problems, "scopes", scopes);
        let transport = self.transport.build(&mut problems);
        self.check_combinations(&mut problems);
        let (Some(client_id), Some(issuer), Some(scopes), Some(transport), []) =
            (client_id, issuer, scopes, transport, &*problems)
        else {
            return Err(problems);
        };
        let spec = IdentitySpec {
            client_id,
            secret: self.secret.clone(),
            token_url: issuer.token_url(),
            authentication: self.authentication.clone(),
            transport,
            request_timeout: self.request_timeout,
            policy: RefreshSettings { threshold: self.refresh_threshold, jitter: fastrand::f64() },
            cache: self.cache.clone(),
            clock: self.clock.clone(),
            life: CancellationToken::new(),
            attempts: TaskTracker::new(),
        };
        Ok((spec, scopes))
    }

    /// Returns the issuer with its token URL. If one of the two is invalid, adds the problem to
    /// `problems`.
    fn parsed_issuer(&self, problems: &mut Vec<ConfigProblem>) -> Option<Issuer> {
        let new = if self.plain_http { Issuer::danger_plain_http } else { Issuer::new };
        let given = self.issuer.as_deref().unwrap_or(Issuer::PASSPORT);
        let issuer = ConfigProblem::collect(problems, "issuer", new(given));
        // If the issuer is invalid, the default issuer is used, so that the token URL is checked as
        // well.
        let issuer = issuer.or_else(|| new(Issuer::PASSPORT).ok())?;
        match &self.token_url {
            Some(url) => ConfigProblem::collect(problems, "token_url", issuer.with_token_url(url)),
            None => Some(issuer),
        }
    }

    /// Adds to `problems` the options that conflict with each other, and an invalid request
    /// timeout.
    fn check_combinations(&self, problems: &mut Vec<ConfigProblem>) {
        let mut problem = |option: &'static str, problem| problems.push(ConfigProblem::new(option, problem));
        if self.authentication == ClientAuthentication::ClientSecretBasicRaw && self.client_id.contains(':') {
            problem(
                "client_authentication",
                "a client id with a colon cannot be separated from its secret without encoding; use client_secret_basic",
            );
        }
        if self.secret.is_none() && self.cache.as_ref().and_then(TokenCache::sidecar_endpoint).is_none() {
            problem(
                "token_cache",
                "an identity at a sidecar requires the cache of that sidecar; remove token_cache, or set a client secret",
            );
        }
        if self.request_timeout.is_zero() {
            problem(
                "request_timeout",
                "must be greater than zero, or every token fetch fails; the default is 10 s",
            );
        }
        if self.request_timeout > MAX_REQUEST_TIMEOUT {
            problem("request_timeout", "must not be longer than 10 min, because callers wait for it");
        }
    }
}

/// Omits the URLs: before validation, a URL can contain credentials.
impl fmt::Debug for ManagedIdentityBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentityBuilder")
            .field("client_id", &self.client_id)
            .field("secret", &self.secret)
            .field("scopes", &self.scopes)
            .field("refresh_threshold", &self.refresh_threshold)
            .field("request_timeout", &self.request_timeout)
            .finish_non_exhaustive()
    }
}
