use std::time::UNIX_EPOCH;

use base64::{Engine, prelude::BASE64_STANDARD};
use passport_core::Secret;

use super::*;
use crate::ClientAuthentication;

fn built_by(method: &ClientAuthentication, id: &str, secret: &str) -> Request<Bytes> {
    let token_url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
    let (client_id, secret) = (id.parse().unwrap(), Secret::new(secret));
    let proof = ClientProof { method, client_id: &client_id, secret: &secret, token_url: &token_url };
    build(&proof, &Scopes::default(), UNIX_EPOCH).unwrap()
}

fn built(secret: &str) -> Request<Bytes> {
    built_by(&ClientAuthentication::ClientSecretBasic, "mi-payroll-scheduler-clientid", secret)
}

fn basic_credentials(request: &Request<Bytes>) -> Vec<u8> {
    BASE64_STANDARD.decode(&request.headers()[AUTHORIZATION].as_bytes()["Basic ".len()..]).unwrap()
}

#[test]
fn request_is_exactly_the_documented_one() {
    let request = built("mics_sk_xxxxxxxxxxxxxxxxxxxxxxxx");
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri(), "https://passport.bizfirst.ai/passport/token");
    assert_eq!(request.headers()[CONTENT_TYPE], "application/x-www-form-urlencoded");
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
