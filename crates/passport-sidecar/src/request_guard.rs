//! Rejects requests that no service on this machine sends, whoever their caller is.
//!
//! A browser can be made to send requests to a loopback address by a page, by a name that resolves
//! to it, or by a redirect; so can a service that fetches URLs of others. None of them can be made
//! to send a header of its own to another origin.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Uri, header};

use crate::{
    config::{Listen, ProxyHeaders},
    error::ErrorResponse,
    peer::Peer,
    route::Route,
};

/// The header that each request needs, except for those of stock OAuth2 clients.
pub(crate) const SIDECAR_HEADER: HeaderName = HeaderName::from_static("passport-sidecar");

/// Checks requests by the settings of the listeners.
#[derive(Debug)]
pub(crate) struct RequestGuard {
    pub(crate) listen: Listen,
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
        let allows_proxies = route.is_forwarded() && self.proxy_headers(peer) != ProxyHeaders::Reject;
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
            Peer::Unix { .. } => self.listen.unix_proxy_headers,
            Peer::Tcp => self.listen.tcp_proxy_headers,
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
            || self.listen.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
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
mod tests;
