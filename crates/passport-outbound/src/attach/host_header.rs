//! Checks the `Host` header of a request. Proxies and virtual hosts choose the receiver by that
//! header, so it must name the host of the request's URI. Pure: no I/O, no clock.

use http::{HeaderMap, header::HOST, uri::Authority};

use super::{AllowedOrigins, AttachError, allowed_origins::MatchedOrigin, destination::host_and_port};

/// Checks that the `Host` header, if there is one, names the host and port of `origin`. `origin`
/// is the allowed origin of the request's URI. Without a `Host` header, the check succeeds,
/// because the client derives the header from the URI.
#[inline]
pub(super) fn check(
    headers: &HeaderMap,
    origins: &AllowedOrigins,
    origin: MatchedOrigin,
) -> Result<(), AttachError> {
    if !headers.is_empty() && headers.contains_key(HOST) {
        check_present(headers, origins, origin)
    } else {
        Ok(())
    }
}

#[cold]
fn check_present(
    headers: &HeaderMap,
    origins: &AllowedOrigins,
    origin: MatchedOrigin,
) -> Result<(), AttachError> {
    let mut hosts = headers.get_all(HOST).iter();
    let authority = hosts.next().and_then(|host| Authority::try_from(host.as_bytes()).ok());
    if hosts.next().is_some() {
        return Err(AttachError::DuplicateHost);
    }
    let named = authority.as_ref().and_then(host_and_port);
    match named {
        Some((host, port)) if origins.has_host(origin, host, port) => Ok(()),
        _ => Err(AttachError::HostMismatch),
    }
}
