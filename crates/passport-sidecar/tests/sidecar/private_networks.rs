//! Private certificate authorities, and plain HTTP in a private network.

use std::net::{IpAddr, SocketAddr};

use axum::{Router, http::HeaderMap, routing::get};
use passport_dev::{DevPassport, DevPassportBuilder};
use passport_test_support::{
    certificates::Authority,
    servers::{outer_address, serve_on, terminate_tls},
};
use tokio::net::TcpListener;

use crate::harness::{Setup, SidecarProcess, json};

async fn bound() -> (TcpListener, String) {
    let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", tcp.local_addr().unwrap().port());
    (tcp, url)
}

/// Starts a service that responds with the first characters of the `Authorization` header that
/// it received.
async fn service(address: IpAddr) -> SocketAddr {
    let scheme = async |headers: HeaderMap| headers["authorization"].to_str().unwrap()[..7].to_owned();
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let router = Router::new().route("/orders", get(scheme));
    serve_on(listener, router)
}

/// Returns a configuration with URLs of Passport, of the issuer and of an upstream. The line
/// `trust` is added to each of their tables: it sets a CA file, or allows plain `http`.
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

/// Checks that `sidecar` forwards a request with a token attached, and verifies a token.
async fn check_endpoints(setup: &Setup, sidecar: &SidecarProcess) {
    let forwarded = sidecar.unix().get("http://localhost/to/orders/orders").send().await.unwrap();
    assert_eq!((forwarded.status().as_u16(), &*forwarded.text().await.unwrap()), (200, "Bearer "));
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
    let authority = Authority::default();
    let acceptor = authority.acceptor(&["localhost"]);
    let ((passport_tcp, issuer), (upstream_tcp, upstream)) = (bound().await, bound().await);
    let mut setup = setup(DevPassport::builder().issuer(&issuer)).await;
    setup.variables = &[("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    std::fs::write(setup.folder.path().join("ca.pem"), &authority.pem).unwrap();
    terminate_tls(passport_tcp, acceptor.clone(), setup.passport.address());
    terminate_tls(upstream_tcp, acceptor, service([127, 0, 0, 1].into()).await);
    let token_url = format!("{issuer}/passport/token");
    let jwks_url = format!("{issuer}/.well-known/jwks.json");
    let trust = format!("ca_file = \"{}\"", setup.path("ca.pem"));
    let sidecar = setup.start(&config(&setup, &token_url, &jwks_url, &upstream, &trust)).serves().await;
    check_endpoints(&setup, &sidecar).await;
}

#[tokio::test]
async fn public_issuer_with_internal_plain_http_urls_works() {
    let address = outer_address();
    let builder = DevPassport::builder().address((address, 0).into()).danger_any_address();
    let mut setup = setup(builder.issuer("https://passport.example.com")).await;
    // The sidecar must not use a proxy from the environment, which would see secrets and tokens.
    // This proxy does not respond.
    setup.variables = &[("HTTP_PROXY", "http://127.0.0.1:9"), ("http_proxy", "http://127.0.0.1:9")];
    let internal = format!("http://{}", setup.passport.address());
    let token_url = format!("{internal}/passport/token");
    let jwks_url = format!("{internal}/.well-known/jwks.json");
    let upstream = format!("http://{}", service(address).await);
    let config = config(&setup, &token_url, &jwks_url, &upstream, "danger_plain_http = true");
    let sidecar = setup.start(&config).serves().await;
    check_endpoints(&setup, &sidecar).await;
}
