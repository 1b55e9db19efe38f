//! Signed answers, valid and invalid.

use std::time::Duration;

use http::header::ACCEPT;
use serde_json::{Value, json};
use tokio::time::advance;

use crate::{
    IntrospectionMode, TokenVerifier, VerifyError,
    test_support::{
        START, TokioClock,
        introspection::{Endpoint, Reply, settings},
        issuers::{PASSPORT, claims_of, external, passport, trusting},
        signing::{TestKey, test_key},
    },
};

const MEDIA_TYPE: &str = "application/token-introspection+jwt";

fn verifier(endpoint: &Endpoint) -> TokenVerifier {
    verifier_in(IntrospectionMode::Introspect, endpoint)
}

fn verifier_in(mode: IntrospectionMode, endpoint: &Endpoint) -> TokenVerifier {
    let asked = passport(0, "k").introspection(settings(mode).require_signed());
    let other = external("https://other.example", "other", 1, "o");
    let builder = trusting([asked, other]).transport(endpoint.transport());
    builder.clock(TokioClock::start()).build().unwrap()
}

fn claims() -> Value {
    json!({
        "iss": PASSPORT, "aud": "client", "iat": START,
        "token_introspection": {
            "active": true, "iss": PASSPORT, "sub": "u", "exp": claims_of(PASSPORT)["exp"],
        },
    })
}

fn signed(key: &TestKey, kid: &str, typ: &str, claims: &Value) -> Reply {
    let header = json!({ "alg": "RS256", "kid": kid, "typ": typ });
    Reply::Typed(MEDIA_TYPE, key.sign(&header.to_string(), &claims.to_string()))
}

fn with(member: &str, value: Value) -> Reply {
    let mut claims = claims();
    claims[member] = value;
    signed(test_key(0), "k", "token-introspection+jwt", &claims)
}

async fn outcome(verifier: &TokenVerifier) -> Result<(), VerifyError> {
    verifier.verify(&test_key(0).token("k", &claims_of(PASSPORT))).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn signed_answer_is_accepted() {
    let endpoint = Endpoint::new(with("x", json!(1)));
    outcome(&verifier(&endpoint)).await.unwrap();
    assert_eq!(endpoint.requests()[0].headers()[ACCEPT], MEDIA_TYPE);
}

#[tokio::test(start_paused = true)]
async fn signed_inactive_answer_rejects_the_token() {
    let endpoint = Endpoint::new(with("token_introspection", json!({ "active": false })));
    let error = outcome(&verifier(&endpoint)).await.unwrap_err();
    assert_eq!(error.reason(), Some(crate::RejectionReason::Revoked));
}

#[tokio::test(start_paused = true)]
async fn invalid_signed_answer_is_unavailable() {
    let plain = r#"{"active":true}"#;
    for reply in [
        // No fallback to plain answers.
        Reply::Body(plain.to_owned()),
        Reply::Typed(MEDIA_TYPE, plain.to_owned()),
        signed(test_key(1), "k", "token-introspection+jwt", &claims()),
        signed(test_key(0), "k", "JWT", &claims()),
        signed(test_key(0), "k", "at+jwt", &claims()),
        with("iss", json!("https://other.example")),
        with("aud", json!("another client")),
        with("aud", json!([])),
        with("iat", json!(START - 61)),
        with("iat", json!(START + 61)),
        with("iat", Value::Null),
        with("token_introspection", Value::Null),
        with("token_introspection", json!("{}")),
        with("token_introspection", json!({ "active": "true" })),
        with("token_introspection", json!({ "active": true, "sub": "mallory" })),
        // It can be about another token.
        with("token_introspection", json!({ "active": true, "sub": "u" })),
    ] {
        let endpoint = Endpoint::new(reply.clone());
        let error = outcome(&verifier(&endpoint)).await.unwrap_err();
        assert!(matches!(error, VerifyError::IntrospectionUnavailable { .. }), "{reply:?}: {error:?}");
        assert_eq!(endpoint.calls(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn answer_of_another_issuer_is_unavailable() {
    let mut claims = claims();
    claims["iss"] = json!("https://other.example");
    let endpoint = Endpoint::new(signed(test_key(1), "o", "token-introspection+jwt", &claims));
    let error = outcome(&verifier(&endpoint)).await.unwrap_err();
    assert!(matches!(error, VerifyError::IntrospectionUnavailable { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn replayed_answer_is_unavailable() {
    let endpoint = Endpoint::new(with("x", json!(1)));
    let verifier = verifier(&endpoint);
    outcome(&verifier).await.unwrap();
    advance(Duration::from_secs(61)).await;
    outcome(&verifier).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn age_of_a_signed_answer_counts_from_its_iat() {
    let endpoint = Endpoint::new(with("iat", json!(START - 14)));
    let verifier = verifier_in(IntrospectionMode::local_then_introspect(), &endpoint);
    for (elapsed, calls) in [(0, 1), (999, 1), (1, 2)] {
        advance(Duration::from_millis(elapsed)).await;
        outcome(&verifier).await.unwrap();
        assert_eq!(endpoint.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn iat_in_the_future_does_not_prolong_a_signed_answer() {
    let endpoint = Endpoint::new(with("iat", json!(START + 60)));
    let verifier = verifier_in(IntrospectionMode::local_then_introspect(), &endpoint);
    for (elapsed, calls) in [(0, 1), (14_999, 1), (1, 2)] {
        advance(Duration::from_millis(elapsed)).await;
        outcome(&verifier).await.unwrap();
        assert_eq!(endpoint.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn signed_answers_are_verified_after_a_reload() {
    let endpoint = Endpoint::new(with("x", json!(1)));
    let builder = || {
        let asked = passport(0, "k").introspection(settings(IntrospectionMode::Introspect).require_signed());
        trusting([asked]).transport(endpoint.transport()).clock(TokioClock::start())
    };
    let verifier = builder().build().unwrap();
    assert_eq!(verifier.replace(builder()).unwrap().changed().len(), 1);
    outcome(&verifier).await.unwrap();
}
