//! Private certificate authorities, and plain http inside private networks.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, http::HeaderMap, routing::get};
use passport_config::{ManagedIdentitiesConfig, ManagedIdentityConfig};
use passport_dev::DevPassport;
use passport_inbound::TokenVerifier;
use passport_outbound::{ManagedIdentity, SecretSource};
use passport_test_support::{
    certificates::Authority,
    servers::{outer_address, serve_tls, terminate_tls},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::harness::serve;

/// A Passport behind TLS with a certificate of a private authority, which counts full TLS
/// handshakes.
struct PrivatePassport {
    passport: DevPassport,
    authority: Authority,
    folder: TempDir,
    full_handshakes: Arc<AtomicUsize>,
}

impl PrivatePassport {
    async fn start() -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("https://localhost:{}", tcp.local_addr().unwrap().port());
        let passport = DevPassport::builder().issuer(issuer).start().await.unwrap();
        let (authority, folder) = (Authority::default(), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("ca.pem"), &authority.pem).unwrap();
        let full_handshakes = terminate_tls(tcp, authority.acceptor(&["localhost"]), passport.address());
        Self { passport, authority, folder, full_handshakes }
    }

    fn ca_file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    fn identity(&self, name: &str) -> Value {
        let registered = self.passport.managed_identity(name).secret("s3cret").create();
        let secret = self.folder.path().join("secret");
        std::fs::write(&secret, "s3cret").unwrap();
        json!({
            "client_id": registered.client_id(),
            "client_secret_ref": format!("file:{}", secret.display()),
            "passport_base_url": self.passport.issuer(),
            "ca_file": self.ca_file(),
        })
    }
}

fn identities(private: &PrivatePassport, count: usize) -> ManagedIdentitiesConfig {
    let named = (0..count).map(|number| format!("service-{number}"));
    let identities: serde_json::Map<_, _> =
        named.map(|name| (name.clone(), private.identity(&name))).collect();
    serde_json::from_value(json!({ "identities": identities })).unwrap()
}

#[tokio::test]
async fn identities_of_a_configuration_share_one_tls_client() {
    let private = PrivatePassport::start().await;
    let identities = identities(&private, 200).build().unwrap();
    for (_, identity) in identities.iter() {
        identity.token().await.unwrap();
    }
    assert_eq!(private.passport.counters().token(), 200);
    // The first connection of each TLS client makes a full handshake; later ones resume the
    // session.
    assert_eq!(private.full_handshakes.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn ca_file_covers_passport_and_the_called_service() {
    let private = PrivatePassport::start().await;
    let agent = get(async |headers: HeaderMap| headers["user-agent"].to_str().unwrap().to_owned());
    let acceptor = private.authority.acceptor(&["localhost"]);
    let service = serve_tls(acceptor, Router::new().route("/agent", agent)).await;
    let mut config = private.identity("erp");
    config["base_url"] = format!("https://localhost:{}", service.port()).into();
    config["user_agent"] = "erp-sync/1.4".into();
    let client = |config: &Value| {
        serde_json::from_value::<ManagedIdentityConfig>(config.clone()).unwrap().http_client().unwrap()
    };
    let answer = client(&config).get("/agent").send().await.unwrap().text().await.unwrap();
    assert_eq!(answer, "erp-sync/1.4");
    config.as_object_mut().unwrap().remove("user_agent");
    let answer = client(&config).get("/agent").send().await.unwrap().text().await.unwrap();
    assert_eq!(answer, passport_core::USER_AGENT);
    config.as_object_mut().unwrap().remove("ca_file");
    client(&config).get("/agent").send().await.unwrap_err();
}

#[tokio::test]
async fn builders_trust_a_ca_file() {
    let private = PrivatePassport::start().await;
    let registered = private.passport.managed_identity("erp").create();
    let builder = || {
        let secret = SecretSource::from_value(registered.secret());
        ManagedIdentity::builder(registered.client_id(), secret).issuer(private.passport.issuer())
    };
    let verifier = || TokenVerifier::builder(private.passport.audience()).issuer(private.passport.issuer());
    let token = builder().ca_file(private.ca_file()).build().unwrap().token().await.unwrap();
    let caller = verifier().ca_file(private.ca_file()).build().unwrap().verify(token.expose()).await.unwrap();
    assert_eq!(caller.user_id(), registered.client_id());
    builder().build().unwrap().token().await.unwrap_err();
    verifier().build().unwrap().verify(token.expose()).await.unwrap_err();
}

#[tokio::test]
async fn public_issuer_has_internal_plain_http_endpoints() {
    let address = outer_address();
    let issuer = "https://passport.example.com";
    let passport = DevPassport::builder().address((address, 0).into()).issuer(issuer);
    let passport = passport.danger_any_address().start().await.unwrap();
    let registered = passport.managed_identity("erp").create();
    let internal = format!("http://{}", passport.address());
    let token =
        ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(registered.secret()))
            .issuer(issuer)
            .token_url(format!("{internal}/passport/token"))
            .danger_plain_http()
            .build()
            .unwrap();
    let token = token.token().await.unwrap();
    let verifier = TokenVerifier::builder(passport.audience())
        .issuer(issuer)
        .jwks_url(format!("{internal}/passport/.well-known/jwks.json"))
        .danger_plain_http()
        .build()
        .unwrap();
    assert_eq!(verifier.verify(token.expose()).await.unwrap().issuer(), issuer);
}

#[tokio::test]
async fn internal_issuer_over_plain_http_is_discovered() {
    let address = outer_address();
    let tcp = std::net::TcpListener::bind((address, 0)).unwrap();
    let address = tcp.local_addr().unwrap();
    drop(tcp);
    let issuer = format!("http://{address}");
    let passport = DevPassport::builder().address(address).issuer(&issuer).danger_any_address();
    let passport = passport.start().await.unwrap();
    let api = serve(Router::new().route("/", get(async || "called"))).await;
    let registered = passport.managed_identity("erp").create();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), registered.secret()).unwrap();
    let config: ManagedIdentityConfig = serde_json::from_value(json!({
        "client_id": registered.client_id(),
        "client_secret_ref": format!("file:{}", folder.path().join("secret").display()),
        "passport_base_url": issuer,
        "base_url": api,
        "danger_plain_http": true,
    }))
    .unwrap();
    let client = config.http_client().unwrap();
    assert_eq!(client.get("/").send().await.unwrap().text().await.unwrap(), "called");
    let verifier = TokenVerifier::builder(passport.audience()).issuer(&issuer).danger_plain_http();
    let verifier = verifier.build().unwrap();
    verifier.verify(&registered.token().build()).await.unwrap();
    assert!(passport.counters().discovery() >= 1, "the verifier has read the discovery document");
}
