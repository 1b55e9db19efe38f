//! Introspection at a dev Passport: when a revocation is seen, and how many calls it costs.

use std::time::Duration;

use axum::routing::post;
use futures_util::future::join_all;
use passport_dev::{Endpoint, Fault};
use passport_inbound::{RejectionReason, RequireLayer, Requirement};

use super::*;
use crate::harness::{assert_rejected_on_grpc, grpc_server_behind, http};

const SECOND: Duration = Duration::from_secs(1);

/// Returns the mode that accepts answers that are 5 s old at most.
fn within_5_s() -> IntrospectionMode {
    IntrospectionMode::LocalThenIntrospect { max_age: SECOND * 5 }
}

#[tokio::test]
async fn revocation_is_seen_within_the_maximum_age() {
    let (passport, clock) = passport_on_a_clock().await;
    let url = introspecting_api(&passport, &clock, introspection(&passport, within_5_s())).await;
    let token = passport.user_token("alice").build();
    assert_eq!(status_with(&url, Some(&token)).await, 200);

    passport.revoke_token(&token);
    clock.advance(SECOND * 4);
    assert_eq!(status_with(&url, Some(&token)).await, 200);
    assert_eq!(passport.counters().introspection(), 1);
    clock.advance(SECOND);
    assert_eq!(status_with(&url, Some(&token)).await, 401);
    // The answer "not active" is kept for 5 s.
    assert_eq!(status_with(&url, Some(&token)).await, 401);
    assert_eq!(passport.counters().introspection(), 2);
    assert_eq!(status_with(&url, Some(&passport.user_token("alice").build())).await, 200);
}

#[tokio::test]
async fn introspection_of_each_request_sees_a_revocation() {
    let (passport, clock) = passport_on_a_clock().await;
    let settings = introspection(&passport, IntrospectionMode::Introspect);
    let url = introspecting_api(&passport, &clock, settings).await;
    let token = passport.user_token("alice").build();
    for calls in 1..=3 {
        assert_eq!(status_with(&url, Some(&token)).await, 200);
        assert_eq!(passport.counters().introspection(), calls);
    }
    passport.revoke_token(&token);
    assert_eq!(status_with(&url, Some(&token)).await, 401);
}

#[tokio::test]
async fn local_verifier_accepts_a_revoked_token_until_it_expires() {
    let (passport, clock) = passport_on_a_clock().await;
    let settings = introspection(&passport, IntrospectionMode::Local);
    let url = introspecting_api(&passport, &clock, settings).await;
    let token = passport.user_token("alice").expires_in(SECOND * 3600).build();
    assert_eq!(status_with(&url, Some(&token)).await, 200);
    passport.revoke_token(&token);
    clock.advance(SECOND * 3659);
    assert_eq!(status_with(&url, Some(&token)).await, 200);
    clock.advance(SECOND);
    assert_eq!(status_with(&url, Some(&token)).await, 401);
    assert_eq!(passport.counters().introspection(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_introspection_for_1000_concurrent_requests() {
    for mode in [IntrospectionMode::local_then_introspect(), IntrospectionMode::opaque()] {
        let (passport, clock) = passport_on_a_clock().await;
        let url = introspecting_api(&passport, &clock, introspection(&passport, mode)).await;
        let (client, token) = (http(), passport.user_token("alice").build());
        passport.inject(Endpoint::Introspection, Fault::Slow(Duration::from_millis(200)));
        let requests = (0..1000).map(|_| client.get(&url).bearer_auth(&token).send());
        let responses = join_all(requests).await;
        assert!(responses.iter().all(|response| response.as_ref().unwrap().status() == 200));
        assert_eq!(passport.counters().introspection(), 1, "{mode:?}");
    }
}

#[tokio::test]
async fn only_routes_with_the_requirement_ask_the_issuer() {
    let (passport, clock) = passport_on_a_clock().await;
    let settings = introspection(&passport, IntrospectionMode::Local);
    let verifier = builder(&passport).introspection(settings).clock(clock.clone()).build().unwrap();
    let confirmed = RequireLayer::new(Requirement::introspected_within(SECOND * 5).unwrap());
    let router = Router::new()
        .route("/orders", get(|| async {}))
        .route("/pay", post(|| async {}).layer(confirmed))
        .layer(AuthenticateLayer::new(verifier));
    let (url, token) = (serve(router).await, passport.user_token("alice").build());
    let orders = async || status_with(&format!("{url}/orders"), Some(&token)).await;
    let pay = async || {
        let request = http().post(format!("{url}/pay")).bearer_auth(&token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((orders().await, passport.counters().introspection()), (200, 0));
    assert_eq!((pay().await, passport.counters().introspection()), (200, 1));
    passport.revoke_token(&token);
    clock.advance(SECOND * 5);
    assert_eq!((orders().await, pay().await, orders().await), (200, 401, 200));
}

#[tokio::test]
async fn layer_is_stricter_than_the_issuers_mode() {
    let (passport, clock) = passport_on_a_clock().await;
    let settings = introspection(&passport, within_5_s());
    let verifier = builder(&passport).introspection(settings).clock(clock).build().unwrap();
    let layer = AuthenticateLayer::new(verifier).introspect(IntrospectionMode::Introspect).unwrap();
    let url = serve(Router::new().route("/", get(|| async {})).layer(layer)).await;
    let token = passport.user_token("alice").build();
    assert_eq!(status_with(&url, Some(&token)).await, 200);
    passport.revoke_token(&token);
    assert_eq!(status_with(&url, Some(&token)).await, 401);
}

#[tokio::test]
async fn one_call_for_all_requirements_of_a_request() {
    let (passport, clock) = passport_on_a_clock().await;
    for is_signed in [false, true] {
        let settings = introspection(&passport, IntrospectionMode::Introspect);
        let settings = if is_signed { settings.require_signed() } else { settings };
        let verifier = builder(&passport).introspection(settings).clock(clock.clone()).build().unwrap();
        let layer = AuthenticateLayer::new(verifier).introspect(IntrospectionMode::Introspect).unwrap();
        let route = get(|| async {}).layer(RequireLayer::new(Requirement::introspected()));
        let url = serve(Router::new().route("/", route).layer(layer)).await;
        let (token, before) = (passport.user_token("alice").build(), passport.counters().introspection());
        for calls in 1..=3 {
            assert_eq!(status_with(&url, Some(&token)).await, 200);
            assert_eq!(passport.counters().introspection() - before, calls);
        }
        passport.revoke_token(&token);
        assert_eq!(status_with(&url, Some(&token)).await, 401);
    }
}

#[tokio::test]
async fn requirement_without_settings_is_a_server_error() {
    let (passport, clock) = passport_on_a_clock().await;
    let verifier = builder(&passport).clock(clock).build().unwrap();
    let layer = AuthenticateLayer::new(verifier).introspect(IntrospectionMode::Introspect).unwrap();
    let url = serve(Router::new().route("/", get(|| async {})).layer(layer)).await;
    assert_eq!(status_with(&url, Some(&passport.user_token("alice").build())).await, 500);
}

#[tokio::test]
async fn signed_answers_are_verified() {
    let (passport, clock) = passport_on_a_clock().await;
    let settings = introspection(&passport, IntrospectionMode::Introspect).require_signed();
    let url = introspecting_api(&passport, &clock, settings).await;
    let token = passport.user_token("alice").build();
    assert_eq!(status_with(&url, Some(&token)).await, 200);
    passport.revoke_token(&token);
    assert_eq!(status_with(&url, Some(&token)).await, 401);

    let other = passport.user_token("alice").build();
    assert_eq!(status_with(&url, Some(&other)).await, 200);
    let plain = r#"{"active":true}"#.to_owned();
    passport.inject(Endpoint::Introspection, Fault::Body(plain));
    assert_eq!(status_with(&url, Some(&other)).await, 503);
}

#[tokio::test]
async fn revoked_token_is_unauthenticated_on_grpc() {
    let (passport, clock) = passport_on_a_clock().await;
    let settings = introspection(&passport, IntrospectionMode::Introspect);
    let verifier = builder(&passport).introspection(settings).clock(clock).build().unwrap();
    let endpoint = grpc_server_behind(verifier).await;
    let channel = tonic::transport::Endpoint::from_shared(endpoint).unwrap().connect_lazy();
    let token = passport.user_token("alice").build();
    passport.revoke_token(&token);
    assert_rejected_on_grpc(channel, &token, RejectionReason::Revoked, "revoked").await;
}
