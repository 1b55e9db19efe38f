//! Tests that each token is verified with the keys and the rules of its own issuer.

use passport_core::{ManualClock, Transport};
use serde_json::{Value, json};

use crate::{
    RejectionReason, TenantRule, TokenVerifier, TrustedIssuer,
    test_support::{
        Log, START, ScriptedIssuer, ScriptedResponse,
        issuers::{
            ALPHA, BETA, PASSPORT, claims_of, claims_with, external, passport, rejected_by, trusting, verify,
        },
        signing::test_key,
    },
};

/// The result of a token from no trusted issuer.
const UNKNOWN: (Option<RejectionReason>, Option<String>) = (Some(RejectionReason::IssuerMismatch), None);

/// Verifies valid tokens of all issuers, so that their headers are remembered.
fn warm_up(verifier: &TokenVerifier, kid: &str, issuers: &[(&str, usize)]) {
    for (iss, key) in issuers {
        verify(verifier, &test_key(*key).token(kid, &claims_with(iss, "jti", json!("warm")))).unwrap();
    }
}

#[test]
fn issuers_with_the_same_kid_keep_their_own_keys() {
    let verifier =
        trusting([passport(0, "k"), external(ALPHA, "alpha", 1, "k"), external(BETA, "beta", 2, "k")])
            .build()
            .unwrap();
    let issuers = [(PASSPORT, 0, "passport"), (ALPHA, 1, "alpha"), (BETA, 2, "beta")];
    for round in ["cold", "warm"] {
        for (iss, own_key, name) in issuers {
            for key in 0..3 {
                let token = test_key(key).token("k", &claims_with(iss, "jti", json!(round)));
                if key == own_key {
                    assert_eq!(verify(&verifier, &token).unwrap().issuer_name(), name);
                } else {
                    let expected = rejected_by(name, RejectionReason::SignatureInvalid);
                    assert_eq!(verify(&verifier, &token).unwrap_err(), expected, "{round} {key}");
                }
            }
        }
    }
}

#[test]
fn keys_are_never_looked_up_by_kid_across_issuers() {
    let issuers = [external(ALPHA, "alpha", 0, "of-alpha"), external(BETA, "beta", 1, "of-beta")];
    for memo in ["cold", "warm"] {
        let verifier = trusting(issuers.clone()).build().unwrap();
        if memo == "warm" {
            warm_up(&verifier, "of-alpha", &[(ALPHA, 0)]);
            warm_up(&verifier, "of-beta", &[(BETA, 1)]);
        }
        let expected = rejected_by("beta", RejectionReason::KeyNotFound);
        let token = test_key(0).token("of-alpha", &claims_of(BETA));
        assert_eq!(verify(&verifier, &token).unwrap_err(), expected, "{memo}");
        let without_kid = test_key(0).sign(r#"{"alg":"RS256"}"#, &claims_of(BETA).to_string());
        let expected = rejected_by("beta", RejectionReason::SignatureInvalid);
        assert_eq!(verify(&verifier, &without_kid).unwrap_err(), expected, "{memo}");
    }
}

#[test]
fn token_of_one_issuer_that_claims_the_iss_of_another() {
    let issuers = [external(ALPHA, "alpha", 0, "k"), external(BETA, "beta", 1, "k")];
    let forged = test_key(0).token("k", &claims_of(BETA));
    let expected = rejected_by("beta", RejectionReason::SignatureInvalid);
    let cold = trusting(issuers.clone()).build().unwrap();
    assert_eq!(verify(&cold, &forged).unwrap_err(), expected);
    let warm = trusting(issuers).build().unwrap();
    warm_up(&warm, "k", &[(ALPHA, 0)]);
    assert_eq!(verify(&warm, &forged).unwrap_err(), expected);
}

#[test]
fn iss_decides_between_issuers_with_the_same_key() {
    let fixed = |iss, name, tenant| external(iss, name, 0, "k").tenant(TenantRule::fixed(tenant));
    let verifier =
        trusting([fixed(ALPHA, "alpha", "contoso"), fixed(BETA, "beta", "fabrikam")]).build().unwrap();
    for round in 0..3 {
        for (iss, name, tenant) in [(ALPHA, "alpha", "contoso"), (BETA, "beta", "fabrikam")] {
            let token = test_key(0).token("k", &claims_with(iss, "jti", json!(format!("{round}"))));
            let caller = verify(&verifier, &token).unwrap();
            assert_eq!((caller.issuer(), caller.issuer_name().as_str()), (iss, name));
            assert_eq!(caller.tenant_id(), tenant);
        }
    }
    let unknown = test_key(0).token("k", &claims_of("https://other.example"));
    assert_eq!(verify(&verifier, &unknown).unwrap_err(), UNKNOWN);
}

#[test]
fn iss_is_checked_with_one_issuer_only() {
    for issuer in [passport(0, "k"), external(ALPHA, "alpha", 0, "k")] {
        let own = issuer.issuer.clone();
        let verifier = trusting([issuer]).build().unwrap();
        for memo in ["cold", "warm"] {
            for other in [BETA, "", &format!("{own}/"), &own.to_uppercase(), &format!("{own}\0")] {
                let token = test_key(0).token("k", &claims_of(other));
                assert_eq!(verify(&verifier, &token).unwrap_err(), UNKNOWN, "{memo} {other}");
            }
            warm_up(&verifier, "k", &[(&own, 0)]);
        }
    }
}

#[test]
fn second_iss_in_a_token_does_not_count() {
    let verifier =
        trusting([external(ALPHA, "alpha", 0, "k"), external(BETA, "beta", 1, "k")]).build().unwrap();
    let claims = |first: &str, second: &str| {
        let claims = claims_of(first).to_string();
        format!(r#"{},"iss":"{second}"}}"#, &claims[..claims.len() - 1])
    };
    for _memo in ["cold", "warm"] {
        let both = |first, second| test_key(0).sign(r#"{"alg":"RS256","kid":"k"}"#, &claims(first, second));
        assert_eq!(
            verify(&verifier, &both(ALPHA, BETA)).unwrap_err(),
            rejected_by("alpha", RejectionReason::Malformed)
        );
        assert_eq!(
            verify(&verifier, &both(BETA, ALPHA)).unwrap_err(),
            rejected_by("beta", RejectionReason::SignatureInvalid)
        );
        warm_up(&verifier, "k", &[(ALPHA, 0)]);
    }
}

#[test]
fn iss_with_escapes_is_routed() {
    let verifier =
        trusting([external(ALPHA, "alpha", 0, "k"), external(BETA, "beta", 1, "k")]).build().unwrap();
    let escaped = claims_of(BETA).to_string().replace('/', r"\/").replace("\"iss\"", r#""\u0069ss""#);
    let token = test_key(1).sign(r#"{"alg":"RS256","kid":"k"}"#, &escaped);
    assert_eq!(verify(&verifier, &token).unwrap().issuer_name(), "beta");
}

#[test]
fn issuer_with_a_trailing_slash_is_logged_once() {
    let log = Log::listen(tracing::Level::WARN);
    let verifier = trusting([passport(0, "k"), external(ALPHA, "alpha", 0, "k")]).build().unwrap();
    for _ in 0..2 {
        let token = test_key(0).token("k", &claims_of(&format!("{ALPHA}/")));
        assert_eq!(verify(&verifier, &token).unwrap_err(), UNKNOWN);
    }
    assert_eq!(log.lines_with("trailing slash").len(), 1);
}

#[test]
fn rules_of_an_issuer_are_its_own() {
    let alpha = external(ALPHA, "alpha", 0, "k").token_types(["at+jwt"]);
    let beta = TrustedIssuer { audiences: vec!["other".to_owned()], ..external(BETA, "beta", 0, "k") };
    let verifier = trusting([alpha, beta]).build().unwrap();
    let typed = |iss: &str, aud: &str, typ: &str| {
        let header = json!({ "alg": "RS256", "kid": "k", "typ": typ }).to_string();
        test_key(0).sign(&header, &claims_with(iss, "aud", json!(aud)).to_string())
    };
    for _memo in ["cold", "warm"] {
        assert_eq!(verify(&verifier, &typed(ALPHA, "api", "at+jwt")).unwrap().issuer_name(), "alpha");
        assert_eq!(verify(&verifier, &typed(BETA, "other", "at+jwt")).unwrap().issuer_name(), "beta");
        assert_eq!(verify(&verifier, &typed(BETA, "other", "JWT")).unwrap().issuer_name(), "beta");
        assert_eq!(
            verify(&verifier, &typed(ALPHA, "api", "JWT")).unwrap_err(),
            rejected_by("alpha", RejectionReason::WrongTokenType)
        );
        assert_eq!(
            verify(&verifier, &typed(BETA, "api", "JWT")).unwrap_err(),
            rejected_by("beta", RejectionReason::AudienceMismatch)
        );
    }
}

/// Returns a verifier that fetches the keys of a Passport and of an external issuer.
fn fetching(issuer: &ScriptedIssuer) -> TokenVerifier {
    let alpha = TrustedIssuer::external(ALPHA).audience("api").tenant(TenantRule::fixed("contoso"));
    TokenVerifier::builder("api")
        .issuer(PASSPORT)
        .jwks_url(format!("{PASSPORT}/keys"))
        .trust(alpha.jwks_url(format!("{ALPHA}/keys")))
        .transport(Transport::new(issuer.clone()))
        .clock(ManualClock::at_unix_seconds(START))
        .build()
        .unwrap()
}

#[tokio::test]
async fn token_of_an_unknown_issuer_causes_no_request() {
    let issuer = ScriptedIssuer::new(ScriptedResponse::body(&test_key(0).jwks("k")));
    let verifier = fetching(&issuer);
    let claims = |iss: Value| claims_with(ALPHA, "iss", iss);
    for iss in [json!(BETA), json!(format!("{ALPHA}/")), json!(ALPHA.to_uppercase()), json!("")] {
        let token = test_key(0).token("k", &claims(iss.clone()));
        let error = verifier.verify(&token).await.unwrap_err();
        assert_eq!((error.reason(), error.issuer()), (Some(RejectionReason::IssuerMismatch), None), "{iss}");
    }
    for (payload, expected) in [
        (r#"{"sub":"u","aud":"api"}"#, RejectionReason::IssuerMismatch),
        (r#"{"sub":"u","iss":5}"#, RejectionReason::Malformed),
        (r#"{"sub":"u","iss":null}"#, RejectionReason::Malformed),
        (r#"{"sub":"u","iss":["https://alpha.example"]}"#, RejectionReason::Malformed),
        ("[]", RejectionReason::Malformed),
    ] {
        let token = test_key(0).sign(r#"{"alg":"RS256","kid":"k"}"#, payload);
        let error = verifier.verify(&token).await.unwrap_err();
        assert_eq!((error.reason(), error.issuer()), (Some(expected), None), "{payload}");
    }
    assert_eq!(issuer.urls(), [""; 0]);
}

#[tokio::test]
async fn host_of_an_unverified_iss_is_never_contacted() {
    let issuer = ScriptedIssuer::new(ScriptedResponse::body(&test_key(0).jwks("k")));
    let verifier = fetching(&issuer);
    let attacker = "https://attacker.example";
    for iss in [
        attacker,
        "https://alpha.example@attacker.example",
        "https://alpha.example.attacker.example",
        "https://alpha.example/../attacker.example",
        "https://attacker.example/#https://alpha.example",
        ALPHA,
    ] {
        let header =
            json!({ "alg": "RS256", "kid": "new", "jku": attacker, "x5u": attacker, "iss": attacker });
        let token = test_key(1).sign(&header.to_string(), &claims_of(iss).to_string());
        verifier.verify(&token).await.unwrap_err();
    }
    let keys_of_alpha = format!("{ALPHA}/keys");
    assert!(issuer.urls().iter().all(|url| *url == keys_of_alpha), "{:?}", issuer.urls());
    assert!(issuer.requests() > 0, "the token of the trusted issuer causes a fetch");
}

#[tokio::test]
async fn keys_of_an_issuer_are_fetched_with_its_first_token() {
    let issuer = ScriptedIssuer::new(ScriptedResponse::body(&test_key(0).jwks("k")));
    let verifier = fetching(&issuer);
    assert_eq!(issuer.requests(), 0);
    let claims_of_passport = claims_of(PASSPORT);
    verifier.verify(&test_key(0).token("k", &claims_of_passport)).await.unwrap();
    assert_eq!(issuer.urls(), [format!("{PASSPORT}/keys")]);
    verifier.verify(&test_key(0).token("k", &claims_of(ALPHA))).await.unwrap();
    assert_eq!(issuer.urls()[1..], [format!("{ALPHA}/keys")]);
}

/// Counts the results of 20 tokens, each with another unknown `iss`, and of one known token.
#[tokio::test]
async fn issuer_label_has_only_configured_names() {
    let ((), metrics) = passport_test_support::metrics::recorded(async {
        let verifier = trusting([external(ALPHA, "alpha", 0, "k")]).build().unwrap();
        for number in 0..20 {
            let claims = claims_of(&format!("https://{number}.example"));
            verify(&verifier, &test_key(0).token("k", &claims)).unwrap_err();
        }
        verify(&verifier, &test_key(1).token("k", &claims_of(ALPHA))).unwrap_err();
        verify(&verifier, &test_key(0).token("k", &claims_of(ALPHA))).unwrap();
    })
    .await;
    let tokens = metrics.into_iter().filter(|(name, ..)| name == crate::metrics::TOKENS);
    let mut counted: Vec<_> = tokens
        .map(|(_, labels, count)| {
            let label = |key| labels.iter().find(|own| own.key() == key).unwrap().value().to_owned();
            format!("{} {} {count:?}", label("issuer"), label("outcome"))
        })
        .collect();
    counted.sort_unstable();
    assert_eq!(
        counted,
        [
            "alpha accepted Counter(1)",
            "alpha signature_invalid Counter(1)",
            "unknown issuer_mismatch Counter(20)",
        ]
    );
}
