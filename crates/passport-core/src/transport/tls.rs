//! The root certificates that a client trusts.

use reqwest::ClientBuilder;

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
