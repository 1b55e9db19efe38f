//! How an issuer is asked whether a token is still active (token introspection).

use std::{fmt, num::NonZeroUsize, time::Duration};

use passport_core::{ClientAuthentication, ClientId, ConfigProblem, InvalidIssuer, Issuer, SecretSource};
use url::Url;

use super::trusted_issuer::IssuerKind;

/// The accepted maximum ages of an answer.
pub(crate) const MAX_AGES: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(60);

/// The problem with a maximum age that is out of range, without the age.
pub(crate) const MAX_AGE_RANGE: &str = "must be between 1 s and 60 s";

/// Returns the problem with a time for which a token is accepted without an answer of the issuer.
/// Returns `None` if the time is valid.
pub(crate) fn continue_time_problem(time: Duration) -> Option<String> {
    let hour = Duration::from_secs(60 * 60);
    (time.is_zero() || time > hour).then(|| format!("must be more than 0 s and at most 1 h, is {time:?}"))
}

/// When the issuer of a token is asked whether the token is still active.
///
/// The default of an issuer is set with [`Introspection::mode`]. A layer
/// ([`AuthenticateLayer::introspect`](crate::AuthenticateLayer::introspect)) or a route
/// ([`Requirement::introspected_within`](crate::Requirement::introspected_within)) can be
/// stricter, and never less strict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IntrospectionMode {
    /// The issuer is not asked. A revoked token is accepted until it expires.
    #[default]
    Local,
    /// A token is verified locally. In addition, the issuer must have said within the last
    /// `max_age` that the token is active. A revocation is seen within `max_age`.
    LocalThenIntrospect {
        /// The maximum age of the issuer's answer; 1 s to 60 s.
        max_age: Duration,
    },
    /// A token is verified locally, and the issuer is asked for each request. One call is enough
    /// for all requirements of a request, and concurrent requests with one token share a call.
    Introspect,
    /// In addition to JWTs, the issuer's tokens can be opaque: only the issuer can read them. The
    /// claims of the caller come from the issuer's answer. At most one issuer of a verifier can
    /// have this mode, because an opaque token does not name its issuer.
    ///
    /// A JWT has three segments in base64url, the first of them a JSON object. It is verified
    /// locally also with this mode, and then introspected.
    Opaque {
        /// The maximum age of the issuer's answer; 1 s to 60 s.
        max_age: Duration,
    },
}

impl IntrospectionMode {
    /// The default maximum age of an answer: 15 s.
    pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(15);

    /// Returns [`LocalThenIntrospect`](Self::LocalThenIntrospect) with the default maximum age of
    /// 15 s.
    #[must_use]
    pub fn local_then_introspect() -> Self {
        Self::LocalThenIntrospect { max_age: Self::DEFAULT_MAX_AGE }
    }

    /// Returns [`Opaque`](Self::Opaque) with the default maximum age of 15 s.
    #[must_use]
    pub fn opaque() -> Self {
        Self::Opaque { max_age: Self::DEFAULT_MAX_AGE }
    }

    /// Returns the maximum age of the issuer's answer: zero if the issuer is asked for each
    /// request, and `None` if it is not asked.
    pub(crate) fn max_age(self) -> Option<Duration> {
        match self {
            Self::Local => None,
            Self::LocalThenIntrospect { max_age } | Self::Opaque { max_age } => Some(max_age),
            Self::Introspect => Some(Duration::ZERO),
        }
    }

    /// Returns the maximum age if it is out of range.
    pub(crate) fn invalid_max_age(self) -> Option<Duration> {
        match self {
            Self::Local | Self::Introspect => None,
            Self::LocalThenIntrospect { max_age } | Self::Opaque { max_age } => {
                (!MAX_AGES.contains(&max_age)).then_some(max_age)
            }
        }
    }
}

/// How an issuer is asked whether a token is still active ([RFC
/// 7662](https://www.rfc-editor.org/rfc/rfc7662)): as which client, where, and within which limits.
///
/// A locally verified token is accepted until it expires, even if the issuer has revoked it.
/// With these settings, a revocation is seen earlier: for all tokens of the issuer by the
/// [`mode`](Self::mode), or on single routes by
/// [`Requirement::introspected_within`](crate::Requirement::introspected_within).
///
/// If the issuer gives no valid answer, the request is rejected with 503 and `Retry-After`.
///
/// ```
/// use passport_inbound::{Introspection, IntrospectionMode, SecretSource, TokenVerifier};
///
/// # fn main() -> Result<(), passport_inbound::ConfigError> {
/// let introspection = Introspection::new("orders-api", SecretSource::env("ORDERS_API_SECRET"))
///     .mode(IntrospectionMode::local_then_introspect());
/// let verifier =
///     TokenVerifier::builder("bizfirstgo-api").introspection(introspection).build()?;
/// # let _ = verifier; Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Introspection {
    pub(crate) client_id: String,
    pub(crate) secret: SecretSource,
    pub(crate) endpoint: Option<String>,
    pub(crate) authentication: ClientAuthentication,
    pub(crate) mode: IntrospectionMode,
    pub(crate) timeout: Duration,
    pub(crate) max_concurrent: NonZeroUsize,
    pub(crate) max_cached: usize,
    pub(crate) max_unknown_per_second: u32,
    pub(crate) continue_for: Option<Duration>,
    pub(crate) requires_signed: bool,
}

impl Introspection {
    /// Creates settings that authenticate at the issuer as the client `client_id`. The secret is
    /// read for each call, and read again if the issuer rejects it.
    pub fn new(client_id: impl Into<String>, secret: SecretSource) -> Self {
        Self {
            client_id: client_id.into(),
            secret,
            endpoint: None,
            authentication: ClientAuthentication::ClientSecretBasic,
            mode: IntrospectionMode::Local,
            timeout: Duration::from_secs(2),
            max_concurrent: const { NonZeroUsize::new(32).expect("32 is not zero") },
            max_cached: 10_000,
            max_unknown_per_second: 100,
            continue_for: None,
            requires_signed: false,
        }
    }

    /// Sets the URL of the introspection endpoint. Defaults to `/passport/token/introspect` below
    /// the issuer's URL; required for other issuers than Passport. The URL must be `https`, except
    /// as [`danger_plain_http`](crate::TrustedIssuer::danger_plain_http) allows.
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = Some(url.into());
        self
    }

    /// Sets the method of client authentication. Defaults to `client_secret_basic`.
    pub fn client_authentication(mut self, method: impl Into<ClientAuthentication>) -> Self {
        self.authentication = method.into();
        self
    }

    /// Sets when the issuer is asked about its tokens. Defaults to [`IntrospectionMode::Local`], so
    /// that only routes that require an introspection ask the issuer.
    pub fn mode(mut self, mode: IntrospectionMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the timeout of a call, which includes reading the secret. Defaults to 2 s, because
    /// Passport answers within 50 ms; must be 100 ms to 30 s. A call can wait as long again for one
    /// of the [concurrent](Self::max_concurrent) calls to end.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the maximum number of concurrent calls. Defaults to 32. Further calls wait, up to 1,024
    /// of them; above that, requests are rejected with 503.
    ///
    /// Calls about opaque tokens that the issuer has never confirmed have their own limit, a
    /// quarter of this number, so that invalid tokens do not delay valid ones.
    pub fn max_concurrent(mut self, max_concurrent: NonZeroUsize) -> Self {
        self.max_concurrent = max_concurrent;
        self
    }

    /// Sets the maximum number of cached answers, one for each token. Defaults to 10,000, the
    /// default of the verified token cache; must be 1 to 10,000,000. The answers use at most 32
    /// MiB, or 128 bytes for each token if that is more.
    pub fn max_cached(mut self, tokens: usize) -> Self {
        self.max_cached = tokens;
        self
    }

    /// Sets the maximum number of calls per second about opaque tokens that the issuer has never
    /// confirmed. Defaults to 100, with bursts of as many; must be at least 1. Anyone can send such
    /// tokens, and each costs the issuer a call. Above the limit, requests are rejected with 503.
    pub fn max_unknown_per_second(mut self, calls: u32) -> Self {
        self.max_unknown_per_second = calls;
        self
    }

    /// Accepts a token while the issuer gives no valid answer, if the issuer has confirmed the
    /// token within the last `time`. The maximum is 1 h. By default, such requests are rejected
    /// with 503. Each accepted request is logged and counted. A route can have [its own time].
    ///
    /// **Danger:** a token that is revoked during an outage of the issuer is accepted for up to
    /// `time`. An attacker who can cause the outage can use a stolen token for as long.
    ///
    /// [its own time]: crate::Requirement::danger_continue_when_unreachable
    pub fn danger_continue_when_unreachable(mut self, time: Duration) -> Self {
        self.continue_for = Some(time);
        self
    }

    /// Accepts only signed answers ([RFC 9701](https://www.rfc-editor.org/rfc/rfc9701)), which are
    /// verified with the issuer's keys. Off by default: TLS protects the answer.
    pub fn require_signed(mut self) -> Self {
        self.requires_signed = true;
        self
    }

    /// Returns whether the issuer's tokens can be opaque.
    pub(crate) fn is_opaque(&self) -> bool {
        matches!(self.mode, IntrospectionMode::Opaque { .. })
    }

    /// Returns the URL of the introspection endpoint. Returns `None` if it is not set, and there is
    /// no default for the issuer.
    ///
    /// # Errors
    /// If the URL violates the rules for an issuer's endpoints.
    pub(crate) fn url(&self, kind: IssuerKind, issuer: &Issuer) -> Result<Option<Url>, InvalidIssuer> {
        match (&self.endpoint, kind) {
            // The rules for the URL of an endpoint are the same for all endpoints.
            (Some(url), _) => issuer.clone().with_token_url(url).map(|issuer| Some(issuer.token_url())),
            (None, IssuerKind::Passport) => {
                let mut url = issuer.token_url();
                url.set_path(&format!("{}/introspect", url.path()));
                Ok(Some(url))
            }
            (None, IssuerKind::External) => Ok(None),
        }
    }

    /// Reports the mistakes in all settings but the URL.
    pub(super) fn check(&self, has_placeholder: bool, problems: &mut Vec<ConfigProblem>) {
        let mut report = |option: &'static str, problem: &dyn fmt::Display| {
            problems.push(ConfigProblem::new(option, problem));
        };
        if let Err(error) = self.client_id.parse::<ClientId>() {
            report("introspection.client_id", &error);
        }
        if let Some(max_age) = self.mode.invalid_max_age() {
            report("introspection.max_age", &format_args!("{MAX_AGE_RANGE}, is {max_age:?}"));
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(30)).contains(&self.timeout) {
            let problem = format_args!("must be between 100 ms and 30 s, is {:?}", self.timeout);
            report("introspection.timeout", &problem);
        }
        if !(1..=10_000_000).contains(&self.max_cached) {
            let problem = format_args!("must be between 1 and 10,000,000, is {}", self.max_cached);
            report("introspection.max_cached", &problem);
        }
        if self.max_unknown_per_second == 0 {
            report("introspection.max_unknown_per_second", &"must be at least 1, is 0");
        }
        if let Some(problem) = self.continue_for.and_then(continue_time_problem) {
            report("introspection.danger_continue_when_unreachable", &problem);
        }
        if has_placeholder && self.is_opaque() {
            let problem = "an issuer with a placeholder cannot have opaque tokens; choose another mode";
            report("introspection.mode", &problem);
        }
    }
}

/// Omits the URL, which can contain credentials: only `build` rejects such a URL.
impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introspection")
            .field("client_id", &self.client_id)
            .field("secret", self.secret.reference())
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
