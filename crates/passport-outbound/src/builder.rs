use std::{fmt, sync::Arc, time::Duration};

use passport_core::{
    ClientId, Clock, ConfigError, ConfigProblem, Issuer, Scopes, SecretSource, SystemClock, Transport,
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use url::Url;

use crate::{
    ManagedIdentity, TokenCache,
    cache::{STORE_TAKES, Shared, TokenKey},
    endpoint::ClientCredentials,
    engine::{Engine, TokenSource},
    refresh::{DEFAULT_THRESHOLD, RefreshPolicy},
};

const MAX_REQUEST_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// Settings of a [`ManagedIdentity`]. [`build`](Self::build) reports every mistake at once.
#[must_use]
pub struct ManagedIdentityBuilder {
    client_id: String,
    secret: SecretSource,
    issuer: Option<String>,
    token_url: Option<String>,
    scopes: Option<String>,
    refresh_threshold: Duration,
    request_timeout: Duration,
    cache: Option<TokenCache>,
    transport: Transport,
    clock: Arc<dyn Clock>,
}

impl ManagedIdentityBuilder {
    pub(crate) fn new(client_id: String, secret: SecretSource) -> Self {
        Self {
            client_id,
            secret,
            issuer: None,
            token_url: None,
            scopes: None,
            refresh_threshold: DEFAULT_THRESHOLD,
            request_timeout: Duration::from_secs(10),
            cache: None,
            transport: Transport::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// The Passport that issues the tokens. Defaults to `https://passport.bizfirst.ai`.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Where tokens are requested. Defaults to `/passport/token` below the issuer, as Passport documents it.
    pub fn token_url(mut self, url: impl Into<String>) -> Self {
        self.token_url = Some(url.into());
        self
    }

    /// What to ask for, separated by blanks. Defaults to `openid roles`, as Passport's managed identities do.
    pub fn scopes(mut self, scopes: impl Into<String>) -> Self {
        self.scopes = Some(scopes.into());
        self
    }

    /// How long before its expiry a token is refreshed. Defaults to 60 s, as Passport's own client does; it is cut to
    /// half of the token's life, and up to 10 % of the life (30 s at most) is added to keep instances apart.
    pub fn refresh_threshold(mut self, threshold: Duration) -> Self {
        self.refresh_threshold = threshold;
        self
    }

    /// The most that one attempt may take, reading the secret included; 10 min at most. Defaults to 10 s. A shared store adds
    /// what it takes, 6.5 s at most. An attempt that was lost with its runtime is given up a second after that, and made
    /// again.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// What becomes of the token once it is fetched. By default it is kept in memory, for this identity and its clones
    /// alone.
    pub fn token_cache(mut self, cache: TokenCache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Talks to Passport through `transport`. Defaults to [`HttpTransport`](crate::HttpTransport).
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Reads the time from `clock`. Defaults to the operating system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The identity. Does no I/O and starts nothing.
    ///
    /// # Errors
    /// A [`ConfigError`] that lists every option that is wrong.
    pub fn build(self) -> Result<ManagedIdentity, ConfigError> {
        let mut problems = Vec::new();
        let client_id: Option<ClientId> =
            ConfigProblem::collect(&mut problems, "client_id", self.client_id.parse());
        let issuer = self.issuer.as_deref().map_or_else(|| Ok(Issuer::passport()), Issuer::new);
        let issuer = ConfigProblem::collect(&mut problems, "issuer", issuer).unwrap_or_default();
        let issuer = match &self.token_url {
            Some(url) => ConfigProblem::collect(&mut problems, "token_url", issuer.with_token_url(url)),
            None => Some(issuer),
        };
        let scopes = self.scopes.as_deref().map_or_else(|| Ok(Scopes::default()), str::parse);
        let scopes = ConfigProblem::collect(&mut problems, "scopes", scopes);
        if self.request_timeout.is_zero() {
            problems.push(ConfigProblem::new("request_timeout", "it is zero, so no attempt could succeed"));
        }
        if self.request_timeout > MAX_REQUEST_TIMEOUT {
            problems.push(ConfigProblem::new(
                "request_timeout",
                "it is longer than 10 min, and callers wait for it",
            ));
        }
        let (Some(client_id), Some(issuer), Some(scopes), []) = (client_id, issuer, scopes, &*problems)
        else {
            return Err(ConfigError::new(problems));
        };

        Ok(self.built(client_id, issuer.token_url(), scopes))
    }

    /// The identity, from what has been checked.
    fn built(self, client_id: ClientId, token_url: Url, scopes: Scopes) -> ManagedIdentity {
        let policy = RefreshPolicy { threshold: self.refresh_threshold, jitter: fastrand::f64() };
        let key = TokenKey::new(&client_id, &token_url, &scopes);
        let store = self.cache.as_ref().and_then(TokenCache::store);
        let slot = self.cache.map_or_else(Arc::default, |cache| cache.slot(key.clone()));
        let mut source: Box<dyn TokenSource> = Box::new(ClientCredentials {
            client_id: client_id.clone(),
            secret: self.secret,
            token_url,
            scopes,
            transport: self.transport,
            timeout: self.request_timeout,
            clock: Arc::clone(&self.clock),
        });
        let mut attempt_timeout = self.request_timeout;
        if let Some(store) = store {
            attempt_timeout += STORE_TAKES;
            let (client_id, clock, lease) =
                (client_id.clone(), Arc::clone(&self.clock), self.request_timeout);
            source = Box::new(Shared { store, key, client_id, source, policy, lease, clock });
        }
        ManagedIdentity::new(Engine {
            client_id,
            source,
            slot,
            policy,
            attempt_timeout,
            clock: self.clock,
            life: CancellationToken::new(),
            attempts: TaskTracker::new(),
        })
    }
}

/// URLs are left out: until they are checked, they may hold credentials.
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
