use url::{Host, Url};

use crate::Origin;

/// Whether a request to `url` never goes through a proxy, which could not reach the host: this
/// machine, or what a cloud provides on each machine.
pub(super) fn is_never_proxied(url: &Url) -> bool {
    let is_of_the_machine = match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        Some(Host::Ipv6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.is_link_local() || address.is_loopback(),
            // The last are AWS's.
            None => address.is_unicast_link_local() || address.segments()[..2] == [0xfd00, 0x0ec2],
        },
        _ => false,
    };
    is_of_the_machine || Origin::of(url).is_ok_and(|origin| origin.is_loopback())
}
