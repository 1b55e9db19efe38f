//! Okta, Auth0 and Google.

use super::*;

const HEADER: &str = r#"{"kid":"provider-key-2026","alg":"RS256"}"#;

fn okta() -> TrustedIssuer {
    TrustedIssuer::okta("https://company.okta.com/oauth2/default")
        .audience("api://orders")
        .tenant(TenantRule::fixed("contoso"))
        .map_claims(|map| {
            map.role("Orders Clerks", "orders.clerk")
                .permissions_from("scp")
                .service_account(ClaimCondition::equals("caller_type", "service"))
        })
}

fn okta_user() -> Value {
    json!({
        "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
        "iss": "https://company.okta.com/oauth2/default", "aud": "api://orders",
        "iat": 1_796_000_000, "exp": 1_796_003_600,
        "cid": "0oabv6kx4qq6h1U5l0h7", "uid": "00ujmkLgFFKnyzfbN0h7",
        "scp": ["openid", "orders.read"], "auth_time": 1_795_999_000,
        "sub": "ada@company.example", "email": "ada@company.example",
        "groups": ["Everyone", "Orders Clerks"],
    })
}

#[test]
fn okta_user_has_mapped_groups() {
    let caller = verify(okta(), HEADER, &okta_user()).unwrap();
    assert_eq!((caller.user_id(), caller.tenant_id()), ("ada@company.example", "contoso"));
    assert_eq!(
        (caller.email(), caller.roles()),
        (Some("ada@company.example"), &["orders.clerk".to_owned()][..])
    );
    assert_eq!(caller.permissions(), ["openid", "orders.read"]);
    assert!(!caller.is_service_account());
}

#[test]
fn okta_machine_is_marked_by_a_configured_claim() {
    let machine = changed(
        &okta_user(),
        json!({
            "sub": "0oasync6kx4qq6h1U5l7", "cid": "0oasync6kx4qq6h1U5l7", "uid": null, "email": null,
            "groups": null, "auth_time": null, "scp": ["service"], "caller_type": "service",
        }),
    );
    let caller = verify(okta(), HEADER, &machine).unwrap();
    assert!(caller.is_service_account());
    assert_eq!((caller.user_id(), caller.email()), ("0oasync6kx4qq6h1U5l7", None));
}

#[test]
fn other_tokens_of_okta_are_rejected() {
    for (changes, expected) in [
        (json!({ "cid": null, "jti": "ID.x" }), RejectionReason::WrongTokenType),
        (json!({ "at_hash": "h" }), RejectionReason::WrongTokenType),
        (json!({ "aud": "0oabv6kx4qq6h1U5l0h7" }), RejectionReason::AudienceMismatch),
        (json!({ "iss": "https://company.okta.com" }), RejectionReason::IssuerMismatch),
    ] {
        let claims = changed(&okta_user(), changes);
        assert_eq!(verify(okta(), HEADER, &claims).unwrap_err(), expected, "{claims}");
    }
    let of_org_server =
        r#"{"kid":"provider-key-2026","alg":"RS256","typ":"application/okta-internal-at+jwt"}"#;
    assert_eq!(verify(okta(), of_org_server, &okta_user()).unwrap_err(), RejectionReason::WrongTokenType);
}

#[test]
fn claims_of_okta_admins_are_not_those_of_passport() {
    let claims = changed(
        &okta_user(),
        json!({ "tenant_id": "fabrikam", "is_service_account": true, "roles": { "a": 1 }, "permissions": 5 }),
    );
    let caller = verify(okta(), HEADER, &claims).unwrap();
    assert_eq!((caller.tenant_id(), caller.is_service_account()), ("contoso", false));
    assert_eq!(caller.roles(), ["orders.clerk"]);
}

const AUTH0_HEADER: &str = r#"{"alg":"RS256","typ":"JWT","kid":"provider-key-2026"}"#;
const RFC_9068_HEADER: &str = r#"{"alg":"RS256","typ":"at+jwt","kid":"provider-key-2026"}"#;

fn auth0() -> TrustedIssuer {
    TrustedIssuer::auth0("company.eu.auth0.com")
        .audience("https://orders.example")
        .tenant(TenantRule::fixed("contoso"))
        .map_claims(|map| {
            map.email(["https://bizfirstgo.com/email"])
                .roles_from(["https://bizfirstgo.com/roles"])
                .role("Orders Clerk", "orders.clerk")
                .permissions_from("permissions")
                .service_account(ClaimCondition::equals("gty", "client-credentials"))
        })
}

fn auth0_user() -> Value {
    json!({
        "iss": "https://company.eu.auth0.com/", "sub": "auth0|66f1c0ffee",
        "aud": ["https://orders.example", "https://company.eu.auth0.com/userinfo"],
        "iat": 1_796_000_000, "exp": 1_796_086_400, "scope": "openid profile orders:read",
        "azp": "7kq2client", "permissions": ["orders:read"],
        "https://bizfirstgo.com/roles": ["Orders Clerk"],
        "https://bizfirstgo.com/email": "ada@company.example",
        "https://bizfirstgo.com/tenant_id": "contoso",
    })
}

#[test]
fn auth0_user_has_claims_with_a_namespace() {
    let caller = verify(auth0(), AUTH0_HEADER, &auth0_user()).unwrap();
    assert_eq!((caller.user_id(), caller.tenant_id()), ("auth0|66f1c0ffee", "contoso"));
    assert_eq!(
        (caller.email(), caller.roles()),
        (Some("ada@company.example"), &["orders.clerk".to_owned()][..])
    );
    assert_eq!(caller.permissions(), ["orders:read"]);
    let strict = auth0().token_types(["at+jwt"]);
    let rfc_9068 = changed(&auth0_user(), json!({ "azp": null, "client_id": "7kq2client", "jti": "73Wa" }));
    verify(auth0(), RFC_9068_HEADER, &rfc_9068).unwrap();
    verify(strict.clone(), RFC_9068_HEADER, &rfc_9068).unwrap();
    assert_eq!(verify(strict, AUTH0_HEADER, &auth0_user()).unwrap_err(), RejectionReason::WrongTokenType);
}

#[test]
fn auth0_machine_is_marked_by_gty() {
    let machine = json!({
        "iss": "https://company.eu.auth0.com/", "sub": "9sync2client@clients",
        "aud": "https://orders.example", "iat": 1_796_000_000, "exp": 1_796_086_400,
        "scope": "orders:sync", "gty": "client-credentials", "azp": "9sync2client",
    });
    let caller = verify(auth0(), AUTH0_HEADER, &machine).unwrap();
    assert!(caller.is_service_account());
    assert_eq!(caller.user_id(), "9sync2client@clients");
    let password = changed(&machine, json!({ "gty": "password" }));
    assert!(!verify(auth0(), AUTH0_HEADER, &password).unwrap().is_service_account());
}

#[test]
fn other_tokens_of_auth0_are_rejected() {
    for (changes, expected) in [
        (json!({ "aud": "7kq2client" }), RejectionReason::AudienceMismatch),
        (json!({ "nonce": "n" }), RejectionReason::WrongTokenType),
        (json!({ "iss": "https://company.eu.auth0.com" }), RejectionReason::IssuerMismatch),
    ] {
        let claims = changed(&auth0_user(), changes);
        assert_eq!(verify(auth0(), AUTH0_HEADER, &claims).unwrap_err(), expected, "{claims}");
    }
    let hs256 = r#"{"alg":"HS256","typ":"JWT"}"#;
    assert_eq!(verify(auth0(), hs256, &auth0_user()).unwrap_err(), RejectionReason::AlgorithmNotAllowed);
    for opaque in ["opaque", "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.Y2lwaGVy.dGFn"] {
        assert_eq!(verify_text(auth0(), opaque).unwrap_err(), RejectionReason::Malformed, "{opaque}");
    }
}

fn google() -> TrustedIssuer {
    TrustedIssuer::google()
        .audience("https://orders.example")
        .tenant(TenantRule::table("sub", [("117000000000000000001", "contoso")]))
        .map_claims(|map| map.service_account(ClaimCondition::ends_with("email", ".gserviceaccount.com")))
}

fn google_machine() -> Value {
    json!({
        "aud": "https://orders.example", "azp": "117000000000000000001",
        "email": "orders-sync@shop-prod.iam.gserviceaccount.com", "email_verified": true,
        "exp": 1_796_003_600, "iat": 1_796_000_000,
        "iss": "https://accounts.google.com", "sub": "117000000000000000001",
    })
}

#[test]
fn google_service_account_is_listed_by_its_id() {
    let caller = verify(google(), AUTH0_HEADER, &google_machine()).unwrap();
    assert_eq!((caller.user_id(), caller.tenant_id()), ("117000000000000000001", "contoso"));
    assert_eq!(caller.email(), Some("orders-sync@shop-prod.iam.gserviceaccount.com"));
    assert!(caller.is_service_account() && caller.is_external());
}

#[test]
fn other_tokens_of_google_are_rejected() {
    for (changes, expected) in [
        (json!({ "sub": "110169484474386276334" }), RejectionReason::TenantUnresolved),
        (json!({ "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q" }), RejectionReason::WrongTokenType),
        (json!({ "aud": "1234-abc.apps.googleusercontent.com" }), RejectionReason::AudienceMismatch),
        (json!({ "iss": "accounts.google.com" }), RejectionReason::IssuerMismatch),
    ] {
        let claims = changed(&google_machine(), changes);
        assert_eq!(verify(google(), AUTH0_HEADER, &claims).unwrap_err(), expected, "{claims}");
    }
    assert_eq!(verify_text(google(), "ya29.a0AfH6SMBx").unwrap_err(), RejectionReason::Malformed);
}
