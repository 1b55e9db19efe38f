use passport_core::Transport;
use serde_json::json;

use super::*;
use crate::{
    TenantRule, TokenVerifier, TrustedIssuer,
    test_support::{
        ScriptedIssuer, ScriptedResponse, TokioClock,
        issuers::{ALPHA, PASSPORT, claims_of, claims_with},
        signing::test_key,
    },
};

/// Returns whether `policy` is met. Each item says whether an issuer is a Passport, and whether its
/// keys are usable.
fn is_met(policy: ReadyPolicy, issuers: &[(bool, bool)]) -> bool {
    policy.is_met(issuers.iter().copied())
}

#[test]
fn policies_select_the_issuers_that_must_be_usable() {
    let (up, down, other_up, other_down) = ((true, true), (true, false), (false, true), (false, false));
    for (issuers, all, passport, any) in [
        (&[up][..], true, true, true),
        (&[down], false, false, false),
        (&[up, other_down], false, true, true),
        (&[down, other_up], false, false, true),
        (&[up, down, other_up], false, false, true),
        (&[up, up, other_up], true, true, true),
        (&[other_down, other_up], false, true, true),
        (&[other_down, other_down], false, false, false),
        (&[other_up, other_up], true, true, true),
    ] {
        let met = [ReadyPolicy::All, ReadyPolicy::Passport, ReadyPolicy::Any].map(|it| is_met(it, issuers));
        assert_eq!(met, [all, passport, any], "{issuers:?}");
    }
    assert_eq!(ReadyPolicy::default(), ReadyPolicy::Passport);
}

#[tokio::test(start_paused = true)]
async fn outage_of_an_issuer_costs_only_its_own_tokens() {
    let issuer = ScriptedIssuer::new(ScriptedResponse::body(&test_key(0).jwks("k")));
    let alpha = TrustedIssuer::external(ALPHA).name("alpha").audience("api");
    let verifier = TokenVerifier::builder("api")
        .issuer(PASSPORT)
        .jwks_url(format!("{PASSPORT}/keys"))
        .trust(alpha.tenant(TenantRule::fixed("contoso")).jwks_url(format!("{ALPHA}/alpha-keys")))
        .transport(Transport::new(issuer.clone()))
        .clock(TokioClock::start())
        .build()
        .unwrap();
    assert!(!verifier.health().is_usable_for(ReadyPolicy::Any));
    issuer.respond_at("/alpha-keys", ScriptedResponse::Status(http::StatusCode::BAD_GATEWAY));

    let of_alpha = test_key(0).token("k", &claims_of(ALPHA));
    for round in 0..3 {
        let own = test_key(0).token("k", &claims_with(PASSPORT, "jti", json!(format!("{round}"))));
        verifier.verify(&own).await.unwrap();
        let error = verifier.verify(&of_alpha).await.unwrap_err();
        assert_eq!((error.reason(), error.issuer().unwrap().as_str()), (None, "alpha"));
    }
    let health = verifier.health();
    assert!(health.is_usable() && health.is_usable_for(ReadyPolicy::Any));
    assert!(!health.is_usable_for(ReadyPolicy::All));
    let [passport, alpha] = health.issuers() else { panic!("{health}") };
    assert!(passport.is_passport() && passport.jwks().is_usable() && *passport.name() == PASSPORT);
    assert!(!alpha.is_passport() && !alpha.jwks().is_usable());
    assert!(alpha.jwks().failures() > 0 && alpha.jwks().last_error().unwrap().contains("502"));
    assert_eq!(health.issuer("alpha"), Some(alpha));
    assert_eq!(health.issuer("other"), None);
    let lines: Vec<_> = health.to_string().lines().map(str::to_owned).collect();
    assert!(lines[0].starts_with("https://passport.example: Fresh"), "{lines:?}");
    assert!(lines[1].starts_with("alpha: Unavailable"), "{lines:?}");

    issuer.respond_at("/alpha-keys", ScriptedResponse::body(&test_key(0).jwks("k")));
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    verifier.verify(&of_alpha).await.unwrap();
    assert!(verifier.health().is_usable_for(ReadyPolicy::All));
}
