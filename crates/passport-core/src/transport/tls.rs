//! The TLS settings of a client: which root certificates it trusts.

use reqwest::ClientBuilder;

use crate::CaCertificates;

/// Trusts `ca` beside the system's root certificates.
pub(super) fn trusting(ca: Option<&CaCertificates>, client: ClientBuilder) -> ClientBuilder {
    ca.into_iter().fold(client, |client, ca| client.tls_certs_merge(ca.for_reqwest()))
}

/// Loads no root certificates, for plain `http`: the machine may have none.
pub(super) fn without_roots(client: ClientBuilder) -> ClientBuilder {
    client.tls_certs_only([])
}
