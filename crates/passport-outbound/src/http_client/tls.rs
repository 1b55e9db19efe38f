//! The root certificates of the default clients.

use passport_core::CaCertificates;
use reqwest::ClientBuilder;

/// Makes `client` trust the certificates `ca`, if there are any, in addition to the system's
/// root certificates.
pub(super) fn with_ca(ca: Option<&CaCertificates>, client: ClientBuilder) -> ClientBuilder {
    client.tls_certs_merge(ca.into_iter().flat_map(CaCertificates::for_reqwest))
}

/// Makes `client` load no root certificates. For plain `http`, which needs no certificates. If
/// the machine has no root certificates, loading them would fail.
pub(super) fn without_roots(client: ClientBuilder) -> ClientBuilder {
    client.tls_certs_only([])
}
