//! A private certificate authority, and plain http inside a private network.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::Arc,
};

use axum::{Router, http::HeaderMap, routing::get};
use passport_dev::{DevPassport, DevPassportBuilder};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::harness::{Setup, Sidecar, json};

/// Returns the certificate of a new authority, and an acceptor with one of its certificates for
/// `localhost`.
fn authority() -> (String, TlsAcceptor) {
    let (ca_key, mut ca) = (KeyPair::generate().unwrap(), CertificateParams::default());
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = ca.self_signed(&ca_key).unwrap().pem();
    let (key, issuer) = (KeyPair::generate().unwrap(), Issuer::new(ca, ca_key));
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    (pem, TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap())))
}

async fn bound() -> (TcpListener, String) {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", tcp.local_addr().unwrap().port());
    (tcp, url)
}

/// Terminates TLS on `tcp`, for the server at `target`.
async fn forward(tcp: TcpListener, acceptor: TlsAcceptor, target: SocketAddr) {
    while let Ok((stream, _)) = tcp.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let mut target = TcpStream::connect(target).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut target).await;
        });
    }
}

/// A service that shows the beginning of `Authorization`.
async fn service(address: IpAddr) -> SocketAddr {
    let scheme = async |headers: HeaderMap| headers["authorization"].to_str().unwrap()[..7].to_owned();
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/orders", get(scheme));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// A configuration whose three URLs are trusted by `trust`, a line of it.
fn config(setup: &Setup, token_url: &str, jwks_url: &str, upstream: &str, trust: &str) -> String {
    format!(
        r#"
        [listen]
        unix = "{socket}"

        [identities.erp]
        client_id = "{id}"
        client_secret_ref = "file:{secret}"
        passport_base_url = "{issuer}"
        token_url = "{token_url}"
        {trust}

        [validate]
        audience = "{audience}"
        issuer = "{issuer}"
        jwks_url = "{jwks_url}"
        {trust}

        [upstreams.orders]
        url = "{upstream}"
        identity = "erp"
        {trust}
        "#,
        socket = setup.path("sidecar.sock"),
        id = setup.registered.client_id(),
        secret = setup.path(crate::harness::SECRET_FILE),
        issuer = setup.passport.issuer(),
        audience = setup.passport.audience(),
    )
}

/// Gets a token for an upstream, and has a token verified.
async fn works(setup: &Setup, sidecar: &Sidecar) {
    let passed_on = sidecar.unix().get("http://localhost/to/orders/orders").send().await.unwrap();
    assert_eq!((passed_on.status().as_u16(), &*passed_on.text().await.unwrap()), (200, "Bearer "));
    let token = setup.registered.token().build();
    let body = format!("token={token}");
    let request = sidecar.unix().post("http://localhost/v1/validate").body(body);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(json(request.send().await.unwrap()).await["active"], true);
}

async fn setup(builder: DevPassportBuilder) -> Setup {
    Setup::with(builder.start().await.unwrap()).await
}

#[tokio::test]
async fn private_ca_is_trusted_without_system_roots() {
    let (pem, acceptor) = authority();
    let ((passport_tcp, issuer), (upstream_tcp, upstream)) = (bound().await, bound().await);
    let mut setup = setup(DevPassport::builder().issuer(&issuer)).await;
    setup.variables = &[("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    std::fs::write(setup.folder.path().join("ca.pem"), pem).unwrap();
    tokio::spawn(forward(passport_tcp, acceptor.clone(), setup.passport.address()));
    tokio::spawn(forward(upstream_tcp, acceptor, service([127, 0, 0, 1].into()).await));
    let token_url = format!("{issuer}/passport/token");
    let jwks_url = format!("{issuer}/.well-known/jwks.json");
    let trust = format!("ca_file = \"{}\"", setup.path("ca.pem"));
    let sidecar = setup.start(&config(&setup, &token_url, &jwks_url, &upstream, &trust)).serves().await;
    works(&setup, &sidecar).await;
}

/// An address of this machine that is not a loopback address, if there is one.
fn outer_address() -> Option<IpAddr> {
    // Connecting a UDP socket sends nothing; it only chooses the local address.
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

#[tokio::test]
async fn public_issuer_has_internal_plain_http_urls() {
    // Without a network there is no address that plain http could be rejected for.
    let address = outer_address().unwrap_or_else(|| [127, 0, 0, 2].into());
    let builder = DevPassport::builder().address((address, 0).into()).danger_any_address();
    let mut setup = setup(builder.issuer("https://passport.example.com")).await;
    // No proxy must see a secret or a token: this one does not respond.
    setup.variables = &[("HTTP_PROXY", "http://127.0.0.1:9"), ("http_proxy", "http://127.0.0.1:9")];
    let internal = format!("http://{}", setup.passport.address());
    let token_url = format!("{internal}/passport/token");
    let jwks_url = format!("{internal}/.well-known/jwks.json");
    let upstream = format!("http://{}", service(address).await);
    let config = config(&setup, &token_url, &jwks_url, &upstream, "danger_plain_http = true");
    let sidecar = setup.start(&config).serves().await;
    works(&setup, &sidecar).await;
}
