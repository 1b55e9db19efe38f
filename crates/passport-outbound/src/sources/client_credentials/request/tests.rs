use std::time::UNIX_EPOCH;

use http::{
    Method,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use passport_core::Secret;

use super::*;
use crate::{ClientAuthentication, PrivateKeyJwt, SigningAlgorithm};

const TOKEN_URL: &str = "https://passport.bizfirst.ai/passport/token";

fn built_by(
    method: &ClientAuthentication,
    token_url: &str,
    secret: &str,
) -> Result<Request<Bytes>, FetchFailure> {
    let (token_url, client_id) =
        (token_url.parse().unwrap(), "mi-payroll-scheduler-clientid".parse().unwrap());
    let secret = Secret::new(secret);
    let proof = ClientProof { method, client_id: &client_id, secret: &secret, audience: TOKEN_URL };
    build(&proof, &token_url, &Scopes::default(), UNIX_EPOCH)
}

#[test]
fn request_is_exactly_the_documented_one() {
    let secret = "mics_sk_xxxxxxxxxxxxxxxxxxxxxxxx";
    let request = built_by(&ClientAuthentication::ClientSecretBasic, TOKEN_URL, secret).unwrap();
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
fn secret_that_is_no_private_key_is_unavailable() {
    let method = PrivateKeyJwt::new(SigningAlgorithm::Es256).into();
    let failure = built_by(&method, TOKEN_URL, "mics_sk_hidden").unwrap_err();
    assert_eq!(failure.kind, TokenErrorKind::SecretUnavailable);
    let cause = failure.source.unwrap().to_string();
    assert!(cause.starts_with("invalid private key: expected PEM"), "{cause}");
}

#[test]
fn token_url_that_is_too_long_for_http_is_misconfigured() {
    let token_url = format!("{TOKEN_URL}/{}", "a".repeat(70_000));
    let failure = built_by(&ClientAuthentication::ClientSecretBasic, &token_url, "x").unwrap_err();
    assert_eq!((failure.kind, failure.is_permanent), (TokenErrorKind::Misconfigured, true));
    assert!(failure.source.unwrap().is::<passport_core::TransportError>());
}
