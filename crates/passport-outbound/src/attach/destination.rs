use http::uri::Authority;
use url::Url;

/// The destination of a request, as its URI states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(unnameable_types, reason = "a sealed trait returns it")]
pub enum Destination<'a> {
    /// An absolute URI. Without a port, the scheme's default applies.
    Absolute { scheme: &'a str, host: &'a str, port: Option<u16> },
    /// Only a path: the client below knows the origin.
    PathOnly,
    /// The URI carries a user name or a password.
    WithUserInfo,
    /// A form that a request for a resource does not have (`*`, `host:port`).
    Unclear,
}

/// Returns host and port, if there is nothing else. A port that is not a number is not the default
/// port, whatever a client makes of it.
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
