//! An introspection endpoint that fails, hangs or lies: the status of each request, and the
//! recovery.

use std::time::Duration;

use http::StatusCode;
use passport_dev::{Endpoint, Fault};
use passport_inbound::{RequireLayer, Requirement};
use serde_json::{Value, json};
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::*;
use crate::harness::{grpc_server_behind, http};

const SECOND: Duration = Duration::from_secs(1);

/// Returns the fault of an answer about an active token, with another member.
fn active_with(name: &str, value: Value) -> Fault {
    let mut answer = json!({ "active": true });
    answer[name] = value;
    Fault::Body(answer.to_string())
}

/// Returns the faults after which it is unknown whether a token is active.
fn unknown_state() -> Vec<Fault> {
    vec![
        Fault::Down,
        Fault::Slow(SECOND * 60),
        Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Status(StatusCode::NOT_FOUND),
        Fault::Throttled("1".to_owned()),
        Fault::Redirect("/passport/token/introspect".to_owned()),
        Fault::Html,
        Fault::Truncated,
        Fault::Oversize(1_000_000),
        Fault::Body("not json".to_owned()),
        Fault::Body("[true]".to_owned()),
        Fault::Body("{}".to_owned()),
        Fault::Body(r#"{"active":"true"}"#.to_owned()),
        Fault::Body(r#"{"active":1}"#.to_owned()),
        Fault::Body(r#"{"active":false,"active":true}"#.to_owned()),
        active_with("sub", json!("mallory")),
        active_with("iss", json!("https://other.example")),
        active_with("aud", json!("other-api")),
        active_with("exp", json!(1)),
    ]
}

/// Returns settings with a short timeout, to introspect each request.
fn impatient(passport: &DevPassport) -> Introspection {
    introspection(passport, IntrospectionMode::Introspect).timeout(Duration::from_millis(200))
}

#[tokio::test]
async fn request_without_a_valid_answer_is_503() {
    let (passport, clock) = passport_on_a_clock().await;
    let token = passport.user_token("alice").build();
    for fault in unknown_state() {
        // Each fault meets a closed circuit.
        let url = introspecting_api(&passport, &clock, impatient(&passport)).await;
        assert_eq!(status_with(&url, Some(&token)).await, 200);
        passport.inject(Endpoint::Introspection, fault.clone());
        let response = http().get(&url).bearer_auth(&token).send().await.unwrap();
        assert_eq!(response.status(), 503, "{fault:?}");
        assert_eq!(response.headers()["retry-after"], "1", "{fault:?}");
        let body = response.text().await.unwrap();
        assert_eq!(body, r#"{"error":"temporarily_unavailable"}"#, "{fault:?}");
        passport.clear_fault(Endpoint::Introspection);
        // A token whose answer is not valid is not asked about for 5 s.
        clock.advance(SECOND * 5);
        assert_eq!(status_with(&url, Some(&token)).await, 200, "after {fault:?}");
    }
}

#[tokio::test]
async fn issuer_that_hangs_is_unavailable_on_grpc() {
    let (passport, clock) = passport_on_a_clock().await;
    let verifier = builder(&passport).introspection(impatient(&passport)).clock(clock).build().unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(grpc_server_behind(verifier).await).unwrap();
    passport.inject(Endpoint::Introspection, Fault::Slow(SECOND * 60));
    let mut request = Request::new(HealthCheckRequest::default());
    let bearer = format!("Bearer {}", passport.user_token("alice").build());
    request.metadata_mut().insert("authorization", bearer.parse().unwrap());
    let status = HealthClient::new(endpoint.connect_lazy()).check(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
}

#[tokio::test]
async fn slow_answer_within_the_timeout_is_used() {
    let (passport, clock) = passport_on_a_clock().await;
    let settings = introspection(&passport, IntrospectionMode::Introspect);
    let url = introspecting_api(&passport, &clock, settings).await;
    let token = passport.user_token("alice").build();
    passport.inject(Endpoint::Introspection, Fault::Slow(Duration::from_millis(300)));
    assert_eq!(status_with(&url, Some(&token)).await, 200);
    passport.revoke_token(&token);
    assert_eq!(status_with(&url, Some(&token)).await, 401);
}

#[tokio::test]
async fn open_circuit_recovers_within_one_backoff_step() {
    let (passport, clock) = passport_on_a_clock().await;
    let settings = introspection(&passport, IntrospectionMode::Introspect);
    let url = introspecting_api(&passport, &clock, settings).await;
    let token = passport.user_token("alice").build();
    let error = Fault::Status(StatusCode::INTERNAL_SERVER_ERROR);
    passport.inject(Endpoint::Introspection, error);
    for _ in 0..20 {
        assert_eq!(status_with(&url, Some(&token)).await, 503);
    }
    assert_eq!(passport.counters().introspection(), 5, "the circuit is open after five failures");
    passport.clear_fault(Endpoint::Introspection);
    assert_eq!(status_with(&url, Some(&token)).await, 503);
    // The first probe follows after 0.5 s.
    clock.advance(Duration::from_millis(500));
    assert_eq!(status_with(&url, Some(&token)).await, 200);
    assert_eq!(passport.counters().introspection(), 6);
}

#[tokio::test]
async fn rejected_client_causes_no_further_calls() {
    let (passport, clock) = passport_on_a_clock().await;
    let client = passport.managed_identity("orders-introspection").create();
    let secret = SecretSource::from_value("not the secret of the client");
    let settings = Introspection::new(client.client_id(), secret).mode(IntrospectionMode::Introspect);
    let url = introspecting_api(&passport, &clock, settings).await;
    let token = passport.user_token("alice").build();
    for _ in 0..5 {
        assert_eq!(status_with(&url, Some(&token)).await, 503);
    }
    assert_eq!(passport.counters().introspection(), 1);
}

#[tokio::test]
async fn outage_does_not_concern_a_token_that_was_just_confirmed() {
    let (passport, clock) = passport_on_a_clock().await;
    let mode = IntrospectionMode::local_then_introspect();
    let url = introspecting_api(&passport, &clock, introspection(&passport, mode)).await;
    let (known, new) = (passport.user_token("alice").build(), passport.user_token("bob").build());
    assert_eq!(status_with(&url, Some(&known)).await, 200);
    passport.inject(Endpoint::Introspection, Fault::Down);
    clock.advance(SECOND * 14);
    assert_eq!(status_with(&url, Some(&known)).await, 200);
    assert_eq!(status_with(&url, Some(&new)).await, 503);
    clock.advance(SECOND);
    assert_eq!(status_with(&url, Some(&known)).await, 503);
}

#[tokio::test]
async fn danger_option_continues_for_a_bounded_time() {
    let (passport, clock) = passport_on_a_clock().await;
    let mode = IntrospectionMode::LocalThenIntrospect { max_age: SECOND * 5 };
    let settings = introspection(&passport, mode).danger_continue_when_unreachable(SECOND * 60);
    let url = introspecting_api(&passport, &clock, settings).await;
    let (known, new) = (passport.user_token("alice").build(), passport.user_token("bob").build());
    assert_eq!(status_with(&url, Some(&known)).await, 200);
    passport.inject(Endpoint::Introspection, Fault::Down);
    clock.advance(SECOND * 59);
    assert_eq!(status_with(&url, Some(&known)).await, 200);
    // The issuer has never confirmed this token.
    assert_eq!(status_with(&url, Some(&new)).await, 503);
    clock.advance(SECOND);
    assert_eq!(status_with(&url, Some(&known)).await, 503);

    passport.clear_fault(Endpoint::Introspection);
    passport.revoke_token(&known);
    clock.advance(SECOND * 8);
    assert_eq!(status_with(&url, Some(&known)).await, 401);
}

#[tokio::test]
async fn danger_option_of_a_route_concerns_no_other_route() {
    let (passport, clock) = passport_on_a_clock().await;
    let settings = introspection(&passport, IntrospectionMode::Local);
    let verifier = builder(&passport).introspection(settings).clock(clock.clone()).build().unwrap();
    let recent = Requirement::introspected_within(SECOND * 5).unwrap();
    let continuing = recent.clone().danger_continue_when_unreachable(SECOND * 60).unwrap();
    let router = Router::new()
        .route("/reports", get(|| async {}).layer(RequireLayer::new(continuing)))
        .route("/payments", get(|| async {}).layer(RequireLayer::new(recent)))
        .layer(AuthenticateLayer::new(verifier));
    let (url, token) = (serve(router).await, passport.user_token("alice").build());
    let (reports, payments) = (format!("{url}/reports"), format!("{url}/payments"));
    let statuses =
        async || (status_with(&reports, Some(&token)).await, status_with(&payments, Some(&token)).await);
    assert_eq!(statuses().await, (200, 200));
    passport.inject(Endpoint::Introspection, Fault::Down);
    clock.advance(SECOND * 59);
    assert_eq!(statuses().await, (200, 503));
    clock.advance(SECOND);
    assert_eq!(statuses().await, (503, 503));
}
