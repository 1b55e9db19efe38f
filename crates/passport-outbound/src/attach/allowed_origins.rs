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
/// The scheme, host and port of a request must match those of an origin in the list. Each origin
/// in the list must use `https` or be a loopback host, unless a `danger_` function creates the
/// list. Every request through the layer is checked. So if a client above the layer follows a
/// redirect, the token is not sent to another server.
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
/// **Caution:** the list does not control whether the inner client uses a proxy. A
/// `reqwest::Client` uses the system's proxy, unless it is built with `no_proxy()`. A client
/// with a proxy can send even a loopback request to the proxy, in plain text.
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
    /// The origins of tonic channels. The URI of a request to a channel is only a path. If this
    /// list is empty, requests with only a path are rejected.
    channels: Arc<[Origin]>,
    /// Whether every `https` origin is allowed, including those that are not in `origins`.
    any_https: bool,
}

impl AllowedOrigins {
    /// Allows the origins `urls`. Each must have the form `https://host[:port]`, or
    /// `http://host[:port]` for a loopback host.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] that lists every element of `urls` that is not an origin, or uses
    /// plain `http` for a host that is not loopback. An empty list is an error, because every
    /// request would fail.
    pub fn new<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Self, ConfigError> {
        Self::listed(urls, |origin| secure(origin, PLAIN_HTTP))
    }

    /// Allows the origin of a tonic `Channel`. `uri` is the URI of the endpoint that the channel
    /// connects to (`endpoint.uri()`).
    ///
    /// The URI of a request above a channel is only a path, so the origin cannot be checked for
    /// each request. Instead, requests with only a path are allowed, and this function checks
    /// `uri`. A `Host` header of a request must name the host and port of `uri`.
    ///
    /// The middleware cannot check that the channel connects to `uri`. If the endpoint has an
    /// `Endpoint::origin`, pass that origin instead of `endpoint.uri()`, because the receiver gets
    /// the origin as the authority of each request.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] like [`AllowedOrigins::new`].
    pub fn channel(uri: &Uri) -> Result<Self, ConfigError> {
        Self::of_channel(uri, |origin| secure(origin, "danger_plain_http_channel"))
    }

    /// Returns the listed origins. The typed client builds the reqwest clients for them.
    #[cfg(feature = "reqwest")]
    pub(crate) fn listed_origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Returns whether every `https` origin is allowed, including those that are not listed.
    #[cfg(feature = "reqwest")]
    pub(crate) fn allows_any_https(&self) -> bool {
        self.any_https
    }

    /// Returns a list that allows the origins of `self` and of `others`.
    #[must_use]
    pub fn union(self, others: &Self) -> Self {
        Self {
            origins: self.origins.iter().chain(others.origins.iter()).cloned().collect(),
            channels: self.channels.iter().chain(others.channels.iter()).cloned().collect(),
            any_https: self.any_https || others.any_https,
        }
    }

    /// Allows the origins `urls` like [`AllowedOrigins::new`], but accepts plain `http` as well.
    ///
    /// **Danger:** anyone on the network path can read the token, and use it until it expires ([RFC
    /// 6750, section 5.3](https://www.rfc-editor.org/rfc/rfc6750#section-5.3)). Use this function
    /// only in a service mesh that encrypts the traffic between pods.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] that lists every element of `urls` that is not an origin. An empty
    /// list is an error.
    pub fn danger_plain_http<U: AsRef<str>>(urls: impl IntoIterator<Item = U>) -> Result<Self, ConfigError> {
        Self::listed(urls, Ok)
    }

    /// Allows the origin of a channel like [`AllowedOrigins::channel`], but accepts plain `http` as
    /// well.
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
    /// **Danger:** if the URL of a request comes from a caller, a database or a redirect, the token
    /// can be sent to any server ([RFC 9700, section
    /// 4.9.1](https://www.rfc-editor.org/rfc/rfc9700#section-4.9.1)).
    #[must_use]
    pub fn danger_any_https() -> Self {
        Self { origins: Arc::new([]), channels: Arc::new([]), any_https: true }
    }

    /// Allows only `origin`. Does not check whether `origin` uses `https`.
    pub(super) fn single(origin: Origin) -> Self {
        Self { origins: Arc::new([origin]), channels: Arc::new([]), any_https: false }
    }

    /// Allows the origins `urls`. Each must be an origin that `allowable` accepts. Returns an error
    /// that lists all problems.
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

    /// Allows the origin of the channel to `uri`. Returns an error if `uri` has no origin or
    /// `allowable` rejects that origin.
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
    /// fast. Returns `None` if the origin is not listed or is spelled differently;
    /// [`check`](Self::check) finds other spellings as well.
    #[inline]
    pub(super) fn find_exact(&self, scheme: &str, authority: &str) -> Option<MatchedOrigin> {
        self.origins
            .iter()
            .position(|origin| origin.matches_exactly(scheme, authority))
            .map(MatchedOrigin::Listed)
    }

    /// Returns the allowed origin that matches `destination`. If there is none, returns an error
    /// that says why `destination` is not allowed.
    pub(super) fn check(&self, destination: &Destination<'_>) -> Result<MatchedOrigin, AttachError> {
        let matched = match *destination {
            Destination::Absolute { scheme, host, port } => self.matched(scheme, host, port),
            Destination::PathOnly => (!self.channels.is_empty()).then_some(MatchedOrigin::Channel),
            Destination::WithUserInfo | Destination::Unclear => None,
        };
        matched.ok_or_else(|| AttachError::not_allowed(destination))
    }

    /// Returns whether `host` and `port` are those of `matched`, or, if `matched` is a channel,
    /// those of any allowed channel. The `Host` header of the request names `host` and `port`;
    /// `matched` is the allowed origin of the request's URI.
    pub(super) fn has_host(&self, matched: MatchedOrigin, host: &str, port: Option<u16>) -> bool {
        match matched {
            MatchedOrigin::Listed(index) => {
                self.origins.get(index).is_some_and(|origin| origin.matches_authority(host, port))
            }
            MatchedOrigin::Any(_) => MatchedOrigin::any(host, port) == matched,
            MatchedOrigin::Channel => self.channels.iter().any(|origin| origin.matches_authority(host, port)),
        }
    }

    /// Returns the allowed origin with this scheme, host and port. Returns `None` if it is not
    /// allowed.
    fn matched(&self, scheme: &str, host: &str, port: Option<u16>) -> Option<MatchedOrigin> {
        let listed = self.origins.iter().position(|origin| origin.matches(scheme, host, port));
        let any = || {
            (self.any_https && scheme.eq_ignore_ascii_case("https")).then(|| MatchedOrigin::any(host, port))
        };
        listed.map(MatchedOrigin::Listed).or_else(any)
    }
}

/// The allowed origin that a request matched. The type is `Copy`, so that the origin of the
/// request can be compared with the origin of the response without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MatchedOrigin {
    /// The origin at this index of the list.
    Listed(usize),
    /// An origin that is not listed, but allowed by [`AllowedOrigins::danger_any_https`]. Contains
    /// a hash of the origin's host and port.
    Any(u64),
    /// The origin of a tonic channel. The URI of the request is only a path, so it does not show
    /// which channel.
    Channel,
}

impl MatchedOrigin {
    /// Returns `Any` with a hash of `host`, in lower case, and `port`. If `port` is `None`, port
    /// 443 is hashed.
    fn any(host: &str, port: Option<u16>) -> Self {
        let mut hasher = DefaultHasher::new();
        host.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
        hasher.write_u16(port.unwrap_or(443));
        Self::Any(hasher.finish())
    }
}

/// The name of the option that the [`ConfigProblem`]s of this module report.
const OPTION: &str = "allowed_origins";

/// The name of the option that allows plain `http`, in code and in configuration files. Error
/// messages name this option as the remedy.
pub(crate) const PLAIN_HTTP: &str = "danger_plain_http";

/// Returns `origin` if it uses `https` or is a loopback host. Otherwise, returns an error that
/// names `opt_in`, the option that allows plain `http`.
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
