use std::{
    hash::{DefaultHasher, Hasher},
    sync::Arc,
};

use http::Uri;
use passport_core::{ConfigError, ConfigProblem, InvalidOrigin, Origin};
use url::Url;

use super::{
    AttachError,
    destination::{Destination, destination_of},
};

/// The origins that may receive the token.
///
/// Scheme, host and port must match; each origin must be `https`, or a loopback host. Each request
/// is checked, so a redirect that is followed above the layer cannot take the token elsewhere.
///
/// | in the list or in the request | |
/// |---|---|
/// | upper case, the scheme's default port | make no difference |
/// | international names | are compared as `xn--`, which is how they travel |
/// | IPv6 addresses | are compared as addresses, however they are written |
/// | a trailing dot (`api.bizfirst.ai.`) | is another host |
/// | `user:password@` | is refused |
/// | a `Host` header | has to name the host and port of the origin |
/// | other spellings of an address (`0x7f.1`), subdomains, prefixes | are other hosts |
///
/// What the client below does with a request is its own business: one that uses the system's proxy
/// (reqwest does, unless told `no_proxy()`) may send even a loopback request there, in plain text.
///
/// ```
/// use passport_outbound::AllowedOrigins;
///
/// AllowedOrigins::new(["https://api.bizfirst.ai", "https://erp.bizfirst.ai:8443"])?;
/// assert!(AllowedOrigins::new(["http://api.bizfirst.ai"]).is_err(), "plain http off this machine");
/// # Ok::<(), passport_outbound::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AllowedOrigins {
    origins: Arc<[Origin]>,
    /// The origins of requests that name only a path. Empty: such requests are rejected.
    channels: Arc<[Origin]>,
    any_https: bool,
}

impl AllowedOrigins {
    /// Allows the origins `urls`, each `https://host[:port]`.
    ///
    /// # Errors
    /// A [`ConfigError`] with each text that is not an origin or not secure, or when there is none
    /// at all.
    pub fn new<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Self, ConfigError> {
        Self::listed(urls, |origin| secure(origin, PLAIN_HTTP))
    }

    /// Allows the origin of a tonic `Channel` that was built from an endpoint with this URI
    /// (`endpoint.uri()`).
    ///
    /// Above a channel a request names only its path. Such requests pass, and the URI is checked
    /// here instead; that the channel connects to it is up to the caller. A `Host` header has to
    /// name the host and port of this URI. If the endpoint has an `origin` of its own, use that: it
    /// is what the receiver sees.
    ///
    /// # Errors
    /// As [`AllowedOrigins::new`].
    pub fn channel(uri: &Uri) -> Result<Self, ConfigError> {
        Self::of_channel(uri, |origin| secure(origin, "danger_plain_http_channel"))
    }

    /// Returns the origins in the list.
    #[cfg(feature = "reqwest")]
    pub(crate) fn listed_origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Returns whether every `https` origin is allowed.
    #[cfg(feature = "reqwest")]
    pub(crate) fn allows_any_https(&self) -> bool {
        self.any_https
    }

    /// Allows both these origins and those of `others`.
    #[must_use]
    pub fn and(self, others: &Self) -> Self {
        Self {
            origins: self.origins.iter().chain(others.origins.iter()).cloned().collect(),
            channels: self.channels.iter().chain(others.channels.iter()).cloned().collect(),
            any_https: self.any_https || others.any_https,
        }
    }

    /// Allows origins like [`AllowedOrigins::new`], and plain `http` as well.
    ///
    /// **Danger:** anyone on the network path reads the token, and can use it until it expires
    /// ([RFC 6750, section 5.3](https://www.rfc-editor.org/rfc/rfc6750#section-5.3)). For a service
    /// mesh whose proxies encrypt what leaves the pod.
    ///
    /// # Errors
    /// A [`ConfigError`] with each text that is not an origin, or when there is none at all.
    pub fn danger_plain_http<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Self, ConfigError> {
        Self::listed(urls, Ok)
    }

    /// Allows a channel like [`AllowedOrigins::channel`], and plain `http` as well.
    ///
    /// **Danger:** as [`AllowedOrigins::danger_plain_http`].
    ///
    /// # Errors
    /// When the URI has no origin.
    pub fn danger_plain_http_channel(uri: &Uri) -> Result<Self, ConfigError> {
        Self::of_channel(uri, Ok)
    }

    /// Allows every `https` origin.
    ///
    /// **Danger:** a URL from a caller, a database or a redirect sends the token to any server
    /// ([RFC 9700, section 4.9.1](https://www.rfc-editor.org/rfc/rfc9700#section-4.9.1)).
    #[must_use]
    pub fn danger_any_https() -> Self {
        Self { origins: Arc::new([]), channels: Arc::new([]), any_https: true }
    }

    /// Returns the list of a single origin.
    pub(super) fn single(origin: Origin) -> Self {
        Self { origins: Arc::new([origin]), channels: Arc::new([]), any_https: false }
    }

    fn listed<U: AsRef<str>>(
        urls: impl IntoIterator<Item = U>,
        allowable: fn(Origin) -> Result<Origin, NotAllowable>,
    ) -> Result<Self, ConfigError> {
        let mut problems = Vec::new();
        let origin = |url: U| allowable(url.as_ref().parse()?);
        let origins: Vec<_> = urls
            .into_iter()
            .filter_map(|url| ConfigProblem::collect(&mut problems, OPTION, origin(url)))
            .collect();
        if origins.is_empty() && problems.is_empty() {
            problems.push(ConfigProblem::new(OPTION, "name at least one, or no request could pass"));
        }
        if problems.is_empty() {
            Ok(Self { origins: origins.into(), channels: Arc::new([]), any_https: false })
        } else {
            Err(ConfigError::new(problems))
        }
    }

    fn of_channel(
        uri: &Uri,
        allowable: fn(Origin) -> Result<Origin, NotAllowable>,
    ) -> Result<Self, ConfigError> {
        let origin = |url: Url| match destination_of(&url) {
            Destination::WithUserInfo => Err(NotAllowable::UserInfo),
            _ => allowable(Origin::of(&url)?),
        };
        match Url::parse(&uri.to_string()).map_err(NotAllowable::NotAbsolute).and_then(origin) {
            Ok(origin) => Ok(Self { channels: Arc::new([origin.clone()]), ..Self::single(origin) }),
            Err(wrong) => Err(ConfigError::new(vec![ConfigProblem::with_source(OPTION, wrong)])),
        }
    }

    /// Finds the origin that the list spells exactly like this. `None` says nothing: another
    /// spelling may match.
    pub(super) fn find_exact(&self, scheme: &str, authority: &str) -> Option<MatchedOrigin> {
        self.origins
            .iter()
            .position(|origin| origin.matches_exactly(scheme, authority))
            .map(MatchedOrigin::Listed)
    }

    /// Returns the allowed origin that `destination` belongs to.
    pub(super) fn check(&self, destination: &Destination<'_>) -> Result<MatchedOrigin, AttachError> {
        let matched = match *destination {
            Destination::Absolute { scheme, host, port } => self.matched(scheme, host, port),
            Destination::PathOnly => (!self.channels.is_empty()).then_some(MatchedOrigin::Channel),
            Destination::WithUserInfo | Destination::Unclear => None,
        };
        matched.ok_or_else(|| AttachError::not_allowed(destination))
    }

    /// Returns whether the origin that was `matched` has this host and port.
    pub(super) fn has_host(&self, matched: MatchedOrigin, host: &str, port: Option<u16>) -> bool {
        match matched {
            MatchedOrigin::Listed(index) => {
                self.origins.get(index).is_some_and(|origin| origin.matches_authority(host, port))
            }
            MatchedOrigin::Any(_) => MatchedOrigin::any(host, port) == matched,
            MatchedOrigin::Channel => self.channels.iter().any(|origin| origin.matches_authority(host, port)),
        }
    }

    fn matched(&self, scheme: &str, host: &str, port: Option<u16>) -> Option<MatchedOrigin> {
        let listed = self.origins.iter().position(|origin| origin.matches(scheme, host, port));
        let any = || {
            (self.any_https && scheme.eq_ignore_ascii_case("https")).then(|| MatchedOrigin::any(host, port))
        };
        listed.map(MatchedOrigin::Listed).or_else(any)
    }
}

/// Identifies an allowed origin without an allocation, to compare it with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatchedOrigin {
    /// The index in the list.
    Listed(usize),
    /// A hash of host and port, where every `https` origin is allowed.
    Any(u64),
    /// The origin of a channel, for a request that names only its path.
    Channel,
}

impl MatchedOrigin {
    fn any(host: &str, port: Option<u16>) -> Self {
        let mut hasher = DefaultHasher::new();
        host.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
        hasher.write_u16(port.unwrap_or(443));
        Self::Any(hasher.finish())
    }
}

const OPTION: &str = "allowed_origins";

/// The opt-in to plain `http`, by its name in code and in a configuration.
pub(crate) const PLAIN_HTTP: &str = "danger_plain_http";

/// Returns `origin` if it is `https` or a loopback host.
pub(super) fn secure(origin: Origin, opt_in: &'static str) -> Result<Origin, NotAllowable> {
    if origin.is_secure() { Ok(origin) } else { Err(NotAllowable::Plain { origin, opt_in }) }
}

/// The reason why a URL is no allowed origin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAllowable {
    #[error("it is not an absolute URL ({0}); write https://host")]
    NotAbsolute(#[source] url::ParseError),
    #[error("it has a query or a fragment; leave them to the requests")]
    MoreThanPath,
    #[error("it carries user information (user:password@host); take it out")]
    UserInfo,
    #[error("{0}")]
    Invalid(#[from] InvalidOrigin),
    #[error(
        "{origin} is plain http; a token may go there only over https (loopback excepted), or with \
         {opt_in} in a private network"
    )]
    Plain { origin: Origin, opt_in: &'static str },
}

#[cfg(test)]
mod tests;
