use url::{Host, Url};

use crate::Origin;

/// Returns whether requests to `url` bypass the proxy, because a proxy cannot reach the host.
/// This is the case if the host is
/// - this machine, or
/// - the metadata service that a cloud provides on each machine.
pub(super) fn is_never_proxied(url: &Url) -> bool {
    let is_metadata_service = match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        Some(Host::Ipv6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.is_link_local() || address.is_loopback(),
            // The metadata service of AWS is in `fd00:ec2::/32`.
            None => address.is_unicast_link_local() || address.segments()[..2] == [0xfd00, 0x0ec2],
        },
        _ => false,
    };
    is_metadata_service || Origin::of(url).is_ok_and(|origin| origin.is_loopback())
}
