//! The dev Passport implements the documented protocol, as clients see it.

use std::time::Duration;

use http::StatusCode;
use passport_dev::{DevIdentity, DevPassport, Endpoint, Fault};
use reqwest::Response;
use serde_json::{Value, json};

use crate::harness::{http, verifier};

async fn post(
    passport: &DevPassport,
    path: &str,
    basic: Option<(&str, &str)>,
    body: &'static str,
) -> Response {
    let request = http()
        .post(format!("{}{path}", passport.issuer()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    let request =
        basic.into_iter().fold(request, |request, (id, secret)| request.basic_auth(id, Some(secret)));
    request.send().await.unwrap()
}

async fn token(
    passport: &DevPassport,
    identity: &DevIdentity,
    secret: &str,
) -> Result<String, (u16, String)> {
    let body = "grant_type=client_credentials&scope=openid%20roles";
    let response = post(passport, "/passport/token", Some((identity.client_id(), secret)), body).await;
    let status = response.status().as_u16();
    let reply: Value = response.json().await.unwrap();
    match reply["access_token"].as_str() {
        Some(token) => Ok(token.to_owned()),
        None => Err((status, reply["error"].as_str().unwrap().to_owned())),
    }
}

async fn is_active(passport: &DevPassport, asks: &DevIdentity, token: &str) -> bool {
    let response = http()
        .post(format!("{}/passport/token/introspect", passport.issuer()))
        .basic_auth(asks.client_id(), Some(asks.secret()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("token={token}"))
        .send()
        .await
        .unwrap();
    response.json::<Value>().await.unwrap()["active"].as_bool().unwrap()
}

async fn get(passport: &DevPassport, path: &str) -> Value {
    http().get(format!("{}{path}", passport.issuer())).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn token_response_is_as_documented() {
    let passport = DevPassport::start().await.unwrap();
    let identity = passport.managed_identity("payroll").create();
    let basic = Some((identity.client_id(), identity.secret()));
    for body in [
        "grant_type=client_credentials&scope=openid%20roles",
        "grant_type=client_credentials&scope=openid+roles",
        "grant_type=client_credentials",
    ] {
        let response = post(&passport, "/passport/token", basic, body).await;
        assert_eq!(response.status(), 200, "{body}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let reply: Value = response.json().await.unwrap();
        assert_eq!((&reply["token_type"], &reply["expires_in"]), (&json!("Bearer"), &json!(3600)));
        assert_eq!(reply.as_object().unwrap().len(), 3, "no refresh token, no scope: {reply}");
    }
}

#[tokio::test]
async fn client_secret_is_accepted_in_the_form() {
    let passport = DevPassport::start().await.unwrap();
    let identity = passport.managed_identity("payroll").create();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", identity.client_id()),
        ("client_secret", identity.secret()),
    ];
    let body: String = form.iter().map(|(name, value)| format!("{name}={value}&")).collect();
    let request = http().post(format!("{}/passport/token", passport.issuer()));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn invalid_requests_get_rfc_6749_errors() {
    let passport = DevPassport::start().await.unwrap();
    let identity = passport.managed_identity("payroll").create();
    let good = Some((identity.client_id(), identity.secret()));
    for (basic, body, status, error) in [
        (Some((identity.client_id(), "wrong")), "grant_type=client_credentials", 401, "invalid_client"),
        (Some(("nobody", "x")), "grant_type=client_credentials", 401, "invalid_client"),
        (None, "grant_type=client_credentials", 401, "invalid_client"),
        (good, "scope=openid", 400, "invalid_request"),
        (good, "grant_type=password", 400, "unsupported_grant_type"),
        (good, "grant_type=client_credentials&scope=launch_missiles", 400, "invalid_scope"),
        (good, "grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),
        (good, "grant_type=client_credentials&client_id=a&client_secret=b", 400, "invalid_request"),
    ] {
        let response = post(&passport, "/passport/token", basic, body).await;
        assert_eq!(response.status(), status, "{body}");
        let challenged = response.headers().contains_key("www-authenticate");
        assert_eq!(challenged, status == 401, "{body}");
        assert_eq!(response.json::<Value>().await.unwrap()["error"], error, "{body}");
    }
}

#[tokio::test]
async fn discovery_and_keys_are_served_at_both_paths() {
    let passport = DevPassport::start().await.unwrap();
    let documented = get(&passport, "/passport/.well-known/openid-configuration").await;
    assert_eq!(documented, get(&passport, "/.well-known/openid-configuration").await);
    assert_eq!(documented["issuer"], passport.issuer());
    let keys = get(&passport, "/passport/.well-known/jwks.json").await;
    assert_eq!(keys, get(&passport, "/.well-known/jwks.json").await);
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["use"], &key["alg"]), (&json!("RSA"), &json!("sig"), &json!("RS256")));
}

#[tokio::test]
async fn each_start_generates_new_key_ids() {
    let header =
        |passport: &DevPassport| passport.user_token("u").build().split('.').next().unwrap().to_owned();
    let (first, second) = (DevPassport::start().await.unwrap(), DevPassport::start().await.unwrap());
    assert_ne!(header(&first), header(&second));
}

#[tokio::test]
async fn tokens_are_accepted_after_a_restart() {
    let first = DevPassport::start().await.unwrap();
    let verifier = verifier(&first);
    verifier.verify(&first.user_token("u").build()).await.unwrap();
    let address = first.address();
    first.shutdown().await;
    let second = DevPassport::builder().address(address).start().await.unwrap();
    verifier.verify(&second.user_token("u").build()).await.unwrap();
}

#[tokio::test]
async fn keys_are_added_rotated_and_retired() {
    let passport = DevPassport::start().await.unwrap();
    let kids = || async {
        let keys = get(&passport, "/passport/.well-known/jwks.json").await;
        keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let first = passport.user_token("u").build();
    passport.publish_next_key().await;
    let published = kids().await;
    let prefix = published[0].strip_suffix("-1").unwrap();
    assert_eq!(published[1], format!("{prefix}-2"));
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_eq!(
        header(&first),
        header(&passport.user_token("u").build()),
        "a published key does not sign yet"
    );
    passport.rotate_keys().await;
    assert_ne!(header(&first), header(&passport.user_token("u").build()));
    passport.retire_old_keys();
    assert_eq!(kids().await, [format!("{prefix}-3")]);
}

#[tokio::test]
async fn active_secrets_work_and_revoked_ones_do_not() {
    let passport = DevPassport::start().await.unwrap();
    let identity = passport.managed_identity("payroll").create();
    let second = identity.generate_secret();
    let old_token = token(&passport, &identity, identity.secret()).await.unwrap();
    let new_token = token(&passport, &identity, second.value()).await.unwrap();
    let asks = passport.managed_identity("gateway").create();
    assert!(is_active(&passport, &asks, &old_token).await);

    identity.revoke_secret(identity.secret_id());
    let refused = token(&passport, &identity, identity.secret()).await.unwrap_err();
    assert_eq!(refused, (401, "invalid_client".to_owned()));
    assert!(!is_active(&passport, &asks, &old_token).await, "tokens of the revoked secret are revoked");
    assert!(is_active(&passport, &asks, &new_token).await, "tokens of the other secret stay active");
}

#[tokio::test]
async fn disabled_identity_gets_no_tokens_and_loses_its_old_ones() {
    let passport = DevPassport::start().await.unwrap();
    let identity = passport.managed_identity("payroll").create();
    let asks = passport.managed_identity("gateway").create();
    let issued = token(&passport, &identity, identity.secret()).await.unwrap();
    identity.disable();
    assert!(token(&passport, &identity, identity.secret()).await.is_err());
    assert!(!is_active(&passport, &asks, &issued).await);
    identity.enable();
    assert!(token(&passport, &identity, identity.secret()).await.is_ok());
}

#[tokio::test]
async fn introspection_requires_a_client_and_an_issued_token() {
    let passport = DevPassport::start().await.unwrap();
    let stranger = DevPassport::start().await.unwrap();
    let asks = passport.managed_identity("gateway").create();
    let anonymous = post(&passport, "/passport/token/introspect", None, "token=x").await;
    assert_eq!(anonymous.status(), 401);
    assert!(!is_active(&passport, &asks, &stranger.user_token("u").build()).await);
    let expired = passport.user_token("u").expired_for(Duration::from_secs(1)).build();
    assert!(!is_active(&passport, &asks, &expired).await);
    assert!(is_active(&passport, &asks, &passport.user_token("u").build()).await);
}

#[tokio::test]
async fn changed_role_is_in_the_next_token() {
    let passport = DevPassport::start().await.unwrap();
    let identity = passport.managed_identity("payroll").role("a").create();
    identity.set_roles(["b", "c"]);
    let token = token(&passport, &identity, identity.secret()).await.unwrap();
    let caller = verifier(&passport).verify(&token).await.unwrap();
    assert_eq!(caller.roles(), ["b", "c"]);
}

#[tokio::test]
async fn each_fault_acts_as_documented_and_can_be_cleared() {
    let passport = DevPassport::start().await.unwrap();
    let url = format!("{}/passport/.well-known/jwks.json", passport.issuer());
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let client = client.tls_certs_only([]).build().unwrap();
    let asked = || async { client.get(&url).send().await };

    passport.inject(Endpoint::Jwks, Fault::Down);
    assert!(asked().await.is_err());
    passport.inject(Endpoint::Jwks, Fault::Status(StatusCode::BAD_GATEWAY));
    assert_eq!(asked().await.unwrap().status(), 502);
    passport.inject(Endpoint::Jwks, Fault::Html);
    assert!(asked().await.unwrap().text().await.unwrap().starts_with("<html>"));
    passport.inject(Endpoint::Jwks, Fault::Truncated);
    let cut_off = match asked().await {
        Ok(response) => response.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(cut_off);
    passport.inject(Endpoint::Jwks, Fault::Oversize(1_000_000));
    assert_eq!(asked().await.unwrap().bytes().await.unwrap().len(), 1_000_000);
    passport.inject(Endpoint::Jwks, Fault::Redirect("http://127.0.0.1:9/".to_owned()));
    assert_eq!(asked().await.unwrap().headers()["location"], "http://127.0.0.1:9/");
    passport.clear_fault(Endpoint::Jwks);
    assert!(asked().await.unwrap().json::<Value>().await.is_ok());
    assert_eq!(passport.counters().jwks(), 7);
}

#[tokio::test]
async fn server_is_reachable_from_this_machine_only() {
    let error = DevPassport::builder().address(([0, 0, 0, 0], 0).into()).start().await.unwrap_err();
    assert!(error.to_string().contains("loopback"), "{error}");
}
