//! Rejects requests that no service on this machine sends, whoever their caller is.
//!
//! A browser can be made to send requests to a loopback address by a page, by a name that resolves
//! to it, or by a redirect; so can a service that fetches URLs of others. None of them can be made
//! to send a header of its own to another origin.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Uri, header};

use crate::{config::ProxyHeaders, error::ErrorResponse, peer::Peer, route::Route};

/// The header that each request needs, except for those of stock OAuth2 clients.
pub(crate) const SIDECAR_HEADER: HeaderName = HeaderName::from_static("passport-sidecar");

#[derive(Debug)]
pub(crate) struct RequestGuard {
    /// Names of this sidecar beside those of the loopback interface.
    pub(crate) hosts: Vec<String>,
    pub(crate) unix_proxy_headers: ProxyHeaders,
    pub(crate) tcp_proxy_headers: ProxyHeaders,
}

impl RequestGuard {
    /// # Errors
    /// 400 or 403 when the request could come from a browser, from another machine, or from a
    /// service that was made to send it.
    pub(crate) fn check(
        &self,
        route: Route,
        peer: Peer,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), ErrorResponse> {
        let host = host(uri, headers).ok_or_else(|| ErrorResponse::invalid("there has to be one Host"))?;
        if !self.is_own_host(host) {
            let description = "the Host is not this machine: call it localhost, or list it in listen.hosts";
            return Err(ErrorResponse::forbidden(description));
        }
        // A token is for the service itself; a forwarded request may come through a gateway.
        let allows_proxies = route.is_forwarded() && self.proxy_headers(peer) != ProxyHeaders::Refuse;
        let is_rejected =
            |name: &&HeaderName| is_browser_header(name) || (!allows_proxies && is_proxy_header(name));
        if route != Route::Auth
            && let Some(header) = headers.keys().find(is_rejected)
        {
            return Err(ErrorResponse::forbidden(format!(
                "`{header}` says that the request comes from a browser or through a proxy; it has to be \
                 sent by the service itself"
            )));
        }
        if route != Route::DropIn && headers.get(&SIDECAR_HEADER).is_none_or(|value| value != "true") {
            return Err(ErrorResponse::invalid("the header `Passport-Sidecar: true` is missing"));
        }
        Ok(())
    }

    /// Returns what is done with proxy headers of forwarded requests from `peer`.
    pub(crate) fn proxy_headers(&self, peer: Peer) -> ProxyHeaders {
        match peer {
            Peer::Unix { .. } => self.unix_proxy_headers,
            Peer::Tcp => self.tcp_proxy_headers,
        }
    }

    /// Whether a request to the admin listener names this machine.
    pub(crate) fn is_to_this_machine(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        host(uri, headers).is_some_and(|host| self.is_own_host(host))
    }

    fn is_own_host(&self, host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost")
            || address.is_ok_and(|address| address.is_loopback())
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }
}

/// Returns the host of a request without its port, if there is exactly one.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut named = headers.get_all(header::HOST).iter();
    let header = named.next().map(|host| host.to_str());
    if named.next().is_some() {
        return None;
    }
    let text = match (uri.authority(), header) {
        // HTTP/2, or a request in absolute form.
        (Some(authority), None) => authority.as_str(),
        (Some(authority), Some(Ok(host))) if authority.as_str() == host => host,
        (None, Some(Ok(host))) => host,
        _ => return None,
    };
    if text.contains('@') {
        return None;
    }
    match text.strip_prefix('[') {
        Some(rest) => rest.find(']').map(|end| &text[..end + 2]),
        None => text.split(':').next(),
    }
}

/// Whether only browsers set a header. Node sends `sec-fetch-mode` as well; a browser never sends it
/// alone.
fn is_browser_header(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == "origin"
        || name.starts_with("sec-ch-")
        || (name.starts_with("sec-fetch-") && name != "sec-fetch-mode")
}

/// Whether proxies set a header or forward it from a browser. Some servers read `_`, or each
/// character that is neither a letter nor a digit, as `-`.
pub(crate) fn is_proxy_header(name: &HeaderName) -> bool {
    let name = name.as_str().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    matches!(&*name, "forwarded" | "via" | "x-real-ip" | "referer") || name.starts_with("x-forwarded-")
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn looked(uri: &str, headers: &[(&str, &str)]) -> Option<StatusCode> {
        looked_with(ProxyHeaders::Refuse, uri, headers)
    }

    fn looked_with(setting: ProxyHeaders, uri: &str, headers: &[(&str, &str)]) -> Option<StatusCode> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let uri: Uri = uri.parse().unwrap();
        let guard = RequestGuard {
            hosts: vec!["sidecar.internal".to_owned()],
            unix_proxy_headers: ProxyHeaders::Refuse,
            tcp_proxy_headers: setting,
        };
        let checked = guard.check(Route::of(uri.path()), Peer::Tcp, &uri, &map);
        checked.err().map(|error| error.status)
    }

    const MARKED: (&str, &str) = ("passport-sidecar", "true");

    #[test]
    fn a_service_on_this_machine_is_let_in() {
        for host in
            ["localhost", "LOCALHOST:7070", "127.0.0.1:7070", "127.9.9.9", "[::1]:7070", "sidecar.internal"]
        {
            assert_eq!(looked("/v1/token", &[("host", host), MARKED]), None, "{host}");
        }
        assert_eq!(looked("http://localhost/v1/token", &[MARKED]), None, "as HTTP/2 has it");
        assert_eq!(looked("/passport/token", &[("host", "localhost")]), None, "a stock client");
        let of_node = [("host", "localhost"), MARKED, ("sec-fetch-mode", "cors")];
        assert_eq!(looked("/v1/token", &of_node), None, "fetch as Node has it");
        let forwarded =
            [("host", "localhost"), MARKED, ("x-forwarded-for", "1.2.3.4"), ("origin", "https://a")];
        assert_eq!(looked("/v1/auth/api/orders", &forwarded), None, "it is about a request from elsewhere");
    }

    #[test]
    fn a_name_that_leads_here_is_not_this_machine() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "a@localhost",
            "",
        ] {
            let status = looked("/v1/token", &[("host", host), MARKED]);
            assert!(status.is_some_and(|status| status.is_client_error()), "{host}");
        }
        assert!(looked("/v1/token", &[MARKED]).is_some(), "none");
        assert!(looked("/v1/token", &[("host", "localhost"), ("host", "evil"), MARKED]).is_some(), "two");
        assert!(looked("http://evil/v1/token", &[("host", "localhost"), MARKED]).is_some(), "as to a proxy");
    }

    #[test]
    fn who_cannot_send_the_mark_is_not_let_in() {
        assert_eq!(looked("/v1/token", &[("host", "localhost")]), Some(StatusCode::BAD_REQUEST));
        let wrong = [("host", "localhost"), ("passport-sidecar", "1")];
        assert_eq!(looked("/to/erp/x", &wrong), Some(StatusCode::BAD_REQUEST));
        assert_eq!(looked("/v1/auth", &[("host", "localhost")]), Some(StatusCode::BAD_REQUEST));
    }

    #[test]
    fn what_a_browser_or_a_proxy_sends_is_not_let_in() {
        for header in [
            "origin",
            "referer",
            "sec-fetch-site",
            "sec-fetch-dest",
            "sec-ch-ua",
            "forwarded",
            "via",
            "x-real-ip",
            "x-forwarded-for",
            "x-forwarded-host",
        ] {
            for uri in ["/v1/token", "/passport/token", "/to/erp/x", "/v1/validate"] {
                let status = looked(uri, &[("host", "localhost"), MARKED, (header, "x")]);
                assert_eq!(status, Some(StatusCode::FORBIDDEN), "{uri} {header}");
            }
        }
    }

    #[test]
    fn setting_lets_proxy_headers_in_and_no_browser() {
        let proxies = ["forwarded", "via", "x-real-ip", "referer", "x-forwarded-for", "x_forwarded.for"];
        let status =
            |setting, uri, header| looked_with(setting, uri, &[("host", "localhost"), MARKED, (header, "x")]);
        for setting in [ProxyHeaders::Drop, ProxyHeaders::Forward] {
            for header in proxies {
                assert_eq!(status(setting, "/to/erp/x", header), None, "{header}");
                assert_eq!(status(setting, "/erp.Orders/List", header), None, "{header}");
                for own in ["/v1/token", "/passport/token", "/v1/validate"] {
                    assert_eq!(status(setting, own, header), Some(StatusCode::FORBIDDEN), "{own} {header}");
                }
            }
            for header in ["origin", "sec-fetch-site", "sec-ch-ua"] {
                let status = status(setting, "/to/erp/x", header);
                assert_eq!(status, Some(StatusCode::FORBIDDEN), "{header}");
            }
        }
        for header in proxies {
            let status = status(ProxyHeaders::Refuse, "/to/erp/x", header);
            assert_eq!(status, Some(StatusCode::FORBIDDEN), "{header}");
        }
    }
}
