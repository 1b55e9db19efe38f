//! Keycloak and Amazon Cognito.

use super::*;

const KEYCLOAK_HEADER: &str = r#"{"alg":"RS256","typ":"JWT","kid":"provider-key-2026"}"#;
const COGNITO_HEADER: &str = r#"{"kid":"provider-key-2026","alg":"RS256"}"#;

fn keycloak() -> TrustedIssuer {
    TrustedIssuer::keycloak("https://login.example/realms/x")
        .audience("orders-api")
        .tenant(TenantRule::fixed("contoso"))
        .map_claims(|map| {
            map.roles([("orders-clerk", "orders.clerk"), ("orders-sync", "orders.sync")])
                .service_account(ClaimCondition::present("clientHost"))
        })
}

fn keycloak_user() -> Value {
    json!({
        "exp": 1_796_000_300, "iat": 1_796_000_000, "auth_time": 1_795_999_990,
        "jti": "onrtac:5d58f5dc-fd8f-462b-8a19-716f8f83985b",
        "iss": "https://login.example/realms/x",
        "aud": ["orders-api", "account"],
        "sub": "36fa0f91-f94d-4a0c-afed-6b7d952e47da",
        "typ": "Bearer", "azp": "orders-web", "sid": "2a88c258-f73a-4103-b862-e1fbd8f4e04e", "acr": "1",
        "allowed-origins": ["https://orders.example"],
        "realm_access": { "roles": ["offline_access", "default-roles-x", "orders-clerk"] },
        "resource_access": { "account": { "roles": ["view-profile"] } },
        "scope": "openid email profile",
        "email_verified": true, "name": "Ada Example", "preferred_username": "ada",
        "given_name": "Ada", "family_name": "Example", "email": "ada@example.org",
    })
}

#[test]
fn keycloak_user_has_mapped_realm_roles() {
    let caller = verify(keycloak(), KEYCLOAK_HEADER, &keycloak_user()).unwrap();
    assert_eq!(caller.user_id(), "36fa0f91-f94d-4a0c-afed-6b7d952e47da");
    assert_eq!((caller.tenant_id(), caller.email()), ("contoso", Some("ada@example.org")));
    assert_eq!((caller.display_name(), caller.roles()), ("Ada Example", &["orders.clerk".to_owned()][..]));
    assert_eq!(caller.token_id(), Some("onrtac:5d58f5dc-fd8f-462b-8a19-716f8f83985b"));
    assert!(!caller.is_service_account());
}

#[test]
fn keycloak_client_is_a_service_account() {
    let client = changed(
        &keycloak_user(),
        json!({
            "aud": "orders-api", "sub": "ba56d4f8-3c24-4736-a6c5-a50276b6f6c9", "azp": "orders-sync",
            "realm_access": { "roles": ["orders-sync"] }, "email_verified": false, "name": null,
            "email": null, "sid": null, "auth_time": null, "clientHost": "10.0.0.7",
            "clientAddress": "10.0.0.7", "client_id": "orders-sync",
            "preferred_username": "service-account-orders-sync",
        }),
    );
    let caller = verify(keycloak(), KEYCLOAK_HEADER, &client).unwrap();
    assert!(caller.is_service_account() && caller.is_external());
    assert_eq!((caller.display_name(), caller.email()), ("service-account-orders-sync", None));
    assert_eq!(caller.roles(), ["orders.sync"]);
    let named_so = changed(&keycloak_user(), json!({ "preferred_username": "service-account-orders-sync" }));
    assert!(!verify(keycloak(), KEYCLOAK_HEADER, &named_so).unwrap().is_service_account());
}

#[test]
fn other_tokens_of_keycloak_are_rejected() {
    for (changes, expected) in [
        (json!({ "typ": "ID" }), RejectionReason::WrongTokenType),
        (json!({ "typ": "Refresh" }), RejectionReason::WrongTokenType),
        (json!({ "typ": null }), RejectionReason::WrongTokenType),
        (json!({ "nonce": "n" }), RejectionReason::WrongTokenType),
        (json!({ "at_hash": "h" }), RejectionReason::WrongTokenType),
        (json!({ "typ": "DPoP", "cnf": { "jkt": "x" } }), RejectionReason::SenderConstrained),
        (json!({ "aud": null }), RejectionReason::AudienceMismatch),
        (json!({ "aud": "account" }), RejectionReason::AudienceMismatch),
        (json!({ "sub": null }), RejectionReason::SubjectUnresolved),
        (json!({ "realm_access": { "roles": [1] } }), RejectionReason::Malformed),
        (json!({ "iss": "https://login.example/realms/y" }), RejectionReason::IssuerMismatch),
    ] {
        let claims = changed(&keycloak_user(), changes);
        assert_eq!(verify(keycloak(), KEYCLOAK_HEADER, &claims).unwrap_err(), expected, "{claims}");
    }
}

const CLIENT: &str = "57cbishk4j24pabc1234567890";

fn cognito() -> TrustedIssuer {
    TrustedIssuer::cognito("eu-west-1", "eu-west-1_AbCdEfGhI")
        .audience(CLIENT)
        .tenant(TenantRule::fixed("contoso"))
        .map_claims(|map| map.role("orders-clerk", "orders.clerk"))
}

fn cognito_user() -> Value {
    json!({
        "sub": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        "cognito:groups": ["orders-clerk"],
        "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
        "version": 2, "client_id": CLIENT,
        "origin_jti": "aaaaaaaa-1111-4ccc-8ddd-eeeeeeeeeeee",
        "event_id": "bbbbbbbb-1111-4ccc-8ddd-eeeeeeeeeeee",
        "token_use": "access", "scope": "openid orders/read",
        "auth_time": 1_795_999_000, "exp": 1_796_003_600, "iat": 1_796_000_000,
        "jti": "cccccccc-1111-4ccc-8ddd-eeeeeeeeeeee", "username": "ada",
    })
}

#[test]
fn cognito_user_is_accepted_by_client_id() {
    let caller = verify(cognito(), COGNITO_HEADER, &cognito_user()).unwrap();
    assert_eq!(caller.user_id(), "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee");
    assert_eq!((caller.tenant_id(), caller.display_name(), caller.email()), ("contoso", "ada", None));
    assert_eq!(caller.roles(), ["orders.clerk"]);
}

#[test]
fn cognito_machine_has_its_client_id_as_subject() {
    let machine = json!({
        "sub": CLIENT, "token_use": "access", "scope": "orders/sync", "auth_time": 1_796_000_000,
        "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
        "exp": 1_796_003_600, "iat": 1_796_000_000, "version": 2,
        "jti": "dddddddd-1111-4ccc-8ddd-eeeeeeeeeeee", "client_id": CLIENT,
    });
    let caller = verify(cognito(), COGNITO_HEADER, &machine).unwrap();
    assert_eq!((caller.user_id(), caller.display_name()), (CLIENT, CLIENT));
    assert!(caller.roles().is_empty() && !caller.is_service_account());
}

#[test]
fn other_tokens_of_cognito_are_rejected() {
    for (changes, expected) in [
        (json!({ "token_use": "id" }), RejectionReason::WrongTokenType),
        (json!({ "token_use": "id", "client_id": null, "aud": CLIENT }), RejectionReason::AudienceMismatch),
        (json!({ "client_id": "other" }), RejectionReason::AudienceMismatch),
        (json!({ "client_id": "other", "aud": CLIENT }), RejectionReason::AudienceMismatch),
        (json!({ "client_id": [CLIENT] }), RejectionReason::Malformed),
        (json!({ "at_hash": "h" }), RejectionReason::WrongTokenType),
        (
            json!({ "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other" }),
            RejectionReason::IssuerMismatch,
        ),
    ] {
        let claims = changed(&cognito_user(), changes);
        assert_eq!(verify(cognito(), COGNITO_HEADER, &claims).unwrap_err(), expected, "{claims}");
    }
}
