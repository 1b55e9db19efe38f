//! The root certificates that a client trusts, and the random bytes of its handshakes.

use std::{
    io,
    sync::Once,
    thread::{self, JoinHandle},
};

use reqwest::ClientBuilder;
use rustls::crypto::{CryptoProvider, SecureRandom, aws_lc_rs};

use crate::CaCertificates;

/// Makes `client` trust `ca` in addition to the system's root certificates.
pub(super) fn with_ca(ca: Option<&CaCertificates>, client: ClientBuilder) -> ClientBuilder {
    ca.into_iter().fold(client, |client, ca| client.tls_certs_merge(ca.for_reqwest()))
}

/// Makes `client` trust no root certificates, so that the client can be built on a machine
/// without root certificates. Such a client is used for plain `http`.
pub(super) fn without_roots(client: ClientBuilder) -> ClientBuilder {
    client.tls_certs_only([])
}

/// Returns `client`, and draws the first random bytes of the process in the background.
///
/// Before its first random bytes, aws-lc measures the jitter of the processor for tens of
/// milliseconds, and a handshake needs random bytes. In the background, this takes place while
/// the root certificates are read, the host is resolved and the connection is opened.
pub(super) fn seeded(client: ClientBuilder) -> ClientBuilder {
    static DRAWN: Once = Once::new();
    // The provider that reqwest will use.
    let random = CryptoProvider::get_default()
        .map_or_else(|| aws_lc_rs::default_provider().secure_random, |provider| provider.secure_random);
    DRAWN.call_once(|| drop(drawn_in_background(random)));
    client
}

/// Draws random bytes on a thread of its own. The shutdown of a tokio runtime would wait for a
/// blocking task.
fn drawn_in_background(random: &'static dyn SecureRandom) -> io::Result<JoinHandle<bool>> {
    // If there are no random bytes, or no thread, the handshake reports it.
    thread::Builder::new().name("passport-random".to_owned()).spawn(|| random.fill(&mut [0]).is_ok())
}

#[cfg(test)]
mod tests;
