use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use passport_core::CaCertificates;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs::default_provider};
use rustls_platform_verifier::Verifier;
use tower::BoxError;
use url::Url;

/// The TLS settings of upstreams. Upstreams with the same CA file share one set of root
/// certificates.
#[derive(Default)]
pub(crate) struct TlsConfigs(HashMap<Trust, ClientConfig>);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Trust {
    /// No TLS, and so no root certificates, which the machine may not have.
    Nothing,
    System,
    /// The certificates in this file, beside the system's.
    SystemAnd(PathBuf),
}

impl TlsConfigs {
    /// Returns the settings for the upstream at `base`.
    ///
    /// # Errors
    /// When the CA file cannot be read, or there are no root certificates at all.
    pub(crate) fn get(&mut self, base: &Url, ca_file: Option<&Path>) -> Result<ClientConfig, BoxError> {
        let trust = match ca_file {
            Some(path) => Trust::SystemAnd(path.to_owned()),
            None if base.scheme() == "https" => Trust::System,
            None => Trust::Nothing,
        };
        if let Some(config) = self.0.get(&trust) {
            return Ok(config.clone());
        }
        let config = trust.config()?;
        self.0.insert(trust, config.clone());
        Ok(config)
    }
}

impl Trust {
    fn config(&self) -> Result<ClientConfig, BoxError> {
        let provider = Arc::new(default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions()?;
        let verifier = match self {
            Self::Nothing => {
                return Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
            }
            Self::System => Verifier::new(provider)?,
            Self::SystemAnd(path) => {
                let ca = CaCertificates::from_pem_file(path)?;
                Verifier::new_with_extra_roots(ca.iter().cloned(), provider)?
            }
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        Ok(builder.with_no_client_auth())
    }
}
