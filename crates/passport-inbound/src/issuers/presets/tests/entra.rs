//! Entra ID, one directory.

use super::*;

const DIRECTORY: &str = "72f988bf-0000-41af-91ab-2d7cd011db47";
const HEADER: &str = r#"{"typ":"JWT","alg":"RS256","kid":"provider-key-2026"}"#;
const AUDIENCE: &str = "6e74172b-0000-4843-9ff4-e66a39bb12e3";

fn issuer() -> TrustedIssuer {
    TrustedIssuer::entra(DIRECTORY).audience(AUDIENCE).tenant(TenantRule::fixed("contoso")).map_claims(
        |map| {
            map.roles([("Orders.Clerk", "orders.clerk"), ("Orders.Sync", "orders.sync")])
                .service_account(ClaimCondition::equals("idtyp", "app"))
        },
    )
}

/// Returns the claims of a user of `directory`.
pub(super) fn user_of(directory: &str) -> Value {
    json!({
        "aud": AUDIENCE,
        "iss": format!("https://login.microsoftonline.com/{directory}/v2.0"),
        "iat": 1_796_000_000, "nbf": 1_796_000_000, "exp": 1_796_004_500,
        "aio": "AXQAi/8IAAAA",
        "azp": "11112222-aaaa-4bbb-8ccc-333344445555", "azpacr": "0",
        "name": "Ada Example",
        "oid": "690222be-0000-4d56-abd1-7e4f7d38e474",
        "preferred_username": "ada@contoso.example",
        "rh": "0.AAAA",
        "roles": ["Orders.Clerk"],
        "scp": "access_as_user",
        "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
        "tid": directory,
        "uti": "fqiBqXLPj0eQa82S-IYFAA",
        "ver": "2.0",
    })
}

fn user() -> Value {
    user_of(DIRECTORY)
}

fn reason(header: &str, claims: &Value) -> RejectionReason {
    verify(issuer(), header, claims).unwrap_err()
}

#[test]
fn user_is_identified_by_oid() {
    let caller = verify(issuer(), HEADER, &user()).unwrap();
    assert_eq!(caller.user_id(), "690222be-0000-4d56-abd1-7e4f7d38e474");
    assert_eq!((caller.tenant_id(), caller.display_name()), ("contoso", "Ada Example"));
    assert_eq!((caller.email(), caller.roles()), (None, &["orders.clerk".to_owned()][..]));
    assert!(caller.is_external() && caller.roles_known() && !caller.is_service_account());
    let guest = changed(&user(), json!({ "upn": "ada@contoso.example" }));
    assert_eq!(verify(issuer(), HEADER, &guest).unwrap().email(), Some("ada@contoso.example"));
}

#[test]
fn app_is_a_service_account_by_idtyp() {
    let app = changed(
        &user(),
        json!({
            "idtyp": "app", "oid": "a761cbb2-0000-4c80-aa50-504962316eb2", "roles": ["Orders.Sync"],
            "name": null, "preferred_username": null, "scp": null, "azpacr": "1",
        }),
    );
    let caller = verify(issuer(), HEADER, &app).unwrap();
    assert!(caller.is_service_account());
    assert_eq!(caller.user_id(), "a761cbb2-0000-4c80-aa50-504962316eb2");
    assert_eq!(caller.display_name(), caller.user_id());
    assert_eq!(caller.roles(), ["orders.sync"]);
    let unmarked = changed(&app, json!({ "idtyp": null }));
    assert!(!verify(issuer(), HEADER, &unmarked).unwrap().is_service_account());
}

#[test]
fn id_token_is_rejected_with_and_without_nonce() {
    let id_token = changed(&user(), json!({ "azp": null, "azpacr": null, "scp": null }));
    assert_eq!(reason(HEADER, &id_token), RejectionReason::WrongTokenType);
    let with_nonce = changed(&user(), json!({ "nonce": "n-1" }));
    assert_eq!(reason(HEADER, &with_nonce), RejectionReason::WrongTokenType);
}

#[test]
fn token_of_version_1_is_rejected_by_its_issuer() {
    let v1 = changed(
        &user(),
        json!({
            "iss": format!("https://sts.windows.net/{DIRECTORY}/"), "ver": "1.0", "azp": null,
            "appid": "11112222-aaaa-4bbb-8ccc-333344445555",
        }),
    );
    let header = r#"{"typ":"JWT","alg":"RS256","x5t":"x","kid":"provider-key-2026"}"#;
    assert_eq!(reason(header, &v1), RejectionReason::IssuerMismatch);
}

#[test]
fn token_without_oid_is_rejected() {
    let claims = changed(&user(), json!({ "oid": null }));
    assert_eq!(reason(HEADER, &claims), RejectionReason::SubjectUnresolved);
}

#[test]
fn audience_is_the_client_id_of_the_service() {
    let claims = changed(&user(), json!({ "aud": "api://bizfirstgo" }));
    assert_eq!(reason(HEADER, &claims), RejectionReason::AudienceMismatch);
}

#[test]
fn overage_makes_roles_unknown() {
    let overage = changed(
        &user(),
        json!({
            "_claim_names": { "groups": "src1" },
            "_claim_sources": { "src1": { "endpoint": "https://graph.windows.net/x/getMemberObjects" } },
        }),
    );
    let implicit = changed(&user(), json!({ "hasgroups": true }));
    for claims in [&overage, &implicit] {
        let caller = verify(issuer(), HEADER, claims).unwrap();
        assert!(!caller.roles_known());
        assert_eq!(caller.roles(), ["orders.clerk"]);
    }
    let only_app_roles = issuer().map_claims(|map| map.roles_from(["roles"]));
    assert!(verify(only_app_roles, HEADER, &overage).unwrap().roles_known());
}

#[test]
fn key_of_another_issuer_is_rejected() {
    let token = test_key(0).sign(HEADER, &user().to_string());
    let with_issuer = |issuer: Option<&str>| {
        let mut key = test_key(0).jwk(KID);
        if let Some(issuer) = issuer {
            key["issuer"] = issuer.into();
        }
        json!({ "keys": [key] }).to_string()
    };
    let own = format!("https://login.microsoftonline.com/{DIRECTORY}/v2.0");
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    for accepted in [None, Some(&*own), Some(template)] {
        verify_with_keys(issuer(), &with_issuer(accepted), &token).unwrap();
    }
    for other in ["https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", "", "x"] {
        assert_eq!(
            verify_with_keys(issuer(), &with_issuer(Some(other)), &token).unwrap_err(),
            RejectionReason::KeyIssuerMismatch
        );
    }
}
