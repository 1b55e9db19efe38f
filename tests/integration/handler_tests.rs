//! Tests of handlers as users write them, without an issuer and without a socket.

use axum::{Router, body::Body, routing::post};
use http::Request;
use passport_dev::TestIdentity;
use passport_inbound::{AuthenticateLayer, IdInfo, Requirement, TokenVerifier};
use tower::ServiceExt;

/// The router of production, with another verifier.
fn app(verifier: TokenVerifier) -> Router {
    Router::new()
        .route("/run", post(|caller: IdInfo| async move { caller.user_id().to_owned() }))
        .layer(AuthenticateLayer::new(verifier).require(Requirement::role("payroll.run")))
}

async fn status(identity: Option<TestIdentity>) -> u16 {
    let verifier =
        TokenVerifier::builder(TestIdentity::AUDIENCE).static_jwks(TestIdentity::jwks()).build().unwrap();
    let request = Request::post("/run").body(Body::empty()).unwrap();
    let request = identity.into_iter().fold(request, |request, identity| identity.attach_token(request));
    app(verifier).oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn handler_sees_the_test_identity() {
    assert_eq!(status(None).await, 401);
    assert_eq!(status(Some(TestIdentity::service("payroll").role("payroll.run"))).await, 200);
    assert_eq!(status(Some(TestIdentity::user("ada").role("payroll.run"))).await, 200);
    assert_eq!(status(Some(TestIdentity::user("ada").role("clerk"))).await, 403);
    assert_eq!(status(Some(TestIdentity::user("ada").role("payroll.run").expired())).await, 401);
}

#[tokio::test]
async fn verifier_without_the_test_keys_rejects_a_test_identity() {
    let passport = passport_dev::DevPassport::start().await.unwrap();
    let verifier =
        TokenVerifier::builder(TestIdentity::AUDIENCE).static_jwks(passport.jwks()).build().unwrap();
    let request = TestIdentity::service("payroll")
        .role("payroll.run")
        .attach_token(Request::post("/run").body(Body::empty()).unwrap());
    assert_eq!(app(verifier).oneshot(request).await.unwrap().status(), 401);
}
