//! The root certificates of the default clients.

use passport_core::CaCertificates;
use reqwest::ClientBuilder;

/// Trusts `ca` in addition to the system's root certificates.
pub(super) fn trusting(ca: Option<&CaCertificates>, client: ClientBuilder) -> ClientBuilder {
    client.tls_certs_merge(ca.into_iter().flat_map(CaCertificates::for_reqwest))
}

/// Loads no root certificates. For plain `http`, where the machine may have none.
pub(super) fn without_roots(client: ClientBuilder) -> ClientBuilder {
    client.tls_certs_only([])
}
