//! The builder of a `TokenVerifier`. The builder collects all configuration problems into one
//! error.

mod assemble;
mod check;
mod ranges;

use std::{fmt, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use http::HeaderValue;
use passport_core::{Clock, ConfigError, ConfigProblem, SharedClock, Transport, TransportSettings};

pub(super) use self::assemble::reload;
use super::{
    TokenVerifier, cache::CacheLimits, limits::VerificationPermits, pipeline::RejectPredicate,
    reload_state::FixedOptions,
};
use crate::{
    Algorithm, DenyList, IdInfo, Introspection, TrustedIssuer, issuers::TenantIssuers, jwks::KeySettings,
    jwt::compact::DEFAULT_MAX_LEN,
};

/// A builder of a [`TokenVerifier`]. [`build`](Self::build) reports all configuration problems
/// in one error.
///
/// The options `audience`, `issuer`, `jwks_url`, `static_jwks`, `jwks_cache_file`, `algorithms`,
/// `introspection` and `danger_plain_http` set the first trusted issuer. [`trust`](Self::trust)
/// adds further issuers. All other options are for the whole verifier.
#[must_use]
pub struct TokenVerifierBuilder {
    first: TrustedIssuer,
    others: Vec<TrustedIssuer>,
    tenants: TenantIssuers,
    keys: KeySettings,
    caches_tokens: bool,
    cache: CacheLimits,
    deny_list: Option<DenyList>,
    reject_if: Option<RejectPredicate>,
    max_concurrent: NonZeroUsize,
    max_token_size: usize,
    transport: TransportSettings,
    clock: SharedClock,
}

impl TokenVerifier {
    /// Creates a builder of a verifier that trusts BizFirst's Passport, and accepts its tokens with
    /// this audience (`aud`). The audience is the only required option. Add further audiences with
    /// [`TokenVerifierBuilder::audience`], for example if both users and managed identities call
    /// the service.
    pub fn builder(audience: impl Into<String>) -> TokenVerifierBuilder {
        Self::trusting(TrustedIssuer::default_passport().audience(audience))
    }

    /// Creates a builder of a verifier that trusts only `issuer`, for a service without Passport.
    pub fn trusting(issuer: TrustedIssuer) -> TokenVerifierBuilder {
        TokenVerifierBuilder {
            first: issuer,
            others: Vec::new(),
            tenants: TenantIssuers::default(),
            keys: KeySettings::default(),
            caches_tokens: true,
            cache: CacheLimits::default(),
            deny_list: None,
            reject_if: None,
            max_concurrent: VerificationPermits::default_number(),
            max_token_size: DEFAULT_MAX_LEN,
            transport: TransportSettings::default(),
            clock: SharedClock::default(),
        }
    }
}

impl TokenVerifierBuilder {
    /// Adds an accepted audience. The `aud` of a token must contain at least one accepted audience
    /// ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3)). Tokens of Passport's
    /// managed identities have `bizfirstgo-api`; a user's token has the client id of the app that
    /// the user signed in to.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.first = self.first.audience(audience);
        self
    }

    /// Sets the issuer. Defaults to `https://passport.bizfirst.ai`. The value must equal the `iss`
    /// of the tokens byte for byte, including a trailing slash.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.first.issuer = issuer.into();
        self
    }

    /// Sets how the issuer is asked whether a token is still active. By default it is not asked: a
    /// token that the issuer revokes is accepted until it expires.
    pub fn introspection(mut self, introspection: Introspection) -> Self {
        self.first = self.first.introspection(introspection);
        self
    }

    /// Adds a trusted issuer, such as another Passport or the identity provider of a customer.
    /// Tokens of all trusted issuers are accepted. Each issuer has its own keys, audiences and
    /// rules. By default only one issuer is trusted.
    pub fn trust(mut self, issuer: TrustedIssuer) -> Self {
        self.others.push(issuer);
        self
    }

    /// Sets the issuers that may speak for `tenant`, by the exact `iss` of their tokens. A token of
    /// another issuer for this tenant is rejected, also a token of Passport. A second call for the
    /// same tenant adds issuers.
    ///
    /// By default, a tenant is not restricted: Passport may speak for it, and an external issuer
    /// whose [`TenantRule`](crate::TenantRule) names the tenant. An external issuer that takes the
    /// tenant from a claim may speak only for the tenants that list it.
    pub fn allowed_issuers<I: Into<String>>(
        mut self,
        tenant: impl Into<String>,
        issuers: impl IntoIterator<Item = I>,
    ) -> Self {
        self.tenants.0.entry(tenant.into()).or_default().extend(issuers.into_iter().map(Into::into));
        self
    }

    /// Sets the URL of the signing keys (JWKS), and disables discovery. Defaults to the `jwks_uri`
    /// of the issuer's discovery document.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.first = self.first.jwks_url(url);
        self
    }

    /// Allows plain `http` for the issuer and the JWKS URL.
    ///
    /// **Danger:** anyone on the network path can replace the signing keys, and then issue tokens
    /// that are accepted. Use this option only in a private network that is trusted or encrypted,
    /// such as docker compose, kind or a service mesh. Plain HTTP requests bypass the system's
    /// proxy.
    pub fn danger_plain_http(mut self) -> Self {
        self.first = self.first.danger_plain_http();
        self
    }

    /// Sets static signing keys, as a JWK set ([RFC 7517, section
    /// 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)). With static keys, no request is sent
    /// to the issuer. By default there are no static keys, and the keys are fetched from the
    /// issuer.
    ///
    /// Use static keys for tests, and on machines that cannot reach the issuer. After a key
    /// rotation, build a new verifier. [`jwks_url`](Self::jwks_url),
    /// [`jwks_cache_file`](Self::jwks_cache_file) and [`ca_file`](Self::ca_file) cannot be combined
    /// with static keys. The other options about fetching keys have no effect.
    pub fn static_jwks(mut self, jwks: impl Into<Vec<u8>>) -> Self {
        self.first = self.first.static_jwks(jwks);
        self
    }

    /// Sets a file that caches the signing keys, so that the service can start while the issuer is
    /// down. Defaults to no file. The file is read when keys are first needed, and replaced after
    /// each successful refresh. Several instances of a service can share the file.
    ///
    /// A restart does not prolong the life of the keys. Keys from the file are trusted until
    /// [`jwks_max_stale`](Self::jwks_max_stale) has passed since the keys were fetched from the
    /// issuer, and are refreshed on the usual schedule.
    ///
    /// **Security:** a program that can write the file decides which tokens are accepted.
    /// Give only the service write access to the file and to its folder. The folder must be
    /// writable because each new version is a new file that is renamed over the old one.
    ///
    /// If the file cannot be used, or if reading or writing takes longer than 1 s, a warning is
    /// logged and the verifier continues without the file.
    pub fn jwks_cache_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.first = self.first.jwks_cache_file(path);
        self
    }

    /// Sets the time for which fetched signing keys are fresh. Defaults to 10 min, as in Passport's
    /// SDK; must be 1 min to 24 h. A shorter `max-age` in the issuer's `Cache-Control` takes
    /// precedence, down to 1 min. A background task refreshes the keys after about 80 % of the
    /// resulting time. No request waits for such a refresh.
    pub fn jwks_refresh_interval(mut self, interval: Duration) -> Self {
        self.keys.refresh_interval = interval;
        self
    }

    /// Sets the timeout of each HTTP request for the discovery document and for the JWKS. Defaults
    /// to 5 s; must be 1 s to 60 s. The option does not change how long the verification of a token
    /// waits for keys: at most 2 s.
    pub fn jwks_request_timeout(mut self, timeout: Duration) -> Self {
        self.keys.fetch_timeout = timeout;
        self
    }

    /// Sets the cooldown: the minimum time after a refresh of the keys before a token can cause
    /// another refresh. Defaults to 30 s, which is Passport's limit for a client; must be 1 s to 10
    /// min.
    ///
    /// A token with an unknown `kid` or an invalid signature causes a refresh, because the issuer
    /// can have a new key. The cooldown keeps forged tokens from flooding the issuer with requests.
    /// The cooldown starts with every refresh, including scheduled refreshes, but not with the
    /// first fetch. If a service receives a token before the key of the token is published, the
    /// token is accepted at most one cooldown after the publication.
    ///
    /// The cooldown is also the maximum backoff after failed refreshes, plus up to 10 % jitter.
    ///
    /// In tests that rotate keys twice, set a cooldown of 1 s, or advance a
    /// [`ManualClock`](crate::ManualClock) by 30 s.
    pub fn jwks_cooldown(mut self, cooldown: Duration) -> Self {
        self.keys.cooldown = cooldown;
        self
    }

    /// Sets how long cached keys are trusted while the issuer is unreachable. Defaults to 24 h,
    /// which is longer than most outages; must be 1 min to 30 days. After that time, requests are
    /// rejected with 503. If the issuer withdraws a key during an outage, the key is trusted until
    /// the next successful refresh, or until that time has passed.
    pub fn jwks_max_stale(mut self, age: Duration) -> Self {
        self.keys.max_stale = age;
        self
    }

    /// Sets the accepted signature algorithms ([RFC 8725, section
    /// 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)). Defaults to RS256 only, the
    /// algorithm of Passport. A published key with an `alg` is used for that algorithm only. A
    /// published RSA key without an `alg` is used for both RS256 and PS256, if both are configured.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.first = self.first.algorithms(algorithms);
        self
    }

    /// Sets whether verified tokens are cached in memory. Defaults to `true`, because verifying the
    /// signature is most of the work, and the signature of a cached token is verified only once.
    /// The cache never changes a result: a cached token is rejected
    /// - when it expires,
    /// - when its key is withdrawn,
    /// - when the [deny list](Self::deny_list) denies its caller,
    /// - when the predicate of [`reject_if`](Self::reject_if) returns `true`.
    pub fn cache_tokens(mut self, yes: bool) -> Self {
        self.caches_tokens = yes;
        self
    }

    /// Sets the maximum number of cached tokens. Defaults to 10,000, which is more than most
    /// services receive in an hour; must be at least 2. The least used tokens are evicted first.
    pub fn max_cached_tokens(mut self, tokens: u64) -> Self {
        self.cache.tokens = tokens;
        self
    }

    /// Sets the maximum total size of all cached tokens, including the claims of these tokens, in
    /// bytes. Defaults to 16 MiB, twice the size of 10,000 tokens of Passport; must be 64 KiB to 4
    /// GiB. Tokens are evicted when this limit or [`max_cached_tokens`](Self::max_cached_tokens) is
    /// reached.
    pub fn max_cached_bytes(mut self, bytes: u64) -> Self {
        self.cache.bytes = bytes;
        self
    }

    /// Sets the list of denied callers. Their tokens are rejected before they expire. By default
    /// there is no list. The list is searched for each request, even if the token is cached; as
    /// long as the list does not change, that costs one atomic read. Several verifiers can share a
    /// list. The reason in the response is `TokenExpired`, so that the client fetches a new token.
    pub fn deny_list(mut self, list: DenyList) -> Self {
        self.deny_list = Some(list);
        self
    }

    /// Rejects valid tokens for which `predicate` returns `true`. By default no valid token is
    /// rejected. Use the predicate for revocation, by [`token_id`](IdInfo::token_id) or
    /// [`user_id`](IdInfo::user_id): a token itself does not show that it was revoked.
    ///
    /// The predicate must not block, because it is called for each request with a valid token, even
    /// if the token is cached. A second call of this method replaces the first predicate. The
    /// reason in the response is `TokenExpired`, so that the client fetches a new token.
    pub fn reject_if(mut self, predicate: impl Fn(&IdInfo) -> bool + Send + Sync + 'static) -> Self {
        self.reject_if = Some(RejectPredicate(Arc::new(predicate)));
        self
    }

    /// Sets the maximum number of concurrent signature verifications. Defaults to half of the
    /// processors, at least 1, so that a flood of invalid tokens leaves processor time for requests
    /// with cached tokens, which need no verification. A token that gets no permit within 2 s is
    /// rejected with 503.
    pub fn max_concurrent_verifications(mut self, max_concurrent: NonZeroUsize) -> Self {
        self.max_concurrent = max_concurrent;
        self
    }

    /// Sets the maximum size of a token, in bytes. Defaults to 8 KiB; must be 1 KiB to 64 KiB.
    /// Passport's tokens have about 1 KiB; a token with hundreds of permissions can exceed 8 KiB. A
    /// larger token is rejected, and its size is logged at level warn. The HTTP server has a limit
    /// for headers as well: hyper accepts 16 KiB over HTTP/2 by default.
    pub fn max_token_size(mut self, bytes: usize) -> Self {
        self.max_token_size = bytes;
        self
    }

    /// Sets the accepted difference between this machine's clock and the issuer's, for `exp`, `nbf`
    /// and `iat`. Defaults to 60 s, as in Passport's SDK; must be at most 10 min.
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.keys.clock_skew = skew;
        self
    }

    /// Sets the transport of requests to the issuer. Defaults to
    /// [`ReqwestHttpClient`](crate::ReqwestHttpClient).
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = self.transport.transport(transport);
        self
    }

    /// Adds the certificates of this PEM file to the system's root certificates, for requests to
    /// the issuer. Defaults to no file. [`build`](Self::build) reads the file. This option cannot
    /// be combined with [`transport`](Self::transport). For a transport with these certificates,
    /// use [`ReqwestHttpClient::with_ca`](crate::ReqwestHttpClient::with_ca).
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.transport = self.transport.ca_file(path);
        self
    }

    /// Sets the `User-Agent` of requests to the issuer. Defaults to `tower-passport/<version>`.
    /// This option cannot be combined with [`transport`](Self::transport).
    pub fn user_agent(mut self, user_agent: HeaderValue) -> Self {
        self.transport = self.transport.user_agent(user_agent);
        self
    }

    /// Returns the trusted issuers, in the order of the configuration.
    fn issuers(&self) -> impl Iterator<Item = &TrustedIssuer> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Returns the options that a verifier cannot change while it is in use.
    pub(super) fn fixed_options(&self) -> FixedOptions {
        FixedOptions {
            caches_tokens: self.caches_tokens,
            cache: self.cache,
            max_concurrent: self.max_concurrent,
            max_token_size: self.max_token_size,
        }
    }

    /// Removes the jitter of refreshes, so that two verifiers refresh simultaneously.
    #[cfg(test)]
    pub(crate) fn without_jitter(mut self) -> Self {
        self.keys.random = || 0.5;
        self
    }

    /// Sets the clock. Defaults to [`SystemClock`](crate::SystemClock). Tests use a
    /// [`ManualClock`](crate::ManualClock).
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = SharedClock::new(clock);
        self
    }

    /// Returns the mistakes that [`build`](Self::build) would report, without building a verifier.
    #[must_use]
    pub fn problems(&self) -> Vec<ConfigProblem> {
        assemble::problems(self)
    }

    /// Builds the verifier. Sends no request and spawns no task. Reads the
    /// [`ca_file`](Self::ca_file), if it is set.
    ///
    /// # Errors
    /// [`ConfigError`], with one problem for each invalid option.
    pub fn build(self) -> Result<TokenVerifier, ConfigError> {
        assemble::pipeline(self).map(TokenVerifier::new)
    }
}

/// Omits the URLs, which can contain credentials: `build` rejects such URLs, but `build` was not
/// called yet.
impl fmt::Debug for TokenVerifierBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifierBuilder")
            .field("first", &self.first)
            .field("others", &self.others)
            .field("clock_skew", &self.keys.clock_skew)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
