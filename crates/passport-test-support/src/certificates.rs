//! A certificate authority that issues TLS certificates in a test.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio_rustls::TlsAcceptor;

/// A certificate authority with a new key. The clients in a test trust the certificate of the
/// authority ([`pem`](Self::pem)).
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// The certificate of the authority as PEM.
    pub pem: String,
}

impl Default for Authority {
    fn default() -> Self {
        Self::named("authority")
    }
}

impl Authority {
    /// Creates an authority with a certificate for the common name `name`.
    pub fn named(name: &str) -> Self {
        let (key, mut params) = (KeyPair::generate().unwrap(), CertificateParams::default());
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// Issues a certificate for the host names `names`, with a new key.
    pub fn issue(&self, names: &[&str]) -> CertifiedKey<KeyPair> {
        self.issue_with(names, |_| {})
    }

    /// Issues a certificate for the host names `names`, with a new key. `change` can change other
    /// parameters of the certificate before the authority signs it.
    pub fn issue_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> CertifiedKey<KeyPair> {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let (signing_key, mut params) =
            (KeyPair::generate().unwrap(), CertificateParams::new(names).unwrap());
        // Python rejects certificates without an authority key identifier.
        params.use_authority_key_identifier_extension = true;
        change(&mut params);
        CertifiedKey { cert: params.signed_by(&signing_key, &self.issuer).unwrap(), signing_key }
    }

    /// Issues a certificate for the host names `names`. Returns a TLS acceptor that uses this
    /// certificate.
    pub fn acceptor(&self, names: &[&str]) -> TlsAcceptor {
        acceptor(&self.issue(names), &[])
    }
}

/// Returns a TLS acceptor for a server with `certificate` and the ALPN protocols `alpn`.
pub fn acceptor(certificate: &CertifiedKey<KeyPair>, alpn: &[&str]) -> TlsAcceptor {
    let chain = vec![CertificateDer::from(certificate.cert.der().to_vec())];
    let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}
