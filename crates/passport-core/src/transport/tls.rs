//! The root certificates that a client trusts.

use reqwest::ClientBuilder;

use crate::CaCertificates;

/// Adds `ca` to the trusted root certificates of the system.
pub(super) fn trusting(ca: Option<&CaCertificates>, client: ClientBuilder) -> ClientBuilder {
    ca.into_iter().fold(client, |client, ca| client.tls_certs_merge(ca.for_reqwest()))
}

/// Configures a client for plain `http` without root certificates, as the machine may have none.
pub(super) fn without_roots(client: ClientBuilder) -> ClientBuilder {
    client.tls_certs_only([])
}
