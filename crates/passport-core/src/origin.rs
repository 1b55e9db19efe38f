use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use url::{Host, ParseError, Url};

/// Scheme, host and port of a URL ([RFC 6454](https://www.rfc-editor.org/rfc/rfc6454#section-4)): the unit in which
/// trust is given.
///
/// ```
/// use passport_core::Origin;
///
/// let origin: Origin = "https://API.bizfirst.ai".parse()?;
/// assert_eq!(origin.to_string(), "https://api.bizfirst.ai:443");
/// assert!("https://api.bizfirst.ai/v1".parse::<Origin>().is_err(), "an origin has no path");
/// # Ok::<(), passport_core::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    /// Lower case; an IPv6 address stands in brackets.
    host: String,
    port: u16,
    /// Host and port as they usually stand in a URL: without the scheme's default port.
    authority: String,
    loopback: bool,
}

impl Origin {
    /// The origin of a URL.
    ///
    /// # Errors
    /// When the URL is neither `http` nor `https`, or has no host.
    pub fn of(url: &Url) -> Result<Self, InvalidOrigin> {
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(InvalidOrigin("its scheme is neither https nor http")),
        };
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(InvalidOrigin("it has no host"));
        };
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        Ok(Self { https, loopback: is_loopback(&host), host: host.to_string(), port, authority })
    }

    /// Whether a bearer token may travel there: over TLS, or without leaving this machine
    /// ([RFC 6750, section 5.3](https://www.rfc-editor.org/rfc/rfc6750#section-5.3)).
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.https || self.loopback
    }

    /// Returns whether the scheme is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether the host is `localhost` or a loopback address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether a URL with this scheme and this authority goes to this origin, spelled as it usually is. What is spelled in another
    /// way may go there all the same: that is for [`matches`](Self::matches) to say, which takes longer.
    #[must_use]
    pub fn matches_exactly(&self, scheme: &str, authority: &str) -> bool {
        authority == self.authority && scheme == self.scheme()
    }

    fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// Whether a request with these parts goes to this origin. Allocates nothing.
    ///
    /// `port` is `None` when the request names none; the scheme's default is assumed then.
    #[must_use]
    pub fn matches(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        scheme.eq_ignore_ascii_case(self.scheme()) && self.matches_authority(host, port)
    }

    /// Whether this origin has this host and port, whatever its scheme is. No port means the
    /// scheme's default.
    #[must_use]
    pub fn matches_authority(&self, host: &str, port: Option<u16>) -> bool {
        let default_port = if self.https { 443 } else { 80 };
        port.unwrap_or(default_port) == self.port
            && (host.eq_ignore_ascii_case(&self.host) || self.is_same_ipv6(host))
    }

    /// An IPv6 address has many spellings; a client may send any of them.
    fn is_same_ipv6(&self, host: &str) -> bool {
        let address = |text: &str| text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
        address(host).is_some_and(|theirs| address(&self.host) == Some(theirs))
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|error| InvalidOrigin(unparsed(error)))?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidOrigin("it has more than scheme, host and port"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidOrigin("it carries user information"));
        }
        Self::of(&url)
    }
}

/// Names what is wrong with a text that is not a URL, without quoting it.
pub(crate) fn unparsed(error: ParseError) -> &'static str {
    match error {
        ParseError::EmptyHost => "it has no host",
        ParseError::InvalidPort => "its port is not a number up to 65535",
        ParseError::RelativeUrlWithoutBase => "it is not an absolute URL",
        _ => "its host is not valid",
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme(), self.host, self.port)
    }
}

/// A text or URL that is not an [`Origin`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an origin (expected https://host[:port]): {0}")]
pub struct InvalidOrigin(&'static str);

#[cfg(test)]
mod tests;
