use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use super::*;

const NOW: u64 = 1_750_000_000;

const YEAR: u64 = 365 * 24 * 60 * 60;

/// Validates a valid token with `changes` to its claims. `null` removes a claim.
fn validate(changes: &Value) -> Result<(), RejectionReason> {
    let mut token = json!({
        "iss": "https://passport.bizfirst.ai", "aud": "bizfirstgo-api", "sub": "u", "tenant_id": "t",
        "iat": NOW, "exp": NOW + 3600,
    });
    for (name, value) in changes.as_object().unwrap() {
        token[name] = value.clone();
    }
    token.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let policy = Policy {
        issuer: IssuerPattern::new("https://passport.bizfirst.ai"),
        audiences: vec!["bizfirstgo-api".to_owned(), "payroll".to_owned()],
        clock_skew: Duration::from_secs(60),
    };
    let claims = Claims::parse(token.to_string().as_bytes()).unwrap();
    let now = UNIX_EPOCH + Duration::from_secs(NOW);
    let validity = policy.check(&claims, now)?;
    assert!(validity.includes(now), "the validity includes the time of the check");
    Ok(())
}

#[test]
fn validity_is_from_iat_or_nbf_to_exp_with_skew() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(NOW + seconds);
    let policy = Policy {
        issuer: IssuerPattern::new("i"),
        audiences: vec!["a".to_owned()],
        clock_skew: Duration::from_secs(60),
    };
    for (iat, nbf, from) in [(100, None, 40), (100, Some(200), 140), (200, Some(100), 140)] {
        let mut claims = json!({ "iss": "i", "aud": "a", "sub": "s", "tenant_id": "t", "iat": NOW + iat, "exp": NOW + 300 });
        if let Some(nbf) = nbf {
            claims["nbf"] = json!(NOW + nbf);
        }
        let claims = Claims::parse(claims.to_string().as_bytes()).unwrap();
        let validity = policy.check(&claims, at(250)).unwrap();
        assert_eq!(validity, Validity { from: at(from), until: at(360) });
        assert!(validity.includes(at(from)) && validity.includes(at(359)) && !validity.includes(at(360)));
        assert!(policy.check(&claims, at(from)).is_ok() && policy.check(&claims, at(from - 1)).is_err());
    }
}

#[test]
fn valid_claims_are_accepted() {
    assert_eq!(validate(&json!({})), Ok(()));
    assert_eq!(validate(&json!({ "aud": ["x", "payroll"], "nbf": NOW })), Ok(()));
}

#[test]
fn issuer_is_compared_byte_for_byte() {
    for issuer in [
        json!(null),
        json!(""),
        json!("https://passport.bizfirst.ai/"),
        json!("https://PASSPORT.bizfirst.ai"),
        json!("http://passport.bizfirst.ai"),
        json!("https://passport.bizfirst.ai.evil.example"),
        json!(" https://passport.bizfirst.ai"),
    ] {
        assert_eq!(validate(&json!({ "iss": issuer })), Err(RejectionReason::IssuerMismatch), "{issuer}");
    }
}

#[test]
fn audience_is_compared_byte_for_byte() {
    for audience in [
        json!(null),
        json!([]),
        json!(""),
        json!("*"),
        json!("BizFirstGo-API"),
        json!("bizfirstgo"),
        json!("bizfirstgo-api "),
        json!("bizfirstgo-api,payroll"),
        json!(["other"]),
    ] {
        assert_eq!(
            validate(&json!({ "aud": audience })),
            Err(RejectionReason::AudienceMismatch),
            "{audience}"
        );
    }
}

#[test]
fn time_claims_are_checked_with_clock_skew() {
    for (changes, verdict) in [
        (json!({ "exp": NOW - 59 }), Ok(())),
        (json!({ "exp": NOW - 60 }), Err(RejectionReason::Expired)),
        (json!({ "exp": 0 }), Err(RejectionReason::Expired)),
        (json!({ "exp": null }), Err(RejectionReason::MissingClaim("exp"))),
        (json!({ "iat": NOW + 60 }), Ok(())),
        (json!({ "iat": NOW + 61 }), Err(RejectionReason::IssuedInFuture)),
        (json!({ "iat": null }), Err(RejectionReason::MissingClaim("iat"))),
        (json!({ "nbf": NOW + 60 }), Ok(())),
        (json!({ "nbf": NOW + 61 }), Err(RejectionReason::NotYetValid)),
        (json!({ "exp": NOW + 99 * YEAR }), Ok(())),
    ] {
        assert_eq!(validate(&changes), verdict, "{changes}");
    }
}

#[test]
fn validity_begins_when_exp_is_plausible() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let policy = Policy {
        issuer: IssuerPattern::new("i"),
        audiences: vec!["a".to_owned()],
        clock_skew: Duration::from_secs(60),
    };
    let token = json!({
        "iss": "i", "aud": "a", "sub": "u", "tenant_id": "t", "iat": 0, "exp": NOW + 99 * YEAR,
    });
    let claims = Claims::parse(token.to_string().as_bytes()).unwrap();
    let validity = policy.check(&claims, at(NOW)).unwrap();
    for now in [NOW, NOW - YEAR, NOW - YEAR - 1, NOW - 2 * YEAR] {
        assert_eq!(validity.includes(at(now)), policy.check(&claims, at(now)).is_ok(), "{now}");
    }
    assert!(!validity.includes(at(NOW - 2 * YEAR)));
}

#[test]
fn time_claim_in_milliseconds_is_rejected_by_name() {
    for name in ["exp", "iat", "nbf"] {
        for value in
            [json!((NOW + 3600) * 1000), json!(NOW + 101 * YEAR), json!(253_402_300_799_u64), json!(1e18)]
        {
            let reason = validate(&json!({ name: value })).unwrap_err();
            assert_eq!(reason, RejectionReason::ImplausibleTime(name), "{value}");
            assert!(reason.to_string().contains(name) && reason.to_string().contains("milliseconds"));
        }
    }
}

#[test]
fn missing_or_blank_subject_or_tenant_is_rejected() {
    for name in ["sub", "tenant_id"] {
        for value in [json!(null), json!(""), json!("  ")] {
            assert_eq!(validate(&json!({ name: value })), Err(RejectionReason::MissingClaim(name)), "{name}");
        }
    }
}

#[test]
fn other_token_types_and_bound_tokens_are_rejected() {
    for mark in ["nonce", "at_hash", "c_hash", "events"] {
        assert_eq!(validate(&json!({ mark: "x" })), Err(RejectionReason::WrongTokenType), "{mark}");
    }
    assert_eq!(validate(&json!({ "cnf": {} })), Err(RejectionReason::SenderConstrained));
}

#[test]
fn time_claims_may_be_100_years_in_the_future() {
    assert_eq!(MAX_AHEAD, Duration::from_secs(100 * YEAR));
    assert_eq!(MAX_AHEAD.as_secs(), 3_153_600_000);
}
