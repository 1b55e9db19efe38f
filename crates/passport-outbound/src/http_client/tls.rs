//! The TLS settings of the default clients: which root certificates they trust.

use passport_core::CaCertificates;
use reqwest::ClientBuilder;

/// Trusts `ca` beside the system's root certificates.
pub(super) fn trusting(ca: Option<&CaCertificates>, client: ClientBuilder) -> ClientBuilder {
    client.tls_certs_merge(ca.into_iter().flat_map(CaCertificates::for_reqwest))
}

/// Loads no root certificates, for plain `http`: the machine may have none.
pub(super) fn without_roots(client: ClientBuilder) -> ClientBuilder {
    client.tls_certs_only([])
}
