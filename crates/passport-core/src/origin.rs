use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    str::FromStr,
};

use url::{Host, ParseError, Url};

/// The origin of a URL: its scheme, host and port
/// ([RFC 6454, section 4](https://www.rfc-editor.org/rfc/rfc6454#section-4)).
///
/// The servers that are allowed to receive a token are configured as origins.
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
    /// The host in lower case. An IPv6 address is in brackets.
    host: String,
    port: u16,
    /// Host and port in canonical form: the default port of the scheme is omitted.
    authority: String,
    loopback: bool,
}

impl Origin {
    /// Returns the origin of `url`.
    ///
    /// # Errors
    /// When the URL is neither `http` nor `https`, or has no host.
    pub fn of(url: &Url) -> Result<Self, InvalidOrigin> {
        let https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(InvalidOrigin("the scheme is neither https nor http")),
        };
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(InvalidOrigin("the host is missing"));
        };
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        Ok(Self { https, loopback: is_loopback(&host), host: host.to_string(), port, authority })
    }

    /// Returns whether bearer tokens can be sent to the origin without being read on the way: the
    /// scheme is `https`, or the host is a loopback host ([RFC 6750, section
    /// 5.3](https://www.rfc-editor.org/rfc/rfc6750#section-5.3)).
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.https || self.loopback
    }

    /// Returns whether the scheme is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Returns whether the host is `localhost` or a loopback address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Returns whether `scheme` and `authority` are equal to the canonical form of this origin,
    /// byte for byte: in lower case, and without the default port.
    ///
    /// This method is faster than [`matches`](Self::matches), but returns false for other forms of
    /// the same origin, such as a host in upper case.
    #[must_use]
    #[inline]
    pub fn matches_exactly(&self, scheme: &str, authority: &str) -> bool {
        // Two comparisons with constants take fewer instructions than one with `self.scheme()`.
        let has_scheme = if self.https { scheme == "https" } else { scheme == "http" };
        has_scheme && authority == self.authority
    }

    fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// Returns whether a request with this scheme, host and port is sent to this origin. Does not
    /// allocate.
    ///
    /// A `port` of `None` means the default port of the scheme.
    #[must_use]
    pub fn matches(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        scheme.eq_ignore_ascii_case(self.scheme()) && self.matches_authority(host, port)
    }

    /// Returns whether the origin has this host and port. The scheme is not compared. A `port` of
    /// `None` means the default port of the origin's scheme.
    #[must_use]
    pub fn matches_authority(&self, host: &str, port: Option<u16>) -> bool {
        let default_port = if self.https { 443 } else { 80 };
        port.unwrap_or(default_port) == self.port
            && (host.eq_ignore_ascii_case(&self.host) || self.is_same_ipv6(host))
    }

    /// Returns whether `host` is the IPv6 address of this origin. The addresses are compared by
    /// value, because an IPv6 address has many textual forms.
    fn is_same_ipv6(&self, host: &str) -> bool {
        let address = |text: &str| text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
        address(host).is_some_and(|parsed| address(&self.host) == Some(parsed))
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
        let url = Url::parse(text).map_err(|error| InvalidOrigin(parse_error(error)))?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidOrigin("only scheme, host and port are allowed"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidOrigin("user information is not allowed"));
        }
        Self::of(&url)
    }
}

/// Returns an error message for a URL that cannot be parsed. The message does not contain the
/// URL.
pub(crate) fn parse_error(error: ParseError) -> &'static str {
    match error {
        ParseError::EmptyHost => "the host is missing",
        ParseError::InvalidPort => "the port is not a number up to 65535",
        ParseError::RelativeUrlWithoutBase => "not an absolute URL",
        _ => "the host is not valid",
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme(), self.host, self.port)
    }
}

/// The error of a text or URL that is not an [`Origin`]. `Display` and `Debug` are the same
/// message.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid origin (expected https://host[:port]): {0}")]
pub struct InvalidOrigin(&'static str);

/// Prints the same message as `Display`, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
