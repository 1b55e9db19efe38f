//! Servers whose certificate is not acceptable, and machines without root certificates: each error
//! names cause and remedy, and waiting ends.

use std::{process::Command, sync::Arc, time::Duration};

use passport_dev::DevPassport;
use passport_inbound::TokenVerifier;
use passport_outbound::{
    HttpTransport, ManagedIdentity, ManagedIdentityHttpClient, SecretSource, TlsFailure, TokenErrorKind,
    Transport,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::builder;
use crate::support::api;

/// A certificate authority of these tests alone.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// A transport that trusts this authority.
    fn transport(&self) -> Transport {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &self.pem).unwrap();
        let ca = passport_core::CaCertificates::from_pem_file(file.path()).unwrap();
        Transport::new(HttpTransport::new().with_ca(ca))
    }

    /// The URL of a server with a certificate that `change` was applied to. It shakes hands and
    /// says nothing.
    async fn serve(&self, name: &str, change: fn(&mut CertificateParams)) -> String {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(acceptor.accept(stream));
            }
        });
        format!("https://localhost:{port}")
    }
}

/// A server that does not speak TLS.
async fn plain() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad\r\n\r\n").await;
        }
    });
    format!("https://localhost:{port}")
}

/// What both sides say of `issuer`, when they are to be ready.
async fn assert_not_ready(issuer: &str, transport: Transport, failure: TlsFailure) {
    let identity = ManagedIdentity::builder("mi", SecretSource::fixed("secret"))
        .issuer(issuer)
        .transport(transport.clone())
        .build()
        .unwrap();
    let verifier = TokenVerifier::builder("api").issuer(issuer).transport(transport).build().unwrap();
    let limit = Duration::from_secs(30);
    let ready = tokio::time::timeout(limit, identity.ready()).await;
    let error = ready.unwrap_or_else(|_| panic!("it waits: {:?}", identity.status())).unwrap_err();
    assert_eq!(error.kind(), TokenErrorKind::Tls(failure), "{error}");
    assert!(error.to_string().starts_with(&format!("no token for `mi`: {failure}")), "{error}");
    let error = tokio::time::timeout(limit, verifier.ready()).await.expect("it does not wait").unwrap_err();
    assert!(error.to_string().contains(&failure.to_string()), "{error}");
    assert!(verifier.health().last_error().unwrap().contains(&failure.to_string()));
}

#[tokio::test]
async fn an_unacceptable_certificate_ends_the_wait() {
    let [ours, other, renewed] = ["ours", "other", "ours"].map(Authority::new);
    let expired: fn(&mut CertificateParams) = |params| params.not_after = date_time_ymd(2020, 1, 1);
    let early: fn(&mut CertificateParams) = |params| params.not_before = date_time_ymd(2999, 1, 1);
    for (issuer, failure) in [
        (other.serve("localhost", |_| {}).await, TlsFailure::UnknownIssuer),
        (renewed.serve("localhost", |_| {}).await, TlsFailure::UnknownIssuer),
        (ours.serve("elsewhere.example", |_| {}).await, TlsFailure::WrongName),
        (ours.serve("localhost", expired).await, TlsFailure::Expired),
        (ours.serve("localhost", early).await, TlsFailure::NotYetValid),
        (
            ours.serve("localhost", |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)).await,
            TlsFailure::CaAsServer,
        ),
        (plain().await, TlsFailure::NotTls),
    ] {
        assert_not_ready(&issuer, ours.transport(), failure).await;
    }
}

#[test]
fn a_machine_without_roots_names_the_remedy() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "outbound::trust::in_a_process_without_roots", "--ignored"])
        .envs([("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && told.contains("1 passed"), "{told}");
}

#[tokio::test]
#[ignore = "it is run by a_machine_without_roots_names_the_remedy"]
async fn in_a_process_without_roots() {
    assert_not_ready("https://localhost:9", Transport::default(), TlsFailure::NoRootCertificates).await;

    let passport = DevPassport::start().await.unwrap();
    let identity = builder(&passport, &passport.managed_identity("payroll").create()).build().unwrap();
    let error = ManagedIdentityHttpClient::new(identity.clone(), "https://api.bizfirst.ai").unwrap_err();
    assert!(error.to_string().contains("client: this machine has no root certificates"), "{error}");
    assert!(error.to_string().contains("No CA certificates"), "the cause is shown: {error}");
    assert!(std::error::Error::source(&error).is_some());

    let client = ManagedIdentityHttpClient::new(identity, &api(&passport).await).unwrap();
    assert_eq!(client.get("/whoami").send().await.unwrap().status(), 200);
}
