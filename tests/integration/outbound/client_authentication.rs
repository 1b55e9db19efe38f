//! Methods of client authentication, against a dev Passport that checks them.

use std::sync::{Arc, Mutex};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Request, Response};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use passport_dev::{ClientKeyKind, DevIdentity, DevPassport};
use passport_outbound::{
    ClientAuthentication, HttpClient, ManagedIdentity, ManagedIdentityBuilder, ManualClock, PrivateKeyJwt,
    ReqwestHttpClient, ResponseLimits, SecretSource, SigningAlgorithm, TokenErrorKind, Transport,
    TransportError,
};
use serde_json::{Value, json};

use super::builder;
use crate::harness::{START, http};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn signing(passport: &DevPassport, name: &str, kind: ClientKeyKind) -> DevIdentity {
    passport.managed_identity(name).signs_with(kind).create()
}

/// Returns a builder of an identity that signs with its registered key.
fn signed(
    passport: &DevPassport,
    registered: &DevIdentity,
    method: impl Into<ClientAuthentication>,
) -> ManagedIdentityBuilder {
    let key = SecretSource::from_value(registered.private_key().unwrap());
    ManagedIdentity::builder(registered.client_id(), key)
        .issuer(passport.issuer())
        .client_authentication(method.into())
}

/// Sends requests, and records their forms.
#[derive(Clone, Debug, Default)]
struct RecordingTransport {
    network: Arc<ReqwestHttpClient>,
    forms: Arc<Mutex<Vec<Bytes>>>,
}

impl HttpClient for RecordingTransport {
    async fn send(
        &self,
        request: Request<Bytes>,
        limits: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        if request.method() == http::Method::POST {
            self.forms.lock().unwrap().push(request.body().clone());
        }
        self.network.send(request, limits).await
    }
}

impl RecordingTransport {
    fn last_form(&self) -> Bytes {
        self.forms.lock().unwrap().last().unwrap().clone()
    }

    fn transport(&self) -> Transport {
        Transport::new(self.clone())
    }
}

async fn post(passport: &DevPassport, form: impl Into<reqwest::Body>) -> u16 {
    let request = http().post(format!("{}/passport/token", passport.issuer()));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn client_secret_is_accepted_by_each_of_three_methods() {
    let passport = DevPassport::start().await.unwrap();
    let odd = passport.managed_identity("odd").secret("a+b:c %&=\u{e9}").create();
    for method in [
        ClientAuthentication::ClientSecretBasic,
        ClientAuthentication::ClientSecretBasicRaw,
        ClientAuthentication::ClientSecretPost,
    ] {
        let identity = builder(&passport, &odd).client_authentication(method.clone()).build().unwrap();
        assert!(identity.token().await.is_ok(), "{method:?}");
        let wrong = ManagedIdentity::builder(odd.client_id(), SecretSource::from_value("another"));
        let wrong = wrong.issuer(passport.issuer()).client_authentication(method.clone()).build().unwrap();
        let error = wrong.token().await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::Rejected, "{method:?}");
    }
}

#[tokio::test]
async fn assertion_is_signed_with_each_of_three_algorithms() {
    let passport = DevPassport::start().await.unwrap();
    for (name, kind, algorithm) in [
        ("rs", ClientKeyKind::Rsa, SigningAlgorithm::Rs256),
        ("ps", ClientKeyKind::Rsa, SigningAlgorithm::Ps256),
        ("es", ClientKeyKind::P256, SigningAlgorithm::Es256),
    ] {
        let registered = signing(&passport, name, kind);
        let identity = signed(&passport, &registered, PrivateKeyJwt::new(algorithm)).build().unwrap();
        assert!(identity.token().await.is_ok(), "{algorithm:?}");
    }
}

#[tokio::test]
async fn secret_is_in_a_basic_header_by_default() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let recorder = RecordingTransport::default();
    let identity = builder(&passport, &registered).transport(recorder.transport()).build().unwrap();
    identity.token().await.unwrap();
    let form = recorder.last_form();
    assert!(!form_urlencoded::parse(&form).any(|(name, _)| name == "client_secret"));
    assert_eq!(passport.counters().discovery(), 0, "the method does not come from discovery");
}

#[tokio::test]
async fn replayed_assertion_is_rejected() {
    let passport = DevPassport::start().await.unwrap();
    let registered = signing(&passport, "payroll", ClientKeyKind::P256);
    let recorder = RecordingTransport::default();
    let method = PrivateKeyJwt::new(SigningAlgorithm::Es256);
    let identity = signed(&passport, &registered, method).transport(recorder.transport()).build().unwrap();
    identity.token().await.unwrap();
    assert_eq!(post(&passport, recorder.last_form()).await, 401);
    identity.invalidate();
    assert!(identity.token().await.is_ok(), "the next assertion has a new id");
}

#[tokio::test]
async fn assertion_for_another_audience_is_rejected() {
    let passport = DevPassport::start().await.unwrap();
    let registered = signing(&passport, "payroll", ClientKeyKind::P256);
    let method = PrivateKeyJwt::new(SigningAlgorithm::Es256);
    let for_another = method.clone().audience("https://elsewhere.example/token");
    let error = signed(&passport, &registered, for_another).build().unwrap().token().await.unwrap_err();
    assert_eq!((error.kind(), error.oauth_error()), (TokenErrorKind::Rejected, Some("invalid_client")));
    let for_the_issuer = method.audience(passport.issuer());
    assert!(signed(&passport, &registered, for_the_issuer).build().unwrap().token().await.is_ok());
}

#[tokio::test]
async fn expired_assertion_is_rejected() {
    let clock = ManualClock::at_unix_seconds(START);
    let passport = DevPassport::builder().clock(clock.clone()).start().await.unwrap();
    let registered = signing(&passport, "payroll", ClientKeyKind::P256);
    for (behind, is_good) in [(59, true), (61, false)] {
        let slow = ManualClock::at_unix_seconds(START - behind);
        let method = PrivateKeyJwt::new(SigningAlgorithm::Es256);
        let identity = signed(&passport, &registered, method).clock(slow).build().unwrap();
        assert_eq!(identity.token().await.is_ok(), is_good, "{behind} s behind");
    }
}

#[tokio::test]
async fn invalid_private_key_is_reported_and_not_shown() {
    let passport = DevPassport::start().await.unwrap();
    let registered = signing(&passport, "payroll", ClientKeyKind::P256);
    for (key, algorithm, told) in [
        ("mics_sk_hidden".to_owned(), SigningAlgorithm::Es256, "convert it with `openssl pkcs8"),
        (
            registered.private_key().unwrap().to_owned(),
            SigningAlgorithm::Rs256,
            "not an RSA key of at least 2048 bits",
        ),
    ] {
        let builder = ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(key.clone()));
        let builder = builder.client_authentication(PrivateKeyJwt::new(algorithm).into());
        let error = builder.issuer(passport.issuer()).build().unwrap().token().await.unwrap_err();
        assert_eq!(error.kind(), TokenErrorKind::SecretUnavailable);
        let chain = format!("{error} {}", std::error::Error::source(&error).unwrap());
        assert!(chain.contains(told), "{chain}");
        assert!(!format!("{chain} {error:?}").contains("hidden"), "{chain}");
    }
    assert_eq!(passport.counters().token(), 0);
}

/// Returns an assertion of another implementation, with `changes` to a valid one.
fn forged(passport: &DevPassport, signer: &DevIdentity, client_id: &str, changes: &Value) -> String {
    let now = u64::from(START);
    let mut claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": format!("{}/passport/token", passport.issuer()),
        "jti": format!("jti-{changes}"),
        "exp": now + 60,
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            Value::Number(offset) => {
                claims[name] = json!(now.saturating_add_signed(offset.as_i64().unwrap()));
            }
            value => claims[name] = value.clone(),
        }
    }
    let pem: String = signer.private_key().unwrap().lines().filter(|line| !line.starts_with('-')).collect();
    let key = EncodingKey::from_ec_der(&BASE64_STANDARD.decode(pem).unwrap());
    encode(&Header::new(Algorithm::ES256), &claims, &key).unwrap()
}

fn form(assertion: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_assertion_type", ASSERTION_TYPE)
        .append_pair("client_assertion", assertion)
        .finish()
}

#[tokio::test]
async fn dev_passport_accepts_only_valid_third_party_assertions() {
    let clock = ManualClock::at_unix_seconds(START);
    let passport = DevPassport::builder().clock(clock).start().await.unwrap();
    let registered = signing(&passport, "payroll", ClientKeyKind::P256);
    let other = signing(&passport, "erp", ClientKeyKind::P256);
    let own = |changes: Value| forged(&passport, &registered, registered.client_id(), &changes);
    for (assertion, status, what) in [
        (own(json!({})), 200, "as it should be"),
        (own(json!({})), 401, "the same id again"),
        (own(json!({ "aud": "https://elsewhere.example" })), 401, "for another"),
        (own(json!({ "aud": [passport.issuer(), "https://elsewhere.example"] })), 200, "for it and another"),
        (own(json!({ "aud": ["https://elsewhere.example"] })), 401, "for others"),
        (own(json!({ "exp": 0 })), 401, "expired"),
        (own(json!({ "exp": 3600 })), 401, "good for too long"),
        (own(json!({ "exp": null })), 401, "good for ever"),
        (own(json!({ "jti": null })), 401, "without an id"),
        (own(json!({ "iss": other.client_id() })), 401, "issued by another"),
        (own(json!({ "sub": other.client_id(), "iss": other.client_id() })), 401, "about another"),
        (forged(&passport, &other, registered.client_id(), &json!({})), 401, "signed by another"),
        (own(json!({ "jti": "n" })).replacen("eyJ", "eyK", 1), 401, "with another header"),
        ("eyJhbGciOiJub25lIn0.e30.".to_owned(), 401, "unsigned"),
        (String::new(), 401, "none"),
    ] {
        assert_eq!(post(&passport, form(&assertion)).await, status, "{what}");
    }
}
