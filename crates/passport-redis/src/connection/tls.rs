//! Certificates of TLS connections to Redis. The store reads the certificates for each new
//! connection, so that they can be renewed without a restart.

use std::path::PathBuf;

use passport_core::SecretRef;
use passport_outbound::{SecretSource, StoreError};
use redis::{ClientTlsConfig, TlsCertificates};
use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// The sources of the CA certificates, the client certificate and its private key. By default,
/// the CA certificates of the operating system are trusted, and no client certificate is sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsSettings {
    pub(crate) ca_file: Option<PathBuf>,
    /// The client certificate and its private key.
    pub(crate) identity: Option<(SecretSource, SecretSource)>,
}

impl TlsSettings {
    /// Returns whether a CA file or a client certificate is configured. If true, the connection
    /// must use TLS.
    pub(crate) fn is_set(&self) -> bool {
        self.ca_file.is_some() || self.identity.is_some()
    }

    /// Reads the certificates and the private key from their sources.
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

/// Reads a certificate or a private key from `source`. Returns an error if the text is not PEM.
async fn pem(source: &SecretSource) -> Result<Vec<u8>, StoreError> {
    let read = source.resolve().await.map_err(|error| {
        StoreError::new("cannot read a certificate or private key for Redis; the cause names its reference")
            .with_source(error)
    })?;
    let pem = read.secret().expose();
    if pem.contains("-----BEGIN ") {
        Ok(pem.as_bytes().to_vec())
    } else {
        let error = "a certificate or private key for Redis is not PEM; store it with its -----BEGIN line";
        Err(StoreError::new(error).with_source(NotPem(source.reference().clone())))
    }
}

/// The cause of the error if a text is not PEM. Contains the reference of that text.
#[derive(Debug, thiserror::Error)]
#[error("its reference is `{0}`")]
struct NotPem(SecretRef);

/// Installs the crypto provider of aws-lc-rs as the default of the process. Does nothing if the
/// process already has a default provider. TLS connections of the `redis` crate need a default
/// provider.
pub(crate) fn install_crypto_provider() {
    if CryptoProvider::get_default().is_none() {
        // An error means that another thread has installed a provider since the check.
        let _ = aws_lc_rs::default_provider().install_default();
    }
}
