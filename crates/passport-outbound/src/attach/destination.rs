//! The destination of a request, as its URI states it.

use http::uri::Authority;
use url::Url;

/// The server that the URI of a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(unnameable_types, reason = "a sealed trait returns it")]
pub enum Destination<'a> {
    /// An absolute URI. Without a port, the scheme's default applies.
    Absolute { scheme: &'a str, host: &'a str, port: Option<u16> },
    /// Only a path. The inner client, such as a tonic channel, determines the server.
    PathOnly,
    /// The URI contains a user name or a password.
    WithUserInfo,
    /// Another form of URI, which does not name a resource (`*`, `host:port`).
    Unclear,
}

/// Returns the host and the port of `authority`. Returns `None` if it contains user information,
/// or a port that is not a number: clients interpret such a port differently.
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
