use http::StatusCode;

use super::*;
use crate::{
    DevIdentity, TestJwtBuilder,
    test_support::{basic, identity, is_active, post_form, state},
};

async fn revoke_as(state: &Arc<ServerState>, client: &DevIdentity, token: &str) -> StatusCode {
    let form = format!("token={token}&token_type_hint=access_token");
    post_form(state, "/passport/token/revoke", &basic(client), &form).await.0
}

#[tokio::test]
async fn revoked_token_is_inactive_and_others_stay_active() {
    let state = state();
    let payroll = identity(&state, "payroll");
    let (token, other) = (payroll.token().build(), payroll.token().build());
    assert_eq!(revoke_as(&state, &payroll, &token).await, 200);
    assert!(!is_active(&state, &token).await);
    assert!(is_active(&state, &other).await);
    assert_eq!(revoke_as(&state, &payroll, &token).await, 200, "a second request changes nothing");
}

#[tokio::test]
async fn unknown_token_is_200() {
    let state = state();
    let payroll = identity(&state, "payroll");
    for token in ["opaque", "a.b.c", ""] {
        assert_eq!(revoke_as(&state, &payroll, token).await, 200, "{token}");
    }
}

#[tokio::test]
async fn token_of_another_identity_stays_active() {
    let state = state();
    let token = identity(&state, "payroll").token().build();
    assert_eq!(revoke_as(&state, &identity(&state, "gateway"), &token).await, 200);
    assert!(is_active(&state, &token).await);
}

#[tokio::test]
async fn token_of_a_user_without_a_jti_is_revoked() {
    let state = state();
    let token = TestJwtBuilder::for_user(&state, "alice").without_claim("jti");
    let (token, other) = (token.build(), token.role("clerk").build());
    assert_eq!(revoke_as(&state, &identity(&state, "app"), &token).await, 200);
    assert!(!is_active(&state, &token).await);
    assert!(is_active(&state, &other).await);
}

#[tokio::test]
async fn invalid_requests_get_an_oauth_error() {
    let state = state();
    let payroll = identity(&state, "payroll");
    for (authorization, form, status, error) in [
        ("Basic bm9ib2R5Ong=", "token=x", 401, "invalid_client"),
        (&*basic(&payroll), "token_type_hint=access_token", 400, "invalid_request"),
        (&*basic(&payroll), "token=x&token=y", 400, "invalid_request"),
    ] {
        let (received, body) = post_form(&state, "/passport/token/revoke", authorization, form).await;
        assert_eq!(received, status, "{form}");
        assert!(body.contains(error), "{body}");
    }
}
