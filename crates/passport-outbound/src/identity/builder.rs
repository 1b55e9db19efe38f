use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use http::HeaderValue;
use passport_core::{
    Clock, ConfigError, ConfigProblem, Issuer, Scopes, SecretSource, SystemClock, Transport,
    TransportSettings, Transports,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{ManagedIdentity, spec::IdentitySpec};
use crate::{
    TokenCache,
    sources::{ClientAuthentication, SidecarEndpoint},
    token::{DEFAULT_THRESHOLD, RefreshSettings},
};

const MAX_REQUEST_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Settings of a [`ManagedIdentity`]. [`build`](Self::build) reports every mistake at once.
#[must_use]
pub struct ManagedIdentityBuilder {
    client_id: String,
    /// `None` if the sidecar has it.
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
    clock: Arc<dyn Clock>,
}

impl ManagedIdentity {
    /// Configures an identity for `client_id` with the secret that `secret` refers to.
    pub fn builder(client_id: impl Into<String>, secret: SecretSource) -> ManagedIdentityBuilder {
        ManagedIdentityBuilder::new(client_id.into(), Some(secret))
    }

    /// Configures the identity `client_id`, whose secret is in the sidecar, which returns its
    /// tokens.
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
            clock: Arc::new(SystemClock),
        }
    }

    /// Sets the Passport that issues the tokens. Defaults to `https://passport.bizfirst.ai`.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the URL of token requests. Defaults to `/passport/token` below the issuer, as Passport
    /// documents it.
    pub fn token_url(mut self, url: impl Into<String>) -> Self {
        self.token_url = Some(url.into());
        self
    }

    /// Allows plain `http` for the issuer and the token URL.
    ///
    /// **Danger:** anyone on the network path reads the client secret and the tokens. For a private
    /// network that is trusted or encrypted: docker compose, kind, a service mesh. Such requests
    /// never use the system's proxy.
    pub fn danger_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Trusts the certificates in this PEM file beside the system's root certificates, for requests
    /// to the issuer. [`build`](Self::build) reads the file. Contradicts
    /// [`transport`](Self::transport), which has
    /// [`ReqwestHttpClient::with_ca`](crate::ReqwestHttpClient::with_ca).
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.transport = self.transport.ca_file(path);
        self
    }

    /// Sets the `User-Agent` of requests to the issuer. Defaults to `tower-passport/<version>`.
    /// Contradicts [`transport`](Self::transport).
    pub fn user_agent(mut self, user_agent: HeaderValue) -> Self {
        self.transport = self.transport.user_agent(user_agent);
        self
    }

    /// Takes the default transport from `transports`: identities with equal
    /// [`ca_file`](Self::ca_file) and [`user_agent`](Self::user_agent) share a TLS client with its
    /// root certificates, but no connections and no tokens. By default each identity has its own.
    /// No effect with [`transport`](Self::transport).
    pub fn sharing(mut self, transports: Transports) -> Self {
        self.transport = self.transport.sharing(transports);
        self
    }

    /// Sets the requested scopes, separated by spaces. Defaults to `openid roles`, as Passport's
    /// managed identities do.
    pub fn scopes(mut self, scopes: impl Into<String>) -> Self {
        self.scopes = Some(scopes.into());
        self
    }

    /// Sets the client authentication. Defaults to
    /// [`ClientSecretBasic`](ClientAuthentication::ClientSecretBasic), as Passport documents it.
    pub fn client_authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// Sets the time before its expiry at which a token is refreshed. Defaults to 60 s, as in
    /// Passport's own client. It is at most half of the token's lifetime. Up to 10 % of the
    /// lifetime (30 s at most) is added, so that instances do not refresh at the same time.
    pub fn refresh_threshold(mut self, threshold: Duration) -> Self {
        self.refresh_threshold = threshold;
        self
    }

    /// Sets the time limit of an attempt, which includes reading the secret; 10 min at most.
    /// Defaults to 10 s.
    ///
    /// While no token is live, a token request without a response after two fifths of it is sent a
    /// second time, on another connection. With [`TokenCache::shared`], the attempt of another
    /// instance is waited for first, as long again, and the store has its own limits (4 s more, by
    /// default). An attempt that was dropped with its runtime is abandoned a second after that, and
    /// repeated.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets the cache of the token. By default the token is cached in memory, for this identity and
    /// its clones.
    pub fn token_cache(mut self, cache: TokenCache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Sends requests to Passport through `transport`. Defaults to
    /// [`ReqwestHttpClient`](crate::ReqwestHttpClient).
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = self.transport.transport(transport);
        self
    }

    /// Reads the time from `clock`. Defaults to the operating system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the identity. Does no I/O, except that it reads the [`ca_file`](Self::ca_file), and
    /// starts no task.
    ///
    /// # Errors
    /// A [`ConfigError`] that lists every option that is wrong.
    pub fn build(self) -> Result<ManagedIdentity, ConfigError> {
        let (spec, scopes) = self.parsed().map_err(ConfigError::new)?;
        Ok(ManagedIdentity::new(spec, scopes))
    }

    /// Returns every mistake that [`build`](Self::build) would report, for code that has more to
    /// check and reports all mistakes at once. Reads the [`ca_file`](Self::ca_file).
    #[must_use]
    pub fn problems(&self) -> Vec<ConfigProblem> {
        self.parsed().err().unwrap_or_default()
    }

    /// Returns the specification of the identity and its default scopes, or every mistake.
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
            clock: Arc::clone(&self.clock),
            life: CancellationToken::new(),
            attempts: TaskTracker::new(),
        };
        Ok((spec, scopes))
    }

    fn parsed_issuer(&self, problems: &mut Vec<ConfigProblem>) -> Option<Issuer> {
        let new = if self.plain_http { Issuer::danger_plain_http } else { Issuer::new };
        let given = self.issuer.as_deref().unwrap_or(Issuer::PASSPORT);
        let issuer = ConfigProblem::collect(problems, "issuer", new(given));
        // An invalid issuer is replaced, so that the token URL is checked as well.
        let issuer = issuer.or_else(|| new(Issuer::PASSPORT).ok())?;
        match &self.token_url {
            Some(url) => ConfigProblem::collect(problems, "token_url", issuer.with_token_url(url)),
            None => Some(issuer),
        }
    }

    fn check_combinations(&self, problems: &mut Vec<ConfigProblem>) {
        let mut problem = |option: &'static str, problem| problems.push(ConfigProblem::new(option, problem));
        if self.authentication == ClientAuthentication::ClientSecretBasicRaw && self.client_id.contains(':') {
            problem(
                "client_authentication",
                "a client id with a colon cannot be told from its secret when neither is encoded; use client_secret_basic",
            );
        }
        if self.secret.is_none() && self.cache.as_ref().and_then(TokenCache::sidecar_endpoint).is_none() {
            problem(
                "token_cache",
                "the sidecar had the secret, and another cache is in its place; leave that out, or give the secret",
            );
        }
        if self.request_timeout.is_zero() {
            problem("request_timeout", "it is zero, so no attempt could succeed");
        }
        if self.request_timeout > MAX_REQUEST_TIMEOUT {
            problem("request_timeout", "it is longer than 10 min, and callers wait for it");
        }
    }
}

/// Without URLs: until they are checked, they may contain credentials.
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
