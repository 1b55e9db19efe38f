//! Tests of the tenants, the roles and the kind of callers of external issuers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    ClaimCondition, ClaimMap, IdInfo, RejectionReason, TenantRule, TrustedIssuer,
    test_support::{
        START,
        issuers::{
            ALPHA, BETA, PASSPORT, claims_of, claims_with, external, passport, rejected_by, trusting, verify,
        },
        signing::test_key,
    },
};

fn alpha() -> TrustedIssuer {
    external(ALPHA, "alpha", 0, "k")
}

/// Verifies a token of `issuer` with these claims.
fn outcome(issuer: TrustedIssuer, claims: &Value) -> Result<IdInfo, Option<RejectionReason>> {
    let verifier = trusting([issuer]).build().unwrap();
    verify(&verifier, &test_key(0).token("k", claims)).map_err(|(reason, _)| reason)
}

#[test]
fn claims_of_passport_in_an_external_token_mean_nothing() {
    let mut claims = claims_of(ALPHA);
    for (name, value) in [
        ("tenant_id", json!("fabrikam")),
        ("is_service_account", json!(true)),
        ("managed_identity_id", json!("mi-guid-payroll")),
        ("roles", json!(["admin"])),
        ("permissions", json!(["all"])),
    ] {
        claims[name] = value;
    }
    let caller = outcome(alpha(), &claims).unwrap();
    assert_eq!((caller.tenant_id(), caller.managed_identity_id()), ("contoso", None));
    assert!(!caller.is_service_account() && caller.is_external());
    assert!(caller.roles().is_empty() && caller.permissions().is_empty());
    for name in ["tenant_id", "is_service_account", "managed_identity_id", "roles", "permissions"] {
        for value in [json!(1), json!({ "a": [] }), Value::Null, json!([1])] {
            let caller = outcome(alpha(), &claims_with(ALPHA, name, value)).unwrap();
            assert_eq!(caller.tenant_id(), "contoso", "{name}");
        }
    }
}

#[test]
fn external_issuer_makes_service_accounts_only_if_configured() {
    let app = claims_with(ALPHA, "idtyp", json!("app"));
    assert!(!outcome(alpha(), &app).unwrap().is_service_account());
    let marked = alpha().claims(ClaimMap::new().service_account(ClaimCondition::equals("idtyp", "app")));
    assert!(outcome(marked.clone(), &app).unwrap().is_service_account());
    for value in [json!("user"), json!("App"), json!(true), Value::Null] {
        let caller = outcome(marked.clone(), &claims_with(ALPHA, "idtyp", value)).unwrap();
        assert!(!caller.is_service_account() && caller.is_external());
    }
}

#[test]
fn unmapped_group_gives_no_role() {
    let mapped = alpha().claims(ClaimMap::new().roles_from(["groups", "roles"]).role("clerks", "clerk"));
    let claims = claims_with(ALPHA, "groups", json!(["admins", "clerks", "clerk "]));
    assert_eq!(outcome(mapped.clone(), &claims).unwrap().roles(), ["clerk"]);
    let claims = claims_with(ALPHA, "roles", json!(["admin", "clerk"]));
    assert_eq!(outcome(mapped, &claims).unwrap().roles(), [""; 0]);
}

#[test]
fn overage_is_not_no_roles() {
    let mapped = alpha().claims(ClaimMap::new().roles_from(["groups"]).role("clerks", "clerk"));
    let without_groups = outcome(mapped.clone(), &claims_of(ALPHA)).unwrap();
    assert!(without_groups.roles_known() && without_groups.roles().is_empty());
    let overage = claims_with(ALPHA, "_claim_names", json!({ "groups": "src1" }));
    assert!(!outcome(mapped, &overage).unwrap().roles_known());
}

#[test]
fn empty_or_blank_tenant_is_rejected() {
    for tenant in [json!(""), json!(" "), json!("\t\n"), Value::Null, json!(["contoso"]), json!(1)] {
        let claims = claims_with(ALPHA, "tenant_id", tenant.clone());
        for rule in [
            TenantRule::claim("tenant_id"),
            TenantRule::claim("tenant_id").danger_any_tenant(),
            TenantRule::table("tenant_id", [("1", "contoso")]),
        ] {
            let rejected = outcome(alpha().tenant(rule), &claims).unwrap_err();
            assert_eq!(rejected, Some(RejectionReason::TenantUnresolved), "{tenant}");
        }
    }
    for blank in ["", " "] {
        let rejected = outcome(passport(0, "k"), &claims_with(PASSPORT, "tenant_id", json!(blank)));
        assert_eq!(rejected.unwrap_err(), Some(RejectionReason::MissingClaim("tenant_id")));
    }
}

#[test]
fn issuer_cannot_speak_for_the_tenant_of_another_customer() {
    let by_claim = |iss, name, key| external(iss, name, key, "k").tenant(TenantRule::claim("tenant_id"));
    let verifier = trusting([passport(2, "k"), by_claim(ALPHA, "alpha", 0), by_claim(BETA, "beta", 1)])
        .allowed_issuers("contoso", [ALPHA])
        .allowed_issuers("fabrikam", [BETA, PASSPORT])
        .build()
        .unwrap();
    for (iss, name, key, tenant, is_allowed) in [
        (ALPHA, "alpha", 0, "contoso", true),
        (ALPHA, "alpha", 0, "fabrikam", false),
        (ALPHA, "alpha", 0, "unlisted", false),
        (BETA, "beta", 1, "fabrikam", true),
        (BETA, "beta", 1, "contoso", false),
        (BETA, "beta", 1, "Fabrikam", false),
        (PASSPORT, "passport", 2, "fabrikam", true),
        (PASSPORT, "passport", 2, "contoso", false),
        (PASSPORT, "passport", 2, "unlisted", true),
    ] {
        let token = test_key(key).token("k", &claims_with(iss, "tenant_id", json!(tenant)));
        match verify(&verifier, &token) {
            Ok(caller) => assert_eq!((caller.tenant_id(), is_allowed), (tenant, true), "{name}"),
            Err(error) => {
                assert!(!is_allowed, "{name} {tenant}");
                assert_eq!(error, rejected_by(name, RejectionReason::TenantNotAllowed));
            }
        }
    }
}

#[test]
fn tenant_with_a_list_rejects_fixed_issuers_off_the_list() {
    let fixed = |rule| trusting([passport(2, "k"), alpha().tenant(rule), external(BETA, "beta", 1, "k")]);
    for rule in [
        TenantRule::fixed("contoso"),
        TenantRule::table("sub", [("u", "contoso")]),
        TenantRule::claim("tenant_id").danger_any_tenant(),
    ] {
        let token = test_key(0).token("k", &claims_of(ALPHA));
        let open = fixed(rule.clone()).build().unwrap();
        assert_eq!(verify(&open, &token).unwrap().tenant_id(), "contoso");
        let closed = fixed(rule).allowed_issuers("contoso", [BETA]).build().unwrap();
        let expected = rejected_by("alpha", RejectionReason::TenantNotAllowed);
        assert_eq!(verify(&closed, &token).unwrap_err(), expected);
    }
}

#[test]
fn audience_is_read_from_the_configured_claim() {
    use crate::AudienceClaim::{Azp, ClientId};
    for (claim, name) in [(ClientId, "client_id"), (Azp, "azp")] {
        let issuer = alpha().audience_claim(claim);
        let mut claims = claims_with(ALPHA, name, json!("api"));
        claims["aud"] = json!("other");
        outcome(issuer.clone(), &claims).unwrap();
        assert_eq!(
            outcome(issuer.clone(), &claims_of(ALPHA)).unwrap_err(),
            Some(RejectionReason::AudienceMismatch),
            "aud is not read"
        );
        for (value, expected) in [
            (json!("other"), RejectionReason::AudienceMismatch),
            (Value::Null, RejectionReason::AudienceMismatch),
            (json!(["api"]), RejectionReason::Malformed),
        ] {
            let rejected = outcome(issuer.clone(), &claims_with(ALPHA, name, value)).unwrap_err();
            assert_eq!(rejected, Some(expected));
        }
    }
}

#[test]
fn clock_skew_is_that_of_the_issuer_or_the_builder() {
    let strict = alpha().clock_skew(Duration::ZERO);
    let verifier = trusting([strict, external(BETA, "beta", 1, "k")])
        .clock_skew(Duration::from_secs(120))
        .build()
        .unwrap();
    for (ago, iss, key, is_accepted) in
        [(1, ALPHA, 0, false), (1, BETA, 1, true), (119, BETA, 1, true), (120, BETA, 1, false)]
    {
        let mut claims = claims_with(iss, "exp", json!(START - ago));
        claims["iat"] = json!(START - 3600);
        let outcome = verify(&verifier, &test_key(key).token("k", &claims));
        assert_eq!(outcome.is_ok(), is_accepted, "{iss} {ago}");
        let reason = outcome.err().map(|(reason, _)| reason);
        assert!(is_accepted || reason == Some(Some(RejectionReason::Expired)));
    }
}

#[test]
fn identity_is_issuer_and_subject() {
    let verifier = trusting([alpha(), external(BETA, "beta", 1, "k")]).build().unwrap();
    let of_alpha = verify(&verifier, &test_key(0).token("k", &claims_of(ALPHA))).unwrap();
    let of_beta = verify(&verifier, &test_key(1).token("k", &claims_of(BETA))).unwrap();
    assert_eq!(of_alpha.user_id(), of_beta.user_id());
    assert_eq!((of_alpha.issuer(), of_beta.issuer()), (ALPHA, BETA));
    let of_passport = outcome(passport(0, "k"), &claims_of(PASSPORT)).unwrap();
    assert_eq!((of_passport.issuer(), of_passport.is_external()), (PASSPORT, false));
}
