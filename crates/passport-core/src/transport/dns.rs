use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A DNS resolver that uses the resolver of the system, and rotates the addresses of a host at
/// each lookup.
///
/// Without the rotation, each request would connect to the same server first. If this server
/// accepted connections but never responded, all requests would fail, although the other
/// addresses of the host work.
#[derive(Debug, Default)]
pub(super) struct RotatingResolver {
    lookups: Arc<AtomicUsize>,
}

/// The error of a host name that does not resolve.
#[derive(Debug, thiserror::Error)]
#[error("the host name could not be resolved")]
pub(super) struct UnknownHost(#[source] std::io::Error);

impl Resolve for RotatingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let lookups = Arc::clone(&self.lookups);
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.map_err(UnknownHost)?;
            let addresses = rotated(found.collect(), lookups.fetch_add(1, Ordering::Relaxed));
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Moves the addresses of the preferred family to the front, and rotates these addresses by `by`
/// positions. The preferred family is the family (IPv4 or IPv6) of the first address.
fn rotated(mut addresses: Vec<SocketAddr>, by: usize) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return addresses };
    let is_ipv4 = first.is_ipv4();
    // The sort is stable, so the resolver's order is kept within each family.
    addresses.sort_by_key(|address| address.is_ipv4() != is_ipv4);
    let preferred = addresses.iter().take_while(|address| address.is_ipv4() == is_ipv4).count();
    addresses[..preferred].rotate_left(by % preferred);
    addresses
}

#[cfg(test)]
mod tests;
