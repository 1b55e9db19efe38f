//! Requirements that need the issuer's answer.

use std::time::Duration;

use tokio::time::advance;

use super::*;
use crate::{
    AuthenticateLayer, IntrospectionMode, IssuerName, RejectionReason, TokenVerifier,
    test_support::{
        TokioClock,
        introspection::{Endpoint, Reply, settings},
        issuers::{PASSPORT, claims_of, passport, trusting},
        signing::test_key,
    },
};

/// A request of a caller with the role `clerk`. Only requirements ask its issuer.
async fn introspected(endpoint: &Endpoint) -> Request<()> {
    with_caller(&verifier(endpoint, IntrospectionMode::Local)).await
}

fn verifier(endpoint: &Endpoint, mode: IntrospectionMode) -> TokenVerifier {
    let issuer = passport(0, "k").introspection(settings(mode));
    let verifier = trusting([issuer]).transport(endpoint.transport()).clock(TokioClock::start());
    verifier.build().unwrap()
}

async fn with_caller(verifier: &TokenVerifier) -> Request<()> {
    let mut claims = claims_of(PASSPORT);
    claims["roles"] = json!(["clerk"]);
    let caller = verifier.verify(&test_key(0).token("k", &claims)).await.unwrap();
    let mut request = Request::new(());
    request.extensions_mut().insert(caller);
    request
}

async fn decided(requirement: &Requirement, request: &Request<()>) -> Result<(), Rejection> {
    match requirement.decide(RequestHead::of(request)) {
        Decision::Allow => Ok(()),
        Decision::Reject(rejection) => Err(rejection),
        Decision::Pending(checks) => checks.await,
    }
}

fn within(seconds: u64) -> Requirement {
    Requirement::introspected_within(Duration::from_secs(seconds)).unwrap()
}

fn active() -> Reply {
    Reply::active(&json!({ "sub": "u" }))
}

#[tokio::test(start_paused = true)]
async fn recent_answer_needs_no_call() {
    let endpoint = Endpoint::new(active());
    let request = introspected(&endpoint).await;
    decided(&within(5), &request).await.unwrap();
    assert!(matches!(within(5).decide(RequestHead::of(&request)), Decision::Allow));
    advance(Duration::from_secs(4)).await;
    assert!(matches!(within(5).decide(RequestHead::of(&request)), Decision::Allow));
    advance(Duration::from_secs(1)).await;
    assert!(matches!(within(5).decide(RequestHead::of(&request)), Decision::Pending(_)));
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn introspected_asks_once_for_each_request() {
    let endpoint = Endpoint::new(active());
    let verifier = verifier(&endpoint, IntrospectionMode::Local);
    for calls in 1..=3 {
        let request = with_caller(&verifier).await;
        for _ in 0..3 {
            decided(&Requirement::introspected(), &request).await.unwrap();
        }
        assert_eq!(endpoint.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn call_of_the_mode_is_enough_for_the_requirements() {
    for mode in [IntrospectionMode::Introspect, IntrospectionMode::local_then_introspect()] {
        let endpoint = Endpoint::new(active());
        let request = with_caller(&verifier(&endpoint, mode)).await;
        decided(&Requirement::introspected(), &request).await.unwrap();
        assert_eq!(endpoint.calls(), 1, "{mode:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn request_that_is_kept_asks_again() {
    let endpoint = Endpoint::new(active());
    let request = introspected(&endpoint).await;
    decided(&Requirement::introspected(), &request).await.unwrap();
    advance(Duration::from_secs(60)).await;
    for calls in 2..=3 {
        decided(&Requirement::introspected(), &request).await.unwrap();
        assert_eq!(endpoint.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn revoked_token_is_401_in_every_combination() {
    let (clerk, admin) = (|| Requirement::role("clerk"), || Requirement::role("admin"));
    for requirement in [
        within(5),
        !within(5),
        clerk().and(within(5)),
        admin().and(within(5)),
        clerk().or(within(5)),
        admin().or(!within(5)),
        within(5).and(within(60)).or(clerk()),
    ] {
        let endpoint = Endpoint::new(Reply::inactive());
        let rejection = decided(&requirement, &introspected(&endpoint).await).await.unwrap_err();
        assert_eq!((rejection.status().as_u16(), endpoint.calls()), (401, 1), "{requirement}");
        let reason =
            matches!(rejection, Rejection::Token { reason: RejectionReason::Revoked, issuer: Some(_) });
        assert!(reason, "{rejection:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn silent_issuer_is_503_in_every_combination() {
    for requirement in [within(5), !within(5), Requirement::role("admin").and(within(5))] {
        let endpoint = Endpoint::new(Reply::Never);
        let rejection = decided(&requirement, &introspected(&endpoint).await).await.unwrap_err();
        assert_eq!((rejection.status().as_u16(), rejection.grpc_code()), (503, 14), "{requirement}");
        assert!(matches!(rejection, Rejection::IntrospectionUnavailable { .. }), "{rejection:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn active_token_must_meet_the_other_parts() {
    for (requirement, is_met) in [
        (Requirement::role("clerk").and(within(5)), true),
        (Requirement::role("admin").and(within(5)), false),
        (Requirement::role("admin").or(within(5)), true),
        (!within(5), false),
    ] {
        let request = introspected(&Endpoint::new(active())).await;
        // The first decision asks the issuer, and the second does not.
        for _ in 0..2 {
            let result = decided(&requirement, &request).await;
            assert_eq!(result.is_ok(), is_met, "{requirement}");
            assert!(result.is_ok() || matches!(result, Err(Rejection::Forbidden(_))), "{requirement}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn strictest_maximum_age_counts() {
    let endpoint = Endpoint::new(active());
    let request = introspected(&endpoint).await;
    let requirement = within(60).and(within(5)).or(within(30));
    decided(&requirement, &request).await.unwrap();
    advance(Duration::from_secs(5)).await;
    decided(&requirement, &request).await.unwrap();
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test]
async fn issuer_without_settings_is_an_error_of_the_service() {
    let log = crate::test_support::Log::listen(tracing::Level::ERROR);
    let request = with_caller(&trusting([passport(0, "k")]).build().unwrap()).await;
    let rejection = decided(&within(5), &request).await.unwrap_err();
    assert_eq!((rejection.status().as_u16(), rejection.grpc_code()), (500, 13));
    assert_eq!(rejection.issuer().map(IssuerName::as_str), Some("passport"));
    assert_eq!(rejection.to_string(), "the issuer of the token has no introspection settings");
    rejection.record();
    assert_eq!(log.lines_with("set TrustedIssuer::introspection").len(), 1);
}

#[test]
fn maximum_age_out_of_range_is_an_error() {
    for max_age in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(61)] {
        let error = Requirement::introspected_within(max_age).unwrap_err();
        let expected =
            format!("invalid configuration: max_age: must be between 1 s and 60 s, is {max_age:?}");
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn route_continues_without_an_answer_for_a_bounded_time() {
    let log = crate::test_support::Log::listen(tracing::Level::WARN);
    let endpoint = Endpoint::new(active());
    let request = introspected(&endpoint).await;
    let continuing = within(5).danger_continue_when_unreachable(Duration::from_secs(60)).unwrap();
    decided(&continuing, &request).await.unwrap();
    endpoint.reply(Reply::Fails);
    advance(Duration::from_secs(59)).await;
    decided(&continuing, &request).await.unwrap();
    // The other routes do not continue.
    let rejection = decided(&within(5), &request).await.unwrap_err();
    assert!(matches!(rejection, Rejection::IntrospectionUnavailable { .. }), "{rejection:?}");
    advance(Duration::from_secs(1)).await;
    let rejection = decided(&continuing, &request).await.unwrap_err();
    assert!(matches!(rejection, Rejection::IntrospectionUnavailable { .. }), "{rejection:?}");
    assert_eq!(log.lines_with("danger_continue_when_unreachable").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn route_that_continues_rejects_a_revoked_token() {
    let endpoint = Endpoint::new(active());
    let request = introspected(&endpoint).await;
    let continuing = within(5).danger_continue_when_unreachable(Duration::from_secs(60)).unwrap();
    decided(&continuing, &request).await.unwrap();
    endpoint.reply(Reply::inactive());
    advance(Duration::from_secs(5)).await;
    assert_eq!(decided(&continuing, &request).await.unwrap_err().status().as_u16(), 401);
}

#[test]
fn time_without_an_answer_is_checked() {
    let error = |requirement: Requirement, time: Duration| {
        requirement.danger_continue_when_unreachable(time).unwrap_err().to_string()
    };
    let option = "invalid configuration: danger_continue_when_unreachable:";
    for time in [Duration::ZERO, Duration::from_secs(3601)] {
        let expected = format!("{option} must be more than 0 s and at most 1 h, is {time:?}");
        assert_eq!(error(Requirement::introspected(), time), expected);
    }
    let expected =
        format!("{option} needs the issuer's answer; set it on introspected() or introspected_within(..)");
    assert_eq!(error(Requirement::role("clerk"), Duration::from_secs(1)), expected);
    Requirement::introspected().danger_continue_when_unreachable(Duration::from_secs(3600)).unwrap();
}

#[test]
fn time_without_an_answer_makes_a_requirement_another_one() {
    let continuing =
        |seconds| within(5).danger_continue_when_unreachable(Duration::from_secs(seconds)).unwrap();
    assert_eq!(continuing(60), continuing(60));
    assert_ne!(continuing(60), continuing(61));
    assert_ne!(continuing(60), within(5));
    assert_eq!(continuing(60).to_string(), within(5).to_string());
}

#[test]
fn texts_name_the_maximum_age() {
    assert_eq!(within(5).to_string(), "token introspected within 5s");
    assert_eq!(Requirement::introspected().to_string(), "introspected token");
    assert_eq!(Requirement::introspected().unmet().reason(), "IntrospectionRequired");
}

#[tokio::test(start_paused = true)]
async fn layer_setting_adds_the_requirement() {
    let verifier = trusting([passport(0, "k")]).build().unwrap();
    let requirement = |mode: IntrospectionMode| {
        let layer = AuthenticateLayer::new(verifier.clone()).introspect(mode);
        layer.map(|layer| layer.requirement().map(ToString::to_string))
    };
    let max_age = Duration::from_secs(5);
    assert_eq!(requirement(IntrospectionMode::Local).unwrap(), None);
    assert_eq!(requirement(IntrospectionMode::Introspect).unwrap().as_deref(), Some("introspected token"));
    for mode in [IntrospectionMode::LocalThenIntrospect { max_age }, IntrospectionMode::Opaque { max_age }] {
        assert_eq!(requirement(mode).unwrap().as_deref(), Some("token introspected within 5s"));
    }
    let out_of_range = IntrospectionMode::LocalThenIntrospect { max_age: Duration::ZERO };
    assert!(requirement(out_of_range).is_err());
}

#[tokio::test(start_paused = true)]
async fn expired_token_is_rejected_as_expired() {
    let endpoint = Endpoint::new(Reply::inactive());
    let request = introspected(&endpoint).await;
    advance(Duration::from_secs(3600)).await;
    let rejection = decided(&within(5), &request).await.unwrap_err();
    assert!(matches!(rejection, Rejection::Token { reason: RejectionReason::Expired, .. }), "{rejection:?}");
}
