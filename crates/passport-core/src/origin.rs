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
    pub fn is_spelled(&self, scheme: &str, authority: &str) -> bool {
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
        scheme.eq_ignore_ascii_case(self.scheme()) && self.is_at(host, port)
    }

    /// Whether this origin has this host and port, whatever its scheme is. No port means the
    /// scheme's default.
    #[must_use]
    pub fn is_at(&self, host: &str, port: Option<u16>) -> bool {
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
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap()
    }

    #[test]
    fn case_and_the_default_port_make_no_difference() {
        assert_eq!(origin("HTTPS://Api.BizFirst.ai"), origin("https://api.bizfirst.ai:443/"));
        assert!(origin("https://api.bizfirst.ai").matches("https", "API.bizfirst.ai", None));
        assert!(origin("http://[::1]:80").matches("http", "[::1]", None));
    }

    #[test]
    fn what_is_spelled_as_usual_is_known_by_its_text() {
        let (plain, ported) = (origin("https://API.bizfirst.ai:443"), origin("http://[::1]:8080"));
        assert!(plain.is_spelled("https", "api.bizfirst.ai"));
        assert!(ported.is_spelled("http", "[::1]:8080"));
        for (scheme, authority) in [
            ("http", "api.bizfirst.ai"),
            ("https", "api.bizfirst.ai:8443"),
            ("https", "api.bizfirst.ai."),
            ("https", "user@api.bizfirst.ai"),
            ("https", "api.bizfirst.ai.evil.example"),
            ("https", ""),
        ] {
            assert!(!plain.is_spelled(scheme, authority), "{scheme}://{authority}");
        }
    }

    #[test]
    fn an_ipv6_address_is_the_same_however_it_is_written() {
        let loopback = origin("http://[::1]:80");
        assert!(loopback.matches("http", "[0:0:0:0:0:0:0:1]", None));
        assert!(origin("https://[2001:DB8::1]").matches("https", "[2001:db8:0::1]", Some(443)));
        assert!(!loopback.matches("http", "[::2]", None));
        assert!(!loopback.matches("http", "::1", None));
        assert!(!loopback.matches("http", "[::1%25eth0]", None));
    }

    #[test]
    fn an_international_name_is_compared_as_it_travels() {
        let origin = origin("https://Bücher.example");
        assert!(origin.matches("https", "xn--bcher-kva.example", None));
        assert!(!origin.matches("https", "bücher.example", None), "no client sends it like this");
    }

    #[test]
    fn another_scheme_host_or_port_does_not_match() {
        let api = origin("https://api.bizfirst.ai");
        assert!(!api.matches("http", "api.bizfirst.ai", Some(443)));
        assert!(!api.matches("https", "api.bizfirst.ai.", None));
        assert!(!api.matches("https", "evil-api.bizfirst.ai", None));
        assert!(!api.matches("https", "api.bizfirst.ai", Some(8443)));
    }

    #[test]
    fn only_tls_or_loopback_is_secure() {
        for secure in ["https://x", "http://localhost:1", "http://127.8.9.1", "http://[::1]:1"] {
            assert!(origin(secure).is_secure(), "{secure}");
        }
        for open in ["http://x", "http://localhost.evil.com", "http://10.0.0.1", "http://0.0.0.0"] {
            assert!(!origin(open).is_secure(), "{open}");
        }
    }

    #[test]
    fn user_information_paths_and_odd_schemes_are_refused() {
        for text in
            ["https://a@b", "https://b/p", "https://b?q", "https://b#f", "ftp://b", "file:///x", "b:443"]
        {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_url_names_the_fault() {
        for (text, fault) in [
            ("api.bizfirst.ai", "it is not an absolute URL"),
            ("https://api.bizfirst.ai:99999", "its port is not a number"),
            ("https://", "it has no host"),
            ("https://a b", "its host is not valid"),
        ] {
            let error = text.parse::<Origin>().unwrap_err().to_string();
            assert!(error.contains(fault), "{text}: {error}");
        }
    }
}
