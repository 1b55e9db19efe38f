//! Certificates of TLS connections to Redis. They are read for each connection, so that they can be
//! replaced in their source.

use std::path::PathBuf;

use passport_outbound::{SecretSource, StoreError};
use redis::{ClientTlsConfig, TlsCertificates};
use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// Where the certificates and keys are. By default the root certificates are those of the operating
/// system, and there is no client certificate.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsSettings {
    pub(crate) ca_file: Option<PathBuf>,
    /// Certificate and key.
    pub(crate) identity: Option<(SecretSource, SecretSource)>,
}

impl TlsSettings {
    pub(crate) fn is_set(&self) -> bool {
        self.ca_file.is_some() || self.identity.is_some()
    }

    pub(crate) async fn read(&self) -> Result<TlsCertificates, StoreError> {
        let root_cert = match &self.ca_file {
            Some(path) => Some(pem(&SecretSource::file(path.display().to_string())).await?),
            None => None,
        };
        let client_tls = match &self.identity {
            Some((certificate, key)) => {
                Some(ClientTlsConfig { client_cert: pem(certificate).await?, client_key: pem(key).await? })
            }
            None => None,
        };
        Ok(TlsCertificates { client_tls, root_cert })
    }
}

async fn pem(source: &SecretSource) -> Result<Vec<u8>, StoreError> {
    let read = source.resolve().await.map_err(|error| {
        StoreError::new("a certificate or key for Redis could not be read; see where it lies")
            .with_source(error)
    })?;
    let pem = read.secret().expose();
    if pem.contains("-----BEGIN ") {
        Ok(pem.as_bytes().to_vec())
    } else {
        Err(StoreError::new("a certificate or key for Redis is not PEM"))
    }
}

/// Installs a crypto provider of rustls for the process, unless there is one.
pub(crate) fn install_crypto_provider() {
    if CryptoProvider::get_default().is_none() {
        // Another thread may have installed one since.
        let _ = aws_lc_rs::default_provider().install_default();
    }
}
