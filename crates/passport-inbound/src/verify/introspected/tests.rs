//! Verification with introspection: modes, opaque tokens, and errors.

use std::time::Duration;

use http::StatusCode;
use passport_core::{Clock, ManualClock};
use passport_test_support::metrics::measured;
use serde_json::{Value, json};
use tokio::time::advance;

use super::*;
use crate::{
    IntrospectionMode, ReadyPolicy, TenantRule, TokenVerifierBuilder, TrustedIssuer,
    test_support::{
        START, TokioClock,
        introspection::{Endpoint, Reply, settings},
        issuers::{ALPHA, PASSPORT, claims_of, external, passport, trusting},
        signing::test_key,
    },
};

fn builder(endpoint: &Endpoint, issuer: TrustedIssuer) -> TokenVerifierBuilder {
    trusting([issuer]).transport(endpoint.transport()).clock(TokioClock::start())
}

fn verifier(endpoint: &Endpoint, mode: IntrospectionMode) -> TokenVerifier {
    builder(endpoint, passport(0, "k").introspection(settings(mode))).build().unwrap()
}

fn token() -> String {
    test_key(0).token("k", &claims_of(PASSPORT))
}

fn active() -> Reply {
    Reply::active(&json!({ "iss": PASSPORT, "sub": "u", "exp": START + 3600 }))
}

/// Returns the reason for which a token is rejected.
async fn reason(verifier: &TokenVerifier, token: &str) -> Option<RejectionReason> {
    verifier.verify(token).await.unwrap_err().reason()
}

#[tokio::test(start_paused = true)]
async fn local_mode_sends_no_request() {
    let endpoint = Endpoint::new(Reply::inactive());
    verifier(&endpoint, IntrospectionMode::Local).verify(&token()).await.unwrap();
    assert_eq!(endpoint.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn revoked_token_is_rejected_within_the_maximum_age() {
    let endpoint = Endpoint::new(active());
    let (verifier, token) = (verifier(&endpoint, IntrospectionMode::local_then_introspect()), token());
    verifier.verify(&token).await.unwrap();
    endpoint.reply(Reply::inactive());
    advance(Duration::from_millis(14_999)).await;
    assert!(verifier.try_verify(&token).unwrap().is_ok());
    advance(Duration::from_millis(1)).await;
    assert!(verifier.try_verify(&token).is_none());
    assert_eq!(reason(&verifier, &token).await, Some(RejectionReason::Revoked));
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn introspect_mode_asks_for_each_request() {
    let endpoint = Endpoint::new(active());
    let (verifier, token) = (verifier(&endpoint, IntrospectionMode::Introspect), token());
    verifier.verify(&token).await.unwrap();
    verifier.verify(&token).await.unwrap();
    endpoint.reply(Reply::inactive());
    assert_eq!(reason(&verifier, &token).await, Some(RejectionReason::Revoked));
    assert_eq!(endpoint.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn invalid_token_is_not_introspected() {
    let endpoint = Endpoint::new(active());
    let verifier = verifier(&endpoint, IntrospectionMode::Introspect);
    let forged = test_key(1).token("k", &claims_of(PASSPORT));
    assert_eq!(reason(&verifier, &forged).await, Some(RejectionReason::SignatureInvalid));
    assert_eq!(endpoint.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_counted_by_the_answer() {
    let endpoint = Endpoint::new(active());
    let (verifier, token) = (verifier(&endpoint, IntrospectionMode::Introspect), token());
    let metrics = measured(async {
        verifier.verify(&token).await.unwrap();
        endpoint.reply(Reply::Status(StatusCode::BAD_GATEWAY));
        verifier.verify(&token).await.unwrap_err();
        endpoint.reply(Reply::inactive());
        verifier.verify(&token).await.unwrap_err();
    });
    let metrics = metrics.await;
    for outcome in ["accepted", "introspection_unavailable", "revoked"] {
        assert_eq!(metrics[&format!("passport_inbound_tokens_total {outcome}")], 1.0, "{outcome}");
    }
}

#[tokio::test(start_paused = true)]
async fn silent_issuer_is_unavailable() {
    let endpoint = Endpoint::new(Reply::Never);
    let error = verifier(&endpoint, IntrospectionMode::Introspect).verify(&token()).await.unwrap_err();
    let issuer = error.issuer().map(|issuer| issuer.as_str().to_owned());
    assert_eq!(issuer.as_deref(), Some("passport"));
    assert!(matches!(error, VerifyError::IntrospectionUnavailable { .. }), "{error:?}");
    assert_eq!(error.to_string(), "the issuer does not say whether the token is active");
}

#[tokio::test(start_paused = true)]
async fn token_that_was_evicted_is_not_asked_about_again() {
    let endpoint = Endpoint::new(active());
    let issuer = passport(0, "k").introspection(settings(IntrospectionMode::local_then_introspect()));
    let verifier = builder(&endpoint, issuer).cache_tokens(false).build().unwrap();
    for _ in 0..3 {
        verifier.verify(&token()).await.unwrap();
    }
    assert_eq!(endpoint.calls(), 1);
}

/// Returns a verifier of a Passport with opaque tokens.
fn opaque(endpoint: &Endpoint) -> TokenVerifier {
    verifier(endpoint, IntrospectionMode::opaque())
}

/// Returns Passport's documented answer, with one member replaced.
fn answer(member: &str, value: Value) -> Reply {
    let mut answer = json!({
        "sub": "u", "client_id": "app", "scope": "openid", "exp": START + 3600, "iat": START,
        "iss": PASSPORT, "email": "u@x", "roles": ["clerk"], "tenant_id": "contoso",
    });
    if value == json!("missing") {
        answer.as_object_mut().unwrap().remove(member);
    } else {
        answer[member] = value;
    }
    Reply::active(&answer)
}

#[tokio::test(start_paused = true)]
async fn opaque_token_has_the_caller_of_the_answer() {
    let endpoint = Endpoint::new(answer("aud", json!("missing")));
    let verifier = opaque(&endpoint);
    assert!(verifier.try_verify("opaque").is_none());
    let caller = verifier.verify("opaque").await.unwrap();
    assert_eq!((caller.user_id(), caller.tenant_id()), ("u", "contoso"));
    assert_eq!((caller.issuer(), caller.issuer_name().as_str()), (PASSPORT, "passport"));
    assert!(caller.has_role("clerk") && !caller.is_external());
    assert_eq!(caller.expires_at(), ManualClock::at_unix_seconds(START + 3600).now());
    assert!(verifier.try_verify("opaque").unwrap().is_ok());
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn opaque_token_is_checked_again_after_the_maximum_age() {
    let endpoint = Endpoint::new(answer("aud", json!("api")));
    let verifier = opaque(&endpoint);
    verifier.verify("opaque").await.unwrap();
    endpoint.reply(Reply::inactive());
    advance(Duration::from_secs(15)).await;
    assert_eq!(reason(&verifier, "opaque").await, Some(RejectionReason::Revoked));
    assert_eq!(reason(&verifier, "opaque").await, Some(RejectionReason::Revoked));
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn answer_about_an_opaque_token_is_checked() {
    for (member, value, expected) in [
        ("sub", json!("missing"), RejectionReason::MissingClaim("sub")),
        ("sub", json!(" "), RejectionReason::MissingClaim("sub")),
        ("tenant_id", json!("missing"), RejectionReason::MissingClaim("tenant_id")),
        ("tenant_id", json!(7), RejectionReason::Malformed),
        ("aud", json!("other"), RejectionReason::AudienceMismatch),
        ("exp", json!(START), RejectionReason::Expired),
        ("nbf", json!(START + 61), RejectionReason::NotYetValid),
        ("iat", json!(START + 61), RejectionReason::IssuedInFuture),
        ("cnf", json!({}), RejectionReason::SenderConstrained),
        ("nonce", json!("n"), RejectionReason::WrongTokenType),
        ("token_type", json!("refresh_token"), RejectionReason::Revoked),
    ] {
        let endpoint = Endpoint::new(answer(member, value));
        assert_eq!(reason(&opaque(&endpoint), "opaque").await, Some(expected), "{member}");
    }
    for (member, value) in [
        ("iss", json!("missing")),
        ("exp", json!("missing")),
        ("iat", json!("missing")),
        ("aud", json!(["x", "api"])),
    ] {
        let endpoint = Endpoint::new(answer(member, value));
        let caller = opaque(&endpoint).verify("opaque").await.unwrap();
        assert_eq!(caller.issuer(), PASSPORT, "{member}");
        assert!(caller.expires_at() > ManualClock::at_unix_seconds(START).now(), "{member}");
    }
    let endpoint = Endpoint::new(answer("iss", json!("https://other.example")));
    let error = opaque(&endpoint).verify("opaque").await.unwrap_err();
    assert!(matches!(error, VerifyError::IntrospectionUnavailable { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn jwt_is_never_treated_as_opaque() {
    let endpoint = Endpoint::new(answer("aud", json!("api")));
    let verifier = opaque(&endpoint);
    let forged = test_key(1).token("k", &claims_of(PASSPORT));
    assert_eq!(reason(&verifier, &forged).await, Some(RejectionReason::SignatureInvalid));
    // `{"alg":"none"}`
    for unsigned in ["eyJhbGciOiJub25lIn0.e30.", "e30.e30.e30"] {
        assert!(reason(&verifier, unsigned).await.is_some(), "{unsigned}");
    }
    assert_eq!(endpoint.calls(), 0);
    verifier.verify(&token()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn jwt_cannot_be_disguised_as_an_opaque_token() {
    let endpoint = Endpoint::new(answer("aud", json!("missing")));
    let verifier = opaque(&endpoint);
    let mut claims = claims_of(PASSPORT);
    claims["aud"] = json!("other");
    let token = test_key(0).token("k", &claims);
    for suffix in ["=", "==", "+", "/", "~", "."] {
        let disguised = format!("{token}{suffix}");
        assert_eq!(reason(&verifier, &disguised).await, Some(RejectionReason::Malformed), "{suffix}");
    }
    assert_eq!(endpoint.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn token_that_no_client_can_have_is_not_introspected() {
    let endpoint = Endpoint::new(answer("aud", json!("api")));
    let verifier = opaque(&endpoint);
    for token in ["", "a b", "a\n", "t\u{f6}ken", &"a".repeat(8 * 1024 + 1)] {
        assert!(reason(&verifier, token).await.is_some(), "{token}");
    }
    assert_eq!(endpoint.calls(), 0);
    for token in ["a", "a.b", "a.b.c", "a.b.c.d.e", "AZaz09-._~+/="] {
        verifier.verify(token).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn opaque_token_needs_an_issuer_with_opaque_tokens() {
    let endpoint = Endpoint::new(answer("aud", json!("api")));
    let verifier = verifier(&endpoint, IntrospectionMode::Introspect);
    assert_eq!(reason(&verifier, "opaque").await, Some(RejectionReason::Malformed));
    assert_eq!(endpoint.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn reject_if_applies_to_opaque_tokens() {
    let endpoint = Endpoint::new(answer("aud", json!("api")));
    let issuer = passport(0, "k").introspection(settings(IntrospectionMode::opaque()));
    let verifier = builder(&endpoint, issuer).reject_if(|caller| caller.user_id() == "u").build().unwrap();
    assert_eq!(reason(&verifier, "opaque").await, Some(RejectionReason::Revoked));
}

#[tokio::test(start_paused = true)]
async fn opaque_token_of_another_provider_is_mapped() {
    let endpoint = Endpoint::new(Reply::active(&json!({ "sub": "x", "aud": "api", "groups": ["a"] })));
    let issuer = || {
        let settings = settings(IntrospectionMode::opaque()).endpoint("https://alpha.example/introspect");
        TrustedIssuer::external(ALPHA)
            .audience("api")
            .tenant(TenantRule::fixed("contoso"))
            .introspection(settings)
    };
    let verifier =
        builder(&endpoint, issuer().map_claims(|map| map.roles_from(["groups"]).role("a", "clerk")));
    let verifier = verifier.build().unwrap();
    let caller = verifier.verify("opaque").await.unwrap();
    assert_eq!((caller.user_id(), caller.tenant_id(), caller.issuer()), ("x", "contoso", ALPHA));
    assert!(caller.is_external() && caller.has_role("clerk"));
    assert_eq!(endpoint.requests()[0].uri(), "https://alpha.example/introspect");
    // No keys are needed.
    verifier.ready_for(ReadyPolicy::All).await.unwrap();
    assert!(verifier.health().is_usable_for(ReadyPolicy::All));
    // Other providers than Passport must name the audience.
    let endpoint = Endpoint::new(Reply::active(&json!({ "sub": "x" })));
    let verifier = builder(&endpoint, issuer()).build().unwrap();
    assert_eq!(reason(&verifier, "opaque").await, Some(RejectionReason::AudienceMismatch));
}

#[tokio::test(start_paused = true)]
async fn each_issuer_has_its_own_mode() {
    let endpoint = Endpoint::new(Reply::inactive());
    let asked = external(ALPHA, "alpha", 1, "a")
        .introspection(settings(IntrospectionMode::Introspect).endpoint("https://alpha.example/introspect"));
    let verifier = trusting([passport(0, "k"), asked]).transport(endpoint.transport());
    let verifier = verifier.clock(TokioClock::start()).build().unwrap();
    verifier.verify(&token()).await.unwrap();
    let token = test_key(1).token("a", &claims_of(ALPHA));
    assert_eq!(reason(&verifier, &token).await, Some(RejectionReason::Revoked));
}

#[tokio::test(start_paused = true)]
async fn reload_with_the_same_settings_keeps_the_answers() {
    let endpoint = Endpoint::new(active());
    let issuer = passport(0, "k").introspection(settings(IntrospectionMode::local_then_introspect()));
    let transport = endpoint.transport();
    let new = || builder(&endpoint, issuer.clone()).transport(transport.clone());
    let verifier = new().build().unwrap();
    let token = token();
    verifier.verify(&token).await.unwrap();
    assert!(verifier.replace(new()).unwrap().is_empty());
    verifier.verify(&token).await.unwrap();
    assert_eq!(endpoint.calls(), 1);
    let stricter = passport(0, "k").introspection(settings(IntrospectionMode::Introspect));
    let changes = verifier.replace(builder(&endpoint, stricter)).unwrap();
    assert_eq!(changes.changed().len(), 1);
    verifier.verify(&token).await.unwrap();
    assert_eq!(endpoint.calls(), 2);
}
