//! Tests of pushed logout tokens.

use super::*;

#[tokio::test]
async fn logout_token_denies_the_next_request() {
    let setup = setup();
    let response = setup.send(push_logout(&signed("logout+jwt", &logout()))).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    assert!(setup.is_revoked(&claims_of(PASSPORT)));
}

#[tokio::test]
async fn logout_of_a_session_spares_other_sessions() {
    let setup = setup();
    assert_eq!(setup.push_logout(&logout_with("sid", json!("s1"))).await, 200);
    assert!(setup.is_revoked(&claims_with(PASSPORT, "sid", json!("s1"))));
    assert!(!setup.is_revoked(&claims_with(PASSPORT, "sid", json!("s2"))));
    assert!(setup.is_revoked(&claims_of(PASSPORT)), "a token without a session");
}

#[tokio::test]
async fn invalid_logout_tokens_get_400() {
    let setup = setup();
    for (typ, claims) in [
        ("JWT", logout()),
        ("at+jwt", logout()),
        ("secevent+jwt", logout()),
        ("logout+jwt", logout_with("nonce", json!("n"))),
        ("logout+jwt", logout_with("events", json!({}))),
        ("logout+jwt", logout_with("aud", json!("other"))),
        ("logout+jwt", logout_with("exp", json!(START - 60))),
        ("logout+jwt", claims_of(PASSPORT)),
    ] {
        let response = setup.send(push_logout(&signed(typ, &claims))).await;
        assert_eq!(response.status(), 400, "{typ} {claims}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert!(body["error"].is_string() && body["error_description"].is_string(), "{body}");
    }
    assert!(setup.list.is_empty());
}

#[tokio::test]
async fn untyped_logout_token_needs_the_named_option() {
    let mut setup = setup();
    let untyped = test_key(0).token("p", &logout());
    assert_eq!(setup.status(push_logout(&untyped)).await.0, 400);
    setup.receiver = setup.receiver.danger_untyped_logout_tokens();
    let access_token = test_key(0).token("p", &claims_with(PASSPORT, "jti", json!("1")));
    assert_eq!(setup.status(push_logout(&access_token)).await.0, 400, "the claims decide");
    let at_jwt = signed("at+jwt", &logout());
    assert_eq!(setup.status(push_logout(&at_jwt)).await.0, 400);
    assert_eq!(setup.status(push_logout(&untyped)).await.0, 200);
    assert!(setup.is_revoked(&claims_of(PASSPORT)));
}

#[tokio::test]
async fn event_and_logout_token_can_have_the_same_id() {
    let setup = setup();
    let mut other = event_with("jti", json!("1"));
    other["sub_id"]["sub"] = json!("v");
    assert_eq!(setup.push(&other).await, 202);
    assert_eq!(setup.push_logout(&logout_with("jti", json!("1"))).await, 200);
    assert!(setup.is_revoked(&claims_of(PASSPORT)), "the logout has an effect");
    assert_eq!(setup.list.len(), 2);
}
