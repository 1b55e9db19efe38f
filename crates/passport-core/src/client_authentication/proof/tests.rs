use std::time::UNIX_EPOCH;

use super::*;
use crate::{PrivateKeyJwt, SigningAlgorithm, TransportErrorKind};

const URL: &str = "https://passport.bizfirst.ai/passport/token";

fn sent_to(
    url: &str,
    method: &ClientAuthentication,
    id: &str,
    secret: &str,
) -> Result<Request<Bytes>, ClientAuthenticationError> {
    let (url, client_id, secret) = (url.parse().unwrap(), id.parse().unwrap(), Secret::new(secret));
    let proof = ClientProof { method, client_id: &client_id, secret: &secret, audience: URL };
    let mut form = Form::of("grant_type", "client_credentials");
    form.push("scope", "openid roles");
    proof.request(&url, form, UNIX_EPOCH)
}

fn built_by(method: &ClientAuthentication, id: &str, secret: &str) -> Request<Bytes> {
    sent_to(URL, method, id, secret).unwrap()
}

fn built(secret: &str) -> Request<Bytes> {
    built_by(&ClientAuthentication::ClientSecretBasic, "mi-payroll-scheduler-clientid", secret)
}

fn basic_credentials(request: &Request<Bytes>) -> Vec<u8> {
    BASE64_STANDARD.decode(&request.headers()[AUTHORIZATION].as_bytes()["Basic ".len()..]).unwrap()
}

#[test]
fn request_is_a_form_post_that_accepts_json() {
    let request = built("mics_sk_hidden");
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), URL);
    assert_eq!(request.headers()[CONTENT_TYPE], "application/x-www-form-urlencoded");
    assert_eq!(request.headers()[ACCEPT], "application/json");
}

#[test]
fn client_secret_basic_sends_the_secret_only_in_the_header() {
    let request = built("mics_sk_xxxxxxxxxxxxxxxxxxxxxxxx");
    assert_eq!(
        request.headers()[AUTHORIZATION],
        "Basic bWktcGF5cm9sbC1zY2hlZHVsZXItY2xpZW50aWQ6bWljc19za194eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="
    );
    assert_eq!(request.body(), "grant_type=client_credentials&scope=openid%20roles");
}

#[test]
fn client_secret_basic_form_encodes_the_secret() {
    assert_eq!(basic_credentials(&built("a+b:c %")), b"mi-payroll-scheduler-clientid:a%2Bb%3Ac+%25");
}

#[test]
fn client_secret_basic_raw_does_not_encode_the_secret() {
    let request = built_by(&ClientAuthentication::ClientSecretBasicRaw, "mi-1", "a+b:c %\u{e9}");
    assert_eq!(basic_credentials(&request), "mi-1:a+b:c %\u{e9}".as_bytes());
}

#[test]
fn client_secret_post_sends_the_secret_only_in_the_body() {
    let request = built_by(&ClientAuthentication::ClientSecretPost, "mi-1", "a+b:c %&=");
    assert!(!request.headers().contains_key(AUTHORIZATION));
    assert_eq!(
        request.body(),
        "grant_type=client_credentials&scope=openid%20roles&client_id=mi-1&client_secret=a%2Bb%3Ac%20%25%26%3D"
    );
}

#[test]
fn authorization_header_is_marked_sensitive() {
    let request = built("mics_sk_hidden");
    assert!(request.headers()[AUTHORIZATION].is_sensitive());
    assert!(!format!("{request:?}").contains("bWk"));
}

#[test]
fn secret_that_is_no_private_key_is_reported_and_not_shown() {
    let method = ClientAuthentication::from(PrivateKeyJwt::new(SigningAlgorithm::Es256));
    let error = sent_to(URL, &method, "mi-1", "mics_sk_hidden").unwrap_err();
    assert!(matches!(error, ClientAuthenticationError::PrivateKey(_)), "{error}");
    assert!(error.to_string().starts_with("invalid private key: "), "{error}");
    assert!(!format!("{error} {error:?}").contains("hidden"), "{error:?}");
}

#[test]
fn url_that_is_too_long_for_http_is_reported() {
    let url = format!("{URL}/{}", "a".repeat(70_000));
    let error = sent_to(&url, &ClientAuthentication::ClientSecretBasic, "mi-1", "x").unwrap_err();
    let ClientAuthenticationError::Url(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), TransportErrorKind::Setup);
}
