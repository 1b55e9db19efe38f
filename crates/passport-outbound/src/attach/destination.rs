//! The destination of a request, as the request's URI states it.

use http::uri::Authority;
use url::Url;

/// The server that the URI of a request names, or the reason why the URI names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(unnameable_types, reason = "a sealed trait returns it")]
pub enum Destination<'a> {
    /// An absolute URI. If `port` is `None`, the default port of the scheme applies.
    Absolute { scheme: &'a str, host: &'a str, port: Option<u16> },
    /// The URI is only a path. The inner client, such as a tonic channel, determines the server.
    PathOnly,
    /// The URI contains a user name or a password.
    WithUserInfo,
    /// The URI has another form and does not name a resource (`*`, `host:port`).
    Unclear,
}

/// Returns the host of `authority`, and its port if it has one. Returns `None` in two cases:
///
/// - The authority contains user information.
/// - The port is not a number, because clients interpret such a port differently.
pub(super) fn host_and_port(authority: &Authority) -> Option<(&str, Option<u16>)> {
    let (host, port) = (authority.host(), authority.port());
    let whole = port.as_ref().map_or(host.len(), |port| host.len() + 1 + port.as_str().len());
    (authority.as_str().len() == whole).then(|| (host, port.map(|port| port.as_u16())))
}

/// Returns the destination of a request to `url`.
pub(crate) fn destination_of(url: &Url) -> Destination<'_> {
    match url.host_str() {
        _ if !url.username().is_empty() || url.password().is_some() => Destination::WithUserInfo,
        Some(host) => Destination::Absolute { scheme: url.scheme(), host, port: url.port() },
        None => Destination::Unclear,
    }
}
