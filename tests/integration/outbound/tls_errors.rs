//! Servers with invalid certificates, and machines without root certificates: each error names
//! cause and remedy, and waiting for readiness ends.

use std::{process::Command, time::Duration};

use passport_dev::DevPassport;
use passport_inbound::TokenVerifier;
use passport_outbound::{
    ManagedIdentity, ManagedIdentityHttpClient, ReqwestHttpClient, SecretSource, TlsFailure, TokenErrorKind,
    Transport,
};
use passport_test_support::certificates::{Authority, acceptor};
use rcgen::{BasicConstraints, CertificateParams, IsCa, date_time_ymd};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;

use super::builder;
use crate::harness::api;

/// Returns a transport that trusts `authority`.
fn trusting(authority: &Authority) -> Transport {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &authority.pem).unwrap();
    let ca = passport_core::CaCertificates::from_pem_file(file.path()).unwrap();
    Transport::new(ReqwestHttpClient::new().with_ca(ca))
}

/// Returns the URL of a server with a certificate that `change` made invalid. It accepts TLS
/// handshakes and sends nothing.
async fn server(authority: &Authority, name: &str, change: fn(&mut CertificateParams)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = acceptor(&authority.issue_with(&[name], change), &[]);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(acceptor.accept(stream));
        }
    });
    format!("https://localhost:{port}")
}

/// Starts a server that does not speak TLS.
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

/// Asserts that both sides report `failure` for `issuer` when they wait to become ready.
async fn assert_not_ready(issuer: &str, transport: Transport, failure: TlsFailure) {
    let identity = ManagedIdentity::builder("mi", SecretSource::from_value("secret"))
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
    assert!(verifier.health().issuers()[0].jwks().last_error().unwrap().contains(&failure.to_string()));
}

#[tokio::test]
async fn invalid_certificate_ends_the_wait() {
    let [ours, other, renewed] = ["ours", "other", "ours"].map(Authority::named);
    let expired: fn(&mut CertificateParams) = |params| params.not_after = date_time_ymd(2020, 1, 1);
    let early: fn(&mut CertificateParams) = |params| params.not_before = date_time_ymd(2999, 1, 1);
    for (issuer, failure) in [
        (server(&other, "localhost", |_| {}).await, TlsFailure::UnknownIssuer),
        (server(&renewed, "localhost", |_| {}).await, TlsFailure::UnknownIssuer),
        (server(&ours, "elsewhere.example", |_| {}).await, TlsFailure::WrongName),
        (server(&ours, "localhost", expired).await, TlsFailure::Expired),
        (server(&ours, "localhost", early).await, TlsFailure::NotYetValid),
        (
            server(&ours, "localhost", |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained))
                .await,
            TlsFailure::CaAsServer,
        ),
        (plain().await, TlsFailure::NotTls),
    ] {
        assert_not_ready(&issuer, trusting(&ours), failure).await;
    }
}

#[test]
fn machine_without_root_certificates_names_the_remedy() {
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "outbound::tls_errors::process_without_root_certificates_is_not_ready",
            "--ignored",
        ])
        .envs([("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && told.contains("1 passed"), "{told}");
}

#[tokio::test]
#[ignore = "it is run by machine_without_root_certificates_names_the_remedy"]
async fn process_without_root_certificates_is_not_ready() {
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
