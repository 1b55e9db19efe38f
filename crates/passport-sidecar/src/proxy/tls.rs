//! The TLS settings of upstreams.

use std::{
    collections::{HashMap, hash_map::Entry},
    path::{Path, PathBuf},
    sync::Arc,
};

use passport_core::CaCertificates;
use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier, crypto::aws_lc_rs::default_provider,
};
use rustls_platform_verifier::Verifier;
use tower::BoxError;
use url::Url;

/// The TLS settings of upstreams by their CA file. Upstreams with the same CA file share one set
/// of root certificates.
#[derive(Default)]
pub(crate) struct TlsConfigs(HashMap<Option<PathBuf>, ClientConfig>);

impl TlsConfigs {
    /// Returns the TLS settings for the upstream at `base`. They trust the certificates in
    /// `ca_file` and the system's root certificates. For plain `http` without a `ca_file`, they
    /// trust no certificate.
    ///
    /// # Errors
    /// Returns an error if the CA file cannot be read, or if there are no root certificates at all.
    pub(crate) fn get(&mut self, base: &Url, ca_file: Option<&Path>) -> Result<ClientConfig, BoxError> {
        if ca_file.is_none() && base.scheme() != "https" {
            // No root certificates are loaded for plain `http`, because plain `http` must also work
            // on a machine without root certificates.
            return Ok(builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
        }
        match self.0.entry(ca_file.map(Path::to_owned)) {
            Entry::Occupied(known) => Ok(known.get().clone()),
            Entry::Vacant(entry) => Ok(entry.insert(config(ca_file)?).clone()),
        }
    }
}

/// Creates TLS settings that trust the system's root certificates and the certificates in
/// `ca_file`.
fn config(ca_file: Option<&Path>) -> Result<ClientConfig, BoxError> {
    let ca = ca_file.map(CaCertificates::from_pem_file).transpose()?;
    let roots = ca.iter().flat_map(CaCertificates::iter).cloned();
    let verifier = Arc::new(Verifier::new_with_extra_roots(roots, Arc::new(default_provider()))?);
    Ok(builder()?.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions()
}
