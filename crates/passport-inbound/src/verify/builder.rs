use std::{fmt, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use http::HeaderValue;
use passport_core::{Clock, ConfigError, ConfigProblem, Issuer, SystemClock, Transport, TransportSettings};

use crate::{
    Algorithm, IdInfo, TokenVerifier,
    jwks::{JwksSource, KeyFile, KeyKeeper, KeySettings},
    jwt::{algorithm::AllowedAlgorithms, compact::DEFAULT_MAX_LEN, validation::Policy},
    verify::{
        DenyList, Shared,
        cache::{CacheLimits, TokenCache},
        diagnostics::{IssuerSlashWarning, TokenSizeWarning},
        limits::{Places, Seats},
    },
};

/// The most that clocks may be allowed to differ; more would keep dead tokens alive.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(10 * 60);

/// How often keys are refreshed at least and at most.
const REFRESH_INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(24 * 60 * 60);

/// How much memory may be given to tokens that were verified.
const CACHE_BYTES: std::ops::RangeInclusive<u64> = 64 * 1024..=4 * 1024 * 1024 * 1024;

/// The size of tokens that may be accepted, in bytes. More does not fit into the headers that
/// servers accept.
const TOKEN_SIZES: std::ops::RangeInclusive<usize> = 1024..=64 * 1024;

/// The timeout of a request for keys.
const FETCH_TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(60);

/// The time between two requests for keys that callers can cause. Less lets anyone flood the
/// issuer.
const COOLDOWNS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(10 * 60);

/// The longest that keys may be believed without a word of the issuer.
const MAX_KEY_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Settings of a [`TokenVerifier`]. [`build`](Self::build) reports every mistake at once.
#[must_use]
pub struct TokenVerifierBuilder {
    audiences: Vec<String>,
    issuer: Option<String>,
    jwks_url: Option<String>,
    plain_http: bool,
    static_keys: Option<Vec<u8>>,
    key_file: Option<PathBuf>,
    /// `None` if there are none.
    algorithms: Option<AllowedAlgorithms>,
    keys: KeySettings,
    keeps_tokens: bool,
    cache: CacheLimits,
    deny_list: Option<DenyList>,
    at_once: NonZeroUsize,
    max_token_size: usize,
    transport: TransportSettings,
    clock: Arc<dyn Clock>,
}

impl TokenVerifierBuilder {
    pub(crate) fn new(audience: String) -> Self {
        Self {
            audiences: vec![audience],
            issuer: None,
            jwks_url: None,
            plain_http: false,
            static_keys: None,
            key_file: None,
            algorithms: Some(AllowedAlgorithms::default()),
            keys: KeySettings::default(),
            keeps_tokens: true,
            cache: CacheLimits::default(),
            deny_list: None,
            at_once: Places::default_turns(),
            max_token_size: DEFAULT_MAX_LEN,
            transport: TransportSettings::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// Accepts tokens for another audience, too. Passport's managed identities have `bizfirstgo-api`, a user's token has the
    /// client id of the user's app.
    pub fn accept_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The Passport whose tokens are accepted, as it stands in `iss`. Defaults to `https://passport.bizfirst.ai`.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Where the signing keys are. Defaults to what the issuer's discovery document says.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.jwks_url = Some(url.into());
        self
    }

    /// Lets the issuer and the JWKS URL be plain `http`.
    ///
    /// **Danger:** anyone on the network path can replace the signing keys, and then issue
    /// tokens that are accepted. For a private network that is trusted or encrypted: docker
    /// compose, kind, a service mesh. Such requests never go through the system's proxy.
    pub fn danger_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Takes the signing keys from this JWK set ([RFC 7517, section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)) and
    /// from nowhere else: the issuer is never asked, and whatever says how is of no effect. For tests, and for machines without
    /// a way to the issuer; a rotation needs a new verifier.
    pub fn static_keys(mut self, jwks: impl Into<Vec<u8>>) -> Self {
        self.static_keys = Some(jwks.into());
        self
    }

    /// Keeps the signing keys in this file, too, so that a service can start while the issuer is down. Defaults to none. It is read
    /// when the first keys are needed, and replaced whenever the issuer has given or confirmed keys. Keys from it are believed
    /// for as long as if the service had never ended ([`max_key_age`](Self::max_key_age)), and refreshed when they are due.
    /// Several instances may share it.
    ///
    /// The file decides whose tokens are accepted: nobody but the service may be able to write to it or to its folder, in
    /// which each new version is made before it takes the place of the old one. A file that cannot be used, or takes longer
    /// than a second, is a warning, not an error.
    pub fn key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key_file = Some(path.into());
        self
    }

    /// How often the signing keys are refreshed. Defaults to 10 min, as Passport's SDK has it; 1 min to 24 h. It happens
    /// in the background after about four fifths of that time, or of a shorter one that the issuer gives in `Cache-Control`, and no
    /// request waits for it.
    pub fn jwks_refresh_interval(mut self, interval: Duration) -> Self {
        self.keys.lifetime = interval;
        self
    }

    /// Sets the timeout of each HTTP request for the discovery document and for the key set.
    /// Defaults to 5 s; 1 s to 60 s. A request that waits for its key waits 2 s at most, whatever
    /// this says.
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

    /// For how long keys are believed when the issuer cannot be asked. Defaults to 24 h: longer than outages last. After that,
    /// tokens are answered with 503. Less means that a key which was withdrawn during an outage is trusted for less
    /// long; 1 min at least, 30 days at most.
    pub fn max_key_age(mut self, age: Duration) -> Self {
        self.keys.max_age = age;
        self
    }

    /// The signature algorithms that are accepted
    /// ([RFC 8725, section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)). Defaults to RS256 alone, the only one that
    /// Passport uses. A published RSA key without an `alg` serves RS256 and PS256 alike, if both are configured; one with an
    /// `alg` serves that one only.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = AllowedAlgorithms::new(algorithms.into_iter().collect());
        self
    }

    /// Whether tokens that were verified are kept, so that the signature of each is verified once. Defaults to yes, as that is
    /// most of the work. What is kept changes no verdict: a token is refused when it expires or its key is withdrawn, kept or
    /// not. Tokens stay in memory for that.
    pub fn cache_tokens(mut self, yes: bool) -> Self {
        self.keeps_tokens = yes;
        self
    }

    /// How many verified tokens are kept at most. Defaults to 10,000: more than most services see in an hour. The least used
    /// are forgotten first.
    pub fn max_cached_tokens(mut self, tokens: u64) -> Self {
        self.cache.tokens = tokens;
        self
    }

    /// How many bytes verified tokens and their claims take at most. Defaults to 16 MiB, which is 10,000 tokens of the size
    /// of Passport's for the half of them; 64 KiB to 4 GiB. Whichever limit is met first holds.
    pub fn max_cached_bytes(mut self, bytes: u64) -> Self {
        self.cache.bytes = bytes;
        self
    }

    /// Refuses callers with good tokens for whom `denies` says `true`: by [`token_id`](IdInfo::token_id) or
    /// [`user_id`](IdInfo::user_id), for example, as it is not to be seen in a token that it was revoked. Defaults to nobody. It
    /// is asked at each request, so it must not block; another takes the place of this one. The caller is told that the token has
    /// expired (`TokenExpired`), so that it gets another.
    pub fn deny_list(mut self, denies: impl Fn(&IdInfo) -> bool + Send + Sync + 'static) -> Self {
        self.deny_list = Some(DenyList(Arc::new(denies)));
        self
    }

    /// How many signatures are verified at once. Defaults to half of the processors and one at least, so that a flood of junk
    /// leaves the others to tokens that are known. A request whose turn does not come within 2 s gets 503.
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

    /// How far our clock and the issuer's may differ, for `exp`, `nbf` and `iat`. Defaults to 60 s, as Passport's own
    /// SDK has it; 10 min at most.
    pub fn clock_skew(mut self, skew: Duration) -> Self {
        self.keys.clock_skew = skew;
        self
    }

    /// Fetches keys through `transport`. Defaults to [`HttpTransport`](crate::HttpTransport).
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = self.transport.transport(transport);
        self
    }

    /// Trusts the certificates in this PEM file beside the system's root certificates when it calls
    /// the issuer. The file is read by [`build`](Self::build). Contradicts
    /// [`transport`](Self::transport), which has
    /// [`HttpTransport::with_ca`](crate::HttpTransport::with_ca).
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

    /// Takes chance out of the times of refreshes, so that two verifiers do the same at the same time.
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

    /// The verifier. Does no I/O and starts nothing.
    ///
    /// # Errors
    /// A [`ConfigError`] that lists every option that is wrong.
    pub fn build(self) -> Result<TokenVerifier, ConfigError> {
        let mut problems = Vec::new();
        let issuer = self.issuer_with_keys(&mut problems);
        self.check_numbers(&mut problems);
        if self.audiences.iter().any(|audience| audience.trim().is_empty()) {
            problems.push(ConfigProblem::new("audience", "it is empty; name whom the tokens are for"));
        }
        if self.algorithms.is_none() {
            problems.push(ConfigProblem::new("algorithms", "there are none; name one, or leave it at RS256"));
        }
        let transport = self.transport.build(&mut problems);
        let keeper = match (issuer.clone(), self.algorithms.clone(), transport) {
            (Some(issuer), Some(algorithms), Some(transport)) => {
                self.keeper(issuer, algorithms, transport, &mut problems)
            }
            _ => None,
        };
        let (Some(issuer), Some(keeper), []) = (issuer, keeper, &*problems) else {
            return Err(ConfigError::new(problems));
        };
        Ok(TokenVerifier::new(Shared {
            policy: Policy {
                issuer: issuer.id().to_owned(),
                audiences: self.audiences,
                clock_skew: self.keys.clock_skew,
            },
            keeper: Arc::new(keeper),
            clock: self.clock,
            cache: self.keeps_tokens.then(|| TokenCache::new(self.cache)),
            deny_list: self.deny_list,
            turns: Places::turns(self.at_once),
            seats: Seats::new(),
            max_token_size: self.max_token_size,
            slash_warning: IssuerSlashWarning::default(),
            size_warning: TokenSizeWarning::default(),
        }))
    }

    fn issuer_with_keys(&self, problems: &mut Vec<ConfigProblem>) -> Option<Issuer> {
        let new = if self.plain_http { Issuer::danger_plain_http } else { Issuer::new };
        let given = self.issuer.as_deref().unwrap_or(Issuer::PASSPORT);
        let issuer = ConfigProblem::collect(problems, "issuer", new(given));
        // A stand-in for a wrong issuer, so that the JWKS URL is checked all the same.
        let issuer = issuer.or_else(|| new(Issuer::PASSPORT).ok())?;
        match &self.jwks_url {
            Some(url) => ConfigProblem::collect(problems, "jwks_url", issuer.with_jwks_url(url)),
            None => Some(issuer),
        }
    }

    fn check_numbers(&self, problems: &mut Vec<ConfigProblem>) {
        let mut check = |is_good: bool, option, problem: &str| {
            if !is_good {
                problems.push(ConfigProblem::new(option, problem));
            }
        };
        check(
            self.keys.clock_skew <= MAX_CLOCK_SKEW,
            "clock_skew",
            "more than 10 min would keep expired tokens alive",
        );
        check(
            REFRESH_INTERVALS.contains(&self.keys.lifetime),
            "jwks_refresh_interval",
            "it must be between 1 min and 24 h",
        );
        check(
            (*REFRESH_INTERVALS.start()..=MAX_KEY_AGE).contains(&self.keys.max_age),
            "max_key_age",
            "it must be between 1 min and 30 days",
        );
        check(
            FETCH_TIMEOUTS.contains(&self.keys.fetch_timeout),
            "jwks_fetch_timeout",
            "it must be between 1 s and 60 s",
        );
        check(COOLDOWNS.contains(&self.keys.cooldown), "jwks_cooldown", "it must be between 1 s and 10 min");
        check(
            TOKEN_SIZES.contains(&self.max_token_size),
            "max_token_size",
            "it must be between 1 KiB and 64 KiB",
        );
        check(
            self.cache.tokens > 1,
            "max_cached_tokens",
            "it must be 2 at least; cache_tokens(false) keeps none",
        );
        check(
            CACHE_BYTES.contains(&self.cache.bytes),
            "max_cached_bytes",
            "it must be between 64 KiB and 4 GiB; cache_tokens(false) keeps none",
        );
    }

    fn keeper(
        &self,
        issuer: Issuer,
        algorithms: AllowedAlgorithms,
        transport: Transport,
        problems: &mut Vec<ConfigProblem>,
    ) -> Option<KeyKeeper> {
        let clock = Arc::clone(&self.clock);
        let Some(jwks) = &self.static_keys else {
            let source = JwksSource::new(issuer, transport, self.keys.fetch_timeout);
            let file = self.key_file.clone().map(KeyFile::new);
            return Some(KeyKeeper::new(source, file, algorithms, self.keys, clock));
        };
        if self.jwks_url.is_some() || self.key_file.is_some() || self.transport.has_ca_file() {
            let problem =
                "with static keys the issuer is never asked; drop them, or jwks_url, key_file and ca_file";
            problems.push(ConfigProblem::new("static_keys", problem));
        }
        ConfigProblem::collect(problems, "static_keys", KeyKeeper::fixed(jwks, algorithms, clock))
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
mod tests {
    use super::*;

    #[test]
    fn an_audience_is_all_that_is_needed() {
        assert!(TokenVerifier::builder("bizfirstgo-api").build().is_ok());
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let error = TokenVerifier::builder(" ")
            .issuer("http://passport.bizfirst.ai")
            .jwks_url("keys")
            .clock_skew(Duration::from_secs(3600))
            .build()
            .unwrap_err();
        let options: Vec<_> = error.problems().iter().map(|problem| problem.option.clone()).collect();
        assert_eq!(options, ["issuer", "jwks_url", "clock_skew", "audience"]);
    }

    #[test]
    fn danger_plain_http_covers_issuer_and_jwks_url() {
        let builder =
            |issuer: &str, jwks_url: &str| TokenVerifier::builder("api").issuer(issuer).jwks_url(jwks_url);
        for (issuer, jwks_url) in [
            ("http://passport:8090", "http://passport:8090/keys"),
            ("https://passport.bizfirst.ai", "http://passport:8090/keys"),
        ] {
            builder(issuer, jwks_url).danger_plain_http().build().unwrap();
            let refusal = builder(issuer, jwks_url).build().unwrap_err();
            assert!(
                refusal.problems().iter().all(|it| it.problem.contains("danger_plain_http")),
                "{refusal}"
            );
        }
    }

    #[test]
    fn ca_file_contradicts_a_transport() {
        let options = |builder: TokenVerifierBuilder| {
            let error = builder.issuer("passport").build().unwrap_err();
            error.problems().iter().map(|problem| problem.option.to_string()).collect::<Vec<_>>()
        };
        let builder = || TokenVerifier::builder("api").ca_file("/no/such/ca.pem");
        assert_eq!(options(builder()), ["issuer", "ca_file"]);
        assert_eq!(options(builder().transport(Transport::default())), ["issuer", "ca_file"]);
    }

    #[test]
    fn what_is_out_of_range_is_said_to_be() {
        let minute = Duration::from_secs(60);
        let error = TokenVerifier::builder("api")
            .jwks_refresh_interval(minute - Duration::from_nanos(1))
            .max_key_age(Duration::ZERO)
            .jwks_fetch_timeout(Duration::ZERO)
            .jwks_cooldown(Duration::from_millis(999))
            .max_token_size(64 * 1024 + 1)
            .max_cached_tokens(0)
            .max_cached_bytes(0)
            .algorithms([])
            .build()
            .unwrap_err();
        let options: Vec<_> = error.problems().iter().map(|problem| problem.option.clone()).collect();
        assert_eq!(
            options,
            [
                "jwks_refresh_interval",
                "max_key_age",
                "jwks_fetch_timeout",
                "jwks_cooldown",
                "max_token_size",
                "max_cached_tokens",
                "max_cached_bytes",
                "algorithms",
            ]
        );
        TokenVerifier::builder("api").jwks_refresh_interval(minute).max_key_age(minute).build().unwrap();
    }

    #[test]
    fn static_keys_must_be_keys_and_the_only_ones() {
        let problem = |builder: TokenVerifierBuilder| builder.build().unwrap_err().to_string();
        let builder = || TokenVerifier::builder("api").static_keys("{\"keys\":[]}");
        assert!(problem(builder()).contains("no usable key"), "{}", problem(builder()));
        assert!(problem(builder().key_file("keys.json")).contains("never asked"));
    }
}
