use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The system's resolver, which starts with another address of a host each time.
///
/// A server that accepts connections and then says nothing would otherwise be tried again and again
/// while the host's other addresses are well.
#[derive(Debug, Default)]
pub(super) struct RotatingResolver {
    lookups: Arc<AtomicUsize>,
}

/// A host name that does not resolve.
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

/// Rotates the addresses of the preferred family, which is that of the first address.
fn rotated(mut addresses: Vec<SocketAddr>, by: usize) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else { return addresses };
    let is_ipv4 = first.is_ipv4();
    // Stable: the resolver's order of preference stays within each family.
    addresses.sort_by_key(|address| address.is_ipv4() != is_ipv4);
    let preferred = addresses.iter().take_while(|address| address.is_ipv4() == is_ipv4).count();
    addresses[..preferred].rotate_left(by % preferred);
    addresses
}

#[cfg(test)]
mod tests;
