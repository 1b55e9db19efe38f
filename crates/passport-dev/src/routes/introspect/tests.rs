use axum::{body::Body, http::Request};
use passport_test_support::tokens::claims_of;

use super::*;
use crate::test_support::{NOW, basic, header_of, identity, is_active, post_form, send_request, state};

async fn introspected(state: &Arc<ServerState>, token: &str) -> Value {
    let client = identity(state, "gateway");
    let form = format!("token={token}");
    let (status, body) = post_form(state, "/passport/token/introspect", &basic(&client), &form).await;
    assert_eq!(status, 200);
    serde_json::from_str(&body).unwrap()
}

/// Introspects `token` with an `Accept` header. Returns the content type and the body.
async fn accepting(state: &Arc<ServerState>, token: &str, accept: &str) -> (String, String) {
    let request = Request::post("/passport/token/introspect")
        .header("authorization", basic(&identity(state, "gateway")))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", accept)
        .body(Body::from(format!("token={token}")))
        .unwrap();
    let (status, head, body) = send_request(state, request).await;
    assert_eq!(status, 200);
    (head.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned(), body)
}

#[tokio::test]
async fn managed_identity_token_gets_the_documented_members() {
    let state = state();
    let payroll = identity(&state, "payroll");
    payroll.set_roles(["clerk"]);
    let expected = json!({
        "active": true,
        "sub": "mi-payroll-clientid",
        "client_id": "mi-payroll-clientid",
        "scope": "openid roles",
        "iss": "http://passport.test",
        "iat": NOW,
        "exp": NOW + 3600,
        "roles": ["clerk"],
        "tenant_id": "tenant-1",
    });
    assert_eq!(introspected(&state, &payroll.token().build()).await, expected);
}

#[tokio::test]
async fn scope_claim_is_returned() {
    let state = state();
    let token = identity(&state, "payroll").token().claim("scope", "openid tenant").build();
    assert_eq!(introspected(&state, &token).await["scope"], "openid tenant");
}

#[tokio::test]
async fn inactive_token_gets_no_other_member() {
    let state = state();
    let payroll = identity(&state, "payroll");
    let token = payroll.token().build();
    payroll.disable();
    for token in [&*token, "opaque", ""] {
        assert_eq!(introspected(&state, token).await, json!({ "active": false }), "{token}");
    }
}

#[tokio::test]
async fn tokens_of_a_revoked_secret_are_inactive() {
    let state = state();
    let payroll = identity(&state, "payroll");
    let second = payroll.generate_secret();
    let authorization = |secret: &str| format!("client_id={}&client_secret={secret}", payroll.client_id());
    let mut tokens = Vec::new();
    for secret in [payroll.secret(), second.value()] {
        let form = format!("grant_type=client_credentials&{}", authorization(secret));
        let (_, body) = unauthenticated(&state, "/passport/token", form).await;
        let reply: Value = serde_json::from_str(&body).unwrap();
        tokens.push(reply["access_token"].as_str().unwrap().to_owned());
    }
    payroll.revoke_secret(payroll.secret_id());
    assert_eq!((is_active(&state, &tokens[0]).await, is_active(&state, &tokens[1]).await), (false, true));
}

/// Sends a form without an `Authorization` header.
async fn unauthenticated(state: &Arc<ServerState>, path: &str, form: String) -> (http::StatusCode, String) {
    let request = Request::post(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap();
    let (status, _, body) = send_request(state, request).await;
    (status, body)
}

#[tokio::test]
async fn client_must_authenticate() {
    let state = state();
    let (status, body) = unauthenticated(&state, "/passport/token/introspect", "token=x".to_owned()).await;
    assert_eq!(status, 401);
    assert!(body.contains("invalid_client"), "{body}");
}

#[tokio::test]
async fn signed_response_contains_the_plain_response() {
    let state = state();
    let token = identity(&state, "payroll").token().build();
    let (content_type, jwt) = accepting(&state, &token, SIGNED).await;
    assert_eq!(content_type, "application/token-introspection+jwt");
    assert_eq!(header_of(&jwt)["typ"], "token-introspection+jwt");
    let expected = json!({
        "iss": "http://passport.test",
        "aud": "mi-gateway-clientid",
        "iat": NOW,
        "token_introspection": introspected(&state, &token).await,
    });
    assert_eq!(claims_of(&jwt), expected);
    assert!(crate::jwt::own_claims(&state, &jwt).is_some(), "the signature is valid");
}

#[tokio::test]
async fn signed_response_about_an_inactive_token_says_only_that() {
    let state = state();
    let (_, jwt) =
        accepting(&state, "opaque", "application/json, Application/Token-Introspection+JWT;q=1").await;
    assert_eq!(claims_of(&jwt)["token_introspection"], json!({ "active": false }));
}

#[tokio::test]
async fn signed_response_is_not_an_active_token() {
    let state = state();
    let token = identity(&state, "payroll").token().build();
    let (_, jwt) = accepting(&state, &token, SIGNED).await;
    assert!(!is_active(&state, &jwt).await);
}

#[tokio::test]
async fn other_media_types_get_a_plain_response() {
    let state = state();
    for accept in ["application/json", "*/*", "application/jwt"] {
        assert_eq!(accepting(&state, "opaque", accept).await.0, "application/json", "{accept}");
    }
}
