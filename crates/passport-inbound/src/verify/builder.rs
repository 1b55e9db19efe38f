mod ranges;

use std::{fmt, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use http::HeaderValue;
use passport_core::{Clock, ConfigError, ConfigProblem, Issuer, SystemClock, Transport, TransportSettings};

use self::ranges::check_ranges;
use super::{
    TokenVerifier,
    cache::{CacheLimits, VerifiedTokenCache},
    diagnostics::{IssuerSlashWarning, TokenSizeWarning},
    limits::{VerificationPermits, WaitQueues},
    pipeline::{Pipeline, RejectPredicate},
};
use crate::{
    Algorithm, IdInfo,
    jwks::{JwksCache, JwksClient, KeyFile, KeySettings},
    jwt::{algorithm::AllowedAlgorithms, compact::DEFAULT_MAX_LEN, validation::Policy},
};

/// Settings of a [`TokenVerifier`]. [`build`](Self::build) reports every mistake at once.
#[must_use]
pub struct TokenVerifierBuilder {
    audiences: Vec<String>,
    issuer: Option<String>,
    jwks_url: Option<String>,
    plain_http: bool,
    static_jwks: Option<Vec<u8>>,
    jwks_cache_file: Option<PathBuf>,
    /// `None` if there are none.
    algorithms: Option<AllowedAlgorithms>,
    keys: KeySettings,
    keeps_tokens: bool,
    cache: CacheLimits,
    reject_if: Option<RejectPredicate>,
    at_once: NonZeroUsize,
    max_token_size: usize,
    transport: TransportSettings,
    clock: Arc<dyn Clock>,
}

impl TokenVerifier {
    /// Creates a builder of a verifier for tokens with this audience, the one option without a
    /// default. A service that users and managed identities call has several audiences; add them
    /// with [`TokenVerifierBuilder::audience`].
    pub fn builder(audience: impl Into<String>) -> TokenVerifierBuilder {
        TokenVerifierBuilder {
            audiences: vec![audience.into()],
            issuer: None,
            jwks_url: None,
            plain_http: false,
            static_jwks: None,
            jwks_cache_file: None,
            algorithms: Some(AllowedAlgorithms::default()),
            keys: KeySettings::default(),
            keeps_tokens: true,
            cache: CacheLimits::default(),
            reject_if: None,
            at_once: VerificationPermits::default_number(),
            max_token_size: DEFAULT_MAX_LEN,
            transport: TransportSettings::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl TokenVerifierBuilder {
    /// Adds an audience. The tokens of Passport's managed identities have `bizfirstgo-api`; a
    /// user's token has the client id of the user's app.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Sets the issuer, exactly as tokens have it in `iss`. Defaults to
    /// `https://passport.bizfirst.ai`.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Sets the URL of the signing keys. Defaults to that of the issuer's discovery document.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.jwks_url = Some(url.into());
        self
    }

    /// Allows plain `http` for the issuer and the JWKS URL.
    ///
    /// **Danger:** anyone on the network path can replace the signing keys, and then issue
    /// tokens that are accepted. For a private network that is trusted or encrypted: docker
    /// compose, kind, a service mesh. Such requests never go through the system's proxy.
    pub fn danger_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Uses only the signing keys of this JWK set ([RFC 7517, section
    /// 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)): no keys are fetched, and the options
    /// for that have no effect. For tests, and for machines that cannot reach the issuer; a
    /// rotation needs a new verifier.
    pub fn static_jwks(mut self, jwks: impl Into<Vec<u8>>) -> Self {
        self.static_jwks = Some(jwks.into());
        self
    }

    /// Saves the signing keys in this file, so that a service can start while the issuer is down.
    /// Defaults to none. The file is read when the first keys are needed, and replaced when the
    /// issuer has sent or confirmed keys. Saved keys are trusted for as long as if the service had
    /// never ended ([`jwks_max_stale`](Self::jwks_max_stale)), and refreshed when they are due. Several
    /// instances may share the file.
    ///
    /// The file decides whose tokens are accepted: only the service may have write access to it and
    /// to its folder, in which each new version is created before it replaces the old one. A file
    /// that cannot be used, or takes longer than a second, is a warning, not an error.
    pub fn jwks_cache_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.jwks_cache_file = Some(path.into());
        self
    }

    /// Sets the interval at which the signing keys are refreshed. Defaults to 10 min, as in
    /// Passport's SDK; 1 min to 24 h. A refresh runs in the background after about four fifths of
    /// that time, or of a shorter one in the issuer's `Cache-Control`, and no request waits for it.
    pub fn jwks_refresh_interval(mut self, interval: Duration) -> Self {
        self.keys.lifetime = interval;
        self
    }

    /// Sets the timeout of each HTTP request for the discovery document and for the key set.
    /// Defaults to 5 s; 1 s to 60 s. A request waits for its key for 2 s at most,
    /// whatever the timeout.
    pub fn jwks_fetch_timeout(mut self, timeout: Duration) -> Self {
        self.keys.fetch_timeout = timeout;
        self
    }

    /// Sets the least time between the last refresh of the keys, whatever caused it, and one that
    /// an unknown key or an invalid signature causes; and after a failed one. The first fetch is no
    /// refresh. Defaults to 30 s, which is Passport's limit for a client; 1 s to 10 min. A new key
    /// that is used before it is published is accepted this long after its publication at the
    /// latest. For tests that rotate keys twice: set 1 s, or advance a
    /// [`ManualClock`](crate::ManualClock) by 30 s.
    pub fn jwks_cooldown(mut self, cooldown: Duration) -> Self {
        self.keys.cooldown = cooldown;
        self
    }

    /// Sets how long cached keys are trusted while the issuer is unreachable. Defaults to 24 h:
    /// longer than outages last; 1 min to 30 days. After that, the response is 503. A key that was
    /// withdrawn during an outage is trusted for as long.
    pub fn jwks_max_stale(mut self, age: Duration) -> Self {
        self.keys.max_age = age;
        self
    }

    /// Sets the accepted signature algorithms ([RFC 8725, section
    /// 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)). Defaults to RS256 alone, the only
    /// one that Passport uses. A published RSA key without an `alg` is used for RS256 and for
    /// PS256, if both are configured; one with an `alg` for that one only.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = AllowedAlgorithms::new(algorithms.into_iter().collect());
        self
    }

    /// Sets whether verified tokens are cached, so that the signature of each is verified once.
    /// Defaults to yes, as that is most of the work. The cache changes no result: a cached token is
    /// rejected, as any other, when it expires or its key is withdrawn. Cached tokens stay in
    /// memory.
    pub fn cache_tokens(mut self, yes: bool) -> Self {
        self.keeps_tokens = yes;
        self
    }

    /// Sets the maximum number of cached tokens. Defaults to 10,000: more than most services see in
    /// an hour. The least used are evicted first.
    pub fn max_cached_tokens(mut self, tokens: u64) -> Self {
        self.cache.tokens = tokens;
        self
    }

    /// Sets the maximum size of the cached tokens and their claims, in bytes. Defaults to 16 MiB;
    /// 10,000 tokens of Passport take half of that. 64 KiB to 4 GiB. The limit that is reached
    /// first applies.
    pub fn max_cached_bytes(mut self, bytes: u64) -> Self {
        self.cache.bytes = bytes;
        self
    }

    /// Rejects callers with valid tokens for which `denies` returns `true`: by
    /// [`token_id`](IdInfo::token_id) or [`user_id`](IdInfo::user_id), for example, as a token does
    /// not show that it was revoked. Defaults to none. `denies` is called for each request, so it
    /// must not block. A second call replaces the first. The response says that the token has
    /// expired (`TokenExpired`), so that the caller gets another one.
    pub fn reject_if(mut self, denies: impl Fn(&IdInfo) -> bool + Send + Sync + 'static) -> Self {
        self.reject_if = Some(RejectPredicate(Arc::new(denies)));
        self
    }

    /// Sets the maximum number of concurrent signature verifications. Defaults to half of the
    /// processors and at least one, so that a flood of invalid tokens leaves the others to cached
    /// ones. A request that gets no permit within 2 s is rejected with 503.
    pub fn max_concurrent_verifications(mut self, at_once: NonZeroUsize) -> Self {
        self.at_once = at_once;
        self
    }

    /// Sets the size of the largest token that is accepted, in bytes. Defaults to 8 KiB; 1 KiB to
    /// 64 KiB. Passport's tokens have about 1 KiB; one with hundreds of permissions has more than 8
    /// KiB. A larger token is rejected, and its size is logged at level warn. The server has to
    /// accept headers of that size, too: hyper's HTTP/2 accepts 16 KiB by default.
    pub fn max_token_size(mut self, bytes: usize) -> Self {
        self.max_token_size = bytes;
        self
    }

    /// Sets how far this machine's clock and the issuer's may differ, for `exp`, `nbf` and `iat`.
    /// Defaults to 60 s, as in Passport's own SDK; 10 min at most.
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.keys.clock_skew = skew;
        self
    }

    /// Fetches keys through `transport`. Defaults to [`ReqwestHttpClient`](crate::ReqwestHttpClient).
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = self.transport.transport(transport);
        self
    }

    /// Trusts the certificates in this PEM file beside the system's root certificates when it calls
    /// the issuer. The file is read by [`build`](Self::build). Contradicts
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

    /// Removes the jitter of refreshes, so that two verifiers refresh at the same time.
    #[cfg(test)]
    pub(crate) fn without_jitter(mut self) -> Self {
        self.keys.chance = || 0.5;
        self
    }

    /// Reads the time from `clock`. Defaults to the operating system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Builds the verifier. Does no I/O and spawns no task.
    ///
    /// # Errors
    /// A [`ConfigError`] that lists every option that is wrong.
    pub fn build(self) -> Result<TokenVerifier, ConfigError> {
        let mut problems = Vec::new();
        let issuer = self.issuer_with_keys(&mut problems);
        check_ranges(&self.keys, self.cache, self.max_token_size, &mut problems);
        if self.audiences.iter().any(|audience| audience.trim().is_empty()) {
            problems.push(ConfigProblem::new("audience", "it is empty; name whom the tokens are for"));
        }
        if self.algorithms.is_none() {
            problems.push(ConfigProblem::new("algorithms", "there are none; name one, or leave it at RS256"));
        }
        let transport = self.transport.build(&mut problems);
        let jwks = match (issuer.clone(), self.algorithms.clone(), transport) {
            (Some(issuer), Some(algorithms), Some(transport)) => {
                self.jwks_cache(issuer, algorithms, transport, &mut problems)
            }
            _ => None,
        };
        let (Some(issuer), Some(jwks), []) = (issuer, jwks, &*problems) else {
            return Err(ConfigError::new(problems));
        };
        Ok(TokenVerifier::new(Pipeline {
            policy: Policy {
                issuer: issuer.id().to_owned(),
                audiences: self.audiences,
                clock_skew: self.keys.clock_skew,
            },
            jwks: Arc::new(jwks),
            clock: self.clock,
            cache: self.keeps_tokens.then(|| VerifiedTokenCache::new(self.cache)),
            reject_if: self.reject_if,
            permits: VerificationPermits::new(self.at_once),
            queues: WaitQueues::new(),
            max_token_size: self.max_token_size,
            slash_warning: IssuerSlashWarning::default(),
            size_warning: TokenSizeWarning::default(),
        }))
    }

    fn issuer_with_keys(&self, problems: &mut Vec<ConfigProblem>) -> Option<Issuer> {
        let new = if self.plain_http { Issuer::danger_plain_http } else { Issuer::new };
        let given = self.issuer.as_deref().unwrap_or(Issuer::PASSPORT);
        let issuer = ConfigProblem::collect(problems, "issuer", new(given));
        // Replaces a wrong issuer, so that the JWKS URL is checked all the same.
        let issuer = issuer.or_else(|| new(Issuer::PASSPORT).ok())?;
        match &self.jwks_url {
            Some(url) => ConfigProblem::collect(problems, "jwks_url", issuer.with_jwks_url(url)),
            None => Some(issuer),
        }
    }

    fn jwks_cache(
        &self,
        issuer: Issuer,
        algorithms: AllowedAlgorithms,
        transport: Transport,
        problems: &mut Vec<ConfigProblem>,
    ) -> Option<JwksCache> {
        let clock = Arc::clone(&self.clock);
        let Some(jwks) = &self.static_jwks else {
            let source = JwksClient::new(issuer, transport, self.keys.fetch_timeout);
            let file = self.jwks_cache_file.clone().map(|path| KeyFile { path });
            return Some(JwksCache::new(source, file, algorithms, self.keys, clock));
        };
        if self.jwks_url.is_some() || self.jwks_cache_file.is_some() || self.transport.has_ca_file() {
            let problem = "with static keys the issuer is never asked; drop them, or jwks_url, jwks_cache_file and ca_file";
            problems.push(ConfigProblem::new("static_jwks", problem));
        }
        ConfigProblem::collect(problems, "static_jwks", JwksCache::fixed(jwks, algorithms, clock))
    }
}

/// URLs are left out: until they are checked, they may hold credentials.
impl fmt::Debug for TokenVerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifierBuilder")
            .field("audiences", &self.audiences)
            .field("clock_skew", &self.keys.clock_skew)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
