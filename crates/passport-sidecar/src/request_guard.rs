//! Rejects requests that a browser or another service was tricked into sending. The checks run
//! before the client is identified as a caller.
//!
//! An attacker can make two kinds of programs send a request to the sidecar:
//! - a browser;
//! - a service that fetches URLs that its own clients supply (SSRF).
//!
//! The means of the attacker are a web page, a name that resolves to loopback (DNS rebinding),
//! or a redirect. None of these means can add a custom header to a request to another origin.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Uri, header};

use crate::{
    config::{Listen, ProxyHeaders},
    error::ErrorResponse,
    peer::Peer,
    route::Route,
};

/// The header that each request must have, with the value `true`. Only requests to
/// `/passport/token` do not need this header, because stock OAuth2 clients do not send it.
pub(crate) const SIDECAR_HEADER: HeaderName = HeaderName::from_static("passport-sidecar");

/// Checks the host and the headers of requests by the table `listen` of the configuration.
#[derive(Debug)]
pub(crate) struct RequestGuard {
    pub(crate) listen: Listen,
}

impl RequestGuard {
    /// Checks the host and the headers of a request.
    ///
    /// # Errors
    /// Returns a 400 or 403 if the request could come from a browser, from another machine, or from
    /// a service that was tricked into sending the request.
    pub(crate) fn check(
        &self,
        route: Route,
        peer: Peer,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), ErrorResponse> {
        let host =
            host(uri, headers).ok_or_else(|| ErrorResponse::invalid("expected exactly one Host header"))?;
        if !self.is_own_host(host) {
            let description = "Host is not this machine: use localhost, or add the name to listen.hosts";
            return Err(ErrorResponse::forbidden(description));
        }
        // Only a forwarded request is allowed to come through a gateway. A token request is not,
        // because the token is only for the service that sends the request.
        let allows_proxies = route.is_forwarded() && self.proxy_headers(peer) != ProxyHeaders::Reject;
        let is_rejected =
            |name: &&HeaderName| is_browser_header(name) || (!allows_proxies && is_proxy_header(name));
        if route != Route::Auth
            && let Some(header) = headers.keys().find(is_rejected)
        {
            return Err(ErrorResponse::forbidden(format!(
                "header `{header}` is set by browsers or proxies: send the request directly, without it"
            )));
        }
        if route != Route::DropIn && headers.get(&SIDECAR_HEADER).is_none_or(|value| value != "true") {
            return Err(ErrorResponse::invalid("missing header `Passport-Sidecar: true`"));
        }
        Ok(())
    }

    /// Returns whether proxy headers (`Forwarded`, `X-Forwarded-*`, `X-Real-IP`, `Via`, `Referer`)
    /// of forwarded requests from `peer` are removed, forwarded or rejected.
    pub(crate) fn proxy_headers(&self, peer: Peer) -> ProxyHeaders {
        match peer {
            Peer::Unix { .. } => self.listen.unix_proxy_headers,
            Peer::Tcp => self.listen.tcp_proxy_headers,
        }
    }

    /// Returns whether the host of a request to the admin listener is this machine. A request to
    /// another host could come from a web page (DNS rebinding).
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

/// Returns the host of a request without its port. Returns `None` in these cases:
/// - the request has no host, a malformed host, or more than one `Host` header;
/// - the URL of the request and `Host` differ;
/// - there is user information before the host.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut named = headers.get_all(header::HOST).iter();
    let header = named.next().map(|host| host.to_str());
    if named.next().is_some() {
        return None;
    }
    let text = match (uri.authority(), header) {
        // HTTP/2, or an HTTP/1 request with a whole URL as its target.
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

/// Returns whether `name` is a header that only browsers send. Returns false for
/// `sec-fetch-mode`, because Node also sends this header. A browser always sends other
/// `sec-fetch-*` headers together with `sec-fetch-mode`.
fn is_browser_header(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == "origin"
        || name.starts_with("sec-ch-")
        || (name.starts_with("sec-fetch-") && name != "sec-fetch-mode")
}

/// Returns whether `name` is a header that proxies set, or forward from a browser. Any character
/// that is neither a letter nor a digit counts as `-`, because some servers read such a
/// character as `-`.
pub(crate) fn is_proxy_header(name: &HeaderName) -> bool {
    let name = name.as_str();
    let is_whole = |known: &&str| known.len() == name.len() && begins_like(name, known);
    ["forwarded", "via", "x-real-ip", "referer"].iter().any(is_whole) || begins_like(name, "x-forwarded-")
}

/// Returns whether `name` begins with `prefix`. Each character of `name` that is neither a
/// letter nor a digit counts as `-`.
pub(crate) fn begins_like(name: &str, prefix: &str) -> bool {
    let is_like =
        |(byte, expected): (u8, u8)| byte == expected || (expected == b'-' && !byte.is_ascii_alphanumeric());
    name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(is_like)
}

#[cfg(test)]
mod tests;
