//! The list of origins that are allowed to receive a token. Pure: no I/O, no clock.

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

/// The origins that are allowed to receive the token.
///
/// Scheme, host and port of a request must match an origin in the list. Each origin must use
/// `https` or be a loopback host. Every request is checked, so a redirect that is followed above
/// the layer cannot send the token to another server.
///
/// | In the list or in the request | Effect |
/// |---|---|
/// | upper case, the scheme's default port | ignored |
/// | international domain names | compared in their ASCII form (`xn--`) |
/// | IPv6 addresses | compared as addresses, not as text |
/// | a trailing dot (`api.bizfirst.ai.`) | another host |
/// | `user:password@` | rejected |
/// | a `Host` header | must name the host and port of the origin |
/// | other spellings of an address (`0x7f.1`), subdomains, prefixes | other hosts |
///
/// **Caution:** the list does not control the proxy of the inner client. A client with a system
/// proxy (the default of `reqwest::Client`, unless it is built with `no_proxy()`) can send even
/// a loopback request to the proxy, in plain text.
///
/// ```
/// use passport_outbound::AllowedOrigins;
///
/// AllowedOrigins::new(["https://api.bizfirst.ai", "https://erp.bizfirst.ai:8443"])?;
/// assert!(AllowedOrigins::new(["http://api.bizfirst.ai"]).is_err(), "plain http, not loopback");
/// # Ok::<(), passport_outbound::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AllowedOrigins {
    origins: Arc<[Origin]>,
    /// The origins of tonic channels, whose requests have only a path as their URI. If the list is
    /// empty, such requests are rejected.
    channels: Arc<[Origin]>,
    /// Whether every `https` origin is allowed, also if it is not listed.
    any_https: bool,
}

impl AllowedOrigins {
    /// Allows the origins `urls`, each in the form `https://host[:port]`, or `http` for a loopback
    /// host.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] that lists every text that is not an origin or uses plain `http`.
    /// An empty list is an error, because every request would fail.
    pub fn new<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Self, ConfigError> {
        Self::listed(urls, |origin| secure(origin, PLAIN_HTTP))
    }

    /// Allows the origin of a tonic `Channel`. `uri` is the URI of the endpoint that the channel
    /// connects to (`endpoint.uri()`).
    ///
    /// The URI of a request above a channel is only a path. Such requests are allowed, and `uri` is
    /// checked here instead. The middleware cannot check that the channel connects to `uri`. A
    /// `Host` header must name the host and port of `uri`. If the endpoint has an
    /// `Endpoint::origin`, pass that origin instead of `uri`: the receiver gets it as the authority
    /// of each request.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] like [`AllowedOrigins::new`].
    pub fn channel(uri: &Uri) -> Result<Self, ConfigError> {
        Self::of_channel(uri, |origin| secure(origin, "danger_plain_http_channel"))
    }

    /// Returns the listed origins, for which the typed client builds reqwest clients.
    #[cfg(feature = "reqwest")]
    pub(crate) fn listed_origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Returns whether every `https` origin is allowed, also if it is not listed.
    #[cfg(feature = "reqwest")]
    pub(crate) fn allows_any_https(&self) -> bool {
        self.any_https
    }

    /// Allows the origins of both lists.
    #[must_use]
    pub fn union(self, others: &Self) -> Self {
        Self {
            origins: self.origins.iter().chain(others.origins.iter()).cloned().collect(),
            channels: self.channels.iter().chain(others.channels.iter()).cloned().collect(),
            any_https: self.any_https || others.any_https,
        }
    }

    /// Allows origins like [`AllowedOrigins::new`], also with plain `http`.
    ///
    /// **Danger:** anyone on the network path can read the token, and use it until it expires ([RFC
    /// 6750, section 5.3](https://www.rfc-editor.org/rfc/rfc6750#section-5.3)). Use it only in a
    /// service mesh that encrypts the traffic between pods.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] that lists every text that is not an origin. An empty list is an
    /// error.
    pub fn danger_plain_http<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Self, ConfigError> {
        Self::listed(urls, Ok)
    }

    /// Allows a channel like [`AllowedOrigins::channel`], also with plain `http`.
    ///
    /// **Danger:** see [`AllowedOrigins::danger_plain_http`].
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if `uri` has no origin.
    pub fn danger_plain_http_channel(uri: &Uri) -> Result<Self, ConfigError> {
        Self::of_channel(uri, Ok)
    }

    /// Allows every `https` origin.
    ///
    /// **Danger:** a URL that comes from a caller, a database or a redirect sends the token to any
    /// server ([RFC 9700, section 4.9.1](https://www.rfc-editor.org/rfc/rfc9700#section-4.9.1)).
    #[must_use]
    pub fn danger_any_https() -> Self {
        Self { origins: Arc::new([]), channels: Arc::new([]), any_https: true }
    }

    /// Allows only `origin`. Its scheme is not checked.
    pub(super) fn single(origin: Origin) -> Self {
        Self { origins: Arc::new([origin]), channels: Arc::new([]), any_https: false }
    }

    /// Parses `urls`. Each must be an origin that `allowable` accepts; all problems are reported.
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
            problems.push(ConfigProblem::new(
                OPTION,
                "must not be empty; add at least one origin, or every request fails",
            ));
        }
        if problems.is_empty() {
            Ok(Self { origins: origins.into(), channels: Arc::new([]), any_https: false })
        } else {
            Err(ConfigError::new(problems))
        }
    }

    /// Allows the origin of the channel to `uri`, if `allowable` accepts it.
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

    /// Returns the listed origin whose text is exactly `scheme` and `authority`. This comparison is
    /// fast. After `None`, [`check`](Self::check) can still find the origin in another spelling.
    pub(super) fn find_exact(&self, scheme: &str, authority: &str) -> Option<MatchedOrigin> {
        self.origins
            .iter()
            .position(|origin| origin.matches_exactly(scheme, authority))
            .map(MatchedOrigin::Listed)
    }

    /// Returns the allowed origin of `destination`, or an error that says why it is not allowed.
    pub(super) fn check(&self, destination: &Destination<'_>) -> Result<MatchedOrigin, AttachError> {
        let matched = match *destination {
            Destination::Absolute { scheme, host, port } => self.matched(scheme, host, port),
            Destination::PathOnly => (!self.channels.is_empty()).then_some(MatchedOrigin::Channel),
            Destination::WithUserInfo | Destination::Unclear => None,
        };
        matched.ok_or_else(|| AttachError::not_allowed(destination))
    }

    /// Returns whether `host` and `port`, which a `Host` header names, are those of `matched`, the
    /// origin of the request's URI.
    pub(super) fn has_host(&self, matched: MatchedOrigin, host: &str, port: Option<u16>) -> bool {
        match matched {
            MatchedOrigin::Listed(index) => {
                self.origins.get(index).is_some_and(|origin| origin.matches_authority(host, port))
            }
            MatchedOrigin::Any(_) => MatchedOrigin::any(host, port) == matched,
            MatchedOrigin::Channel => self.channels.iter().any(|origin| origin.matches_authority(host, port)),
        }
    }

    /// Returns the allowed origin with this scheme, host and port.
    fn matched(&self, scheme: &str, host: &str, port: Option<u16>) -> Option<MatchedOrigin> {
        let listed = self.origins.iter().position(|origin| origin.matches(scheme, host, port));
        let any = || {
            (self.any_https && scheme.eq_ignore_ascii_case("https")).then(|| MatchedOrigin::any(host, port))
        };
        listed.map(MatchedOrigin::Listed).or_else(any)
    }
}

/// The allowed origin of a request. It is `Copy`, so that comparing it with the origin of the
/// response needs no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatchedOrigin {
    /// The origin at this index of the list.
    Listed(usize),
    /// An origin that is not listed, but allowed by [`AllowedOrigins::danger_any_https`]. Contains
    /// a hash of its host and port.
    Any(u64),
    /// The origin of a tonic channel. The URI of the request is only a path.
    Channel,
}

impl MatchedOrigin {
    /// Hashes `host`, in lower case, and `port`. Defaults to port 443.
    fn any(host: &str, port: Option<u16>) -> Self {
        let mut hasher = DefaultHasher::new();
        host.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
        hasher.write_u16(port.unwrap_or(443));
        Self::Any(hasher.finish())
    }
}

/// The option that a [`ConfigProblem`] of this module names.
const OPTION: &str = "allowed_origins";

/// The option that allows plain `http`, in code and in configuration files. Error messages name
/// it as the remedy.
pub(crate) const PLAIN_HTTP: &str = "danger_plain_http";

/// Returns `origin` if it uses `https` or is a loopback host. Otherwise, the error names
/// `opt_in`, the option that allows plain `http`.
pub(super) fn secure(origin: Origin, opt_in: &'static str) -> Result<Origin, NotAllowable> {
    if origin.is_secure() { Ok(origin) } else { Err(NotAllowable::Plain { origin, opt_in }) }
}

/// The reason why a URL cannot be an allowed origin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAllowable {
    #[error("not an absolute URL ({0}); write https://host")]
    NotAbsolute(#[source] url::ParseError),
    #[error("must not have a query or a fragment; add them to the requests")]
    MoreThanPath,
    #[error("must not have user information (user:password@host); remove it")]
    UserInfo,
    #[error("{0}")]
    Invalid(#[from] InvalidOrigin),
    #[error(
        "{origin} is plain http; send tokens only over https (loopback excepted), or with {opt_in} in a \
         private network"
    )]
    Plain { origin: Origin, opt_in: &'static str },
}

#[cfg(test)]
mod tests;
