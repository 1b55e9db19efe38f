//! Requirements for callers of other issuers than Passport.

use super::*;
use crate::{
    identity::{CallerSource, Revocation},
    issuers::IssuerName,
};

/// Returns a request of a caller of the issuer `keycloak`, with these claims of Passport.
fn external(claims: &Value, roles_known: bool) -> Request<()> {
    let payload = claims.to_string().into_bytes();
    let mut claims = Claims::parse(&payload).unwrap();
    claims.has_unknown_roles = !roles_known;
    let source = CallerSource { issuer: IssuerName::new("keycloak"), is_external: true };
    let mut request = Request::new(());
    let caller = IdInfo::new(claims, payload, std::time::UNIX_EPOCH, source, Revocation::default());
    request.extensions_mut().insert(caller);
    request
}

/// Returns the reason of the rejection, or `None` if the request is allowed.
fn reason(requirement: &Requirement, request: &Request<()>) -> Option<&'static str> {
    match decision(requirement, request).err()? {
        Rejection::Forbidden(unmet) => Some(unmet.reason()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_roles_meet_no_role_and_no_negated_role() {
    let clerk = || Requirement::role("clerk");
    let unknown = external(&json!({ "roles": ["admin"] }), false);
    let grants = RolePermissions::new().grant("clerk", ["a.read"]);
    for requirement in [
        clerk(),
        !clerk(),
        Requirement::all_roles(["admin", "clerk"]),
        grants.permission("a.read"),
        !grants.permission("a.read"),
        clerk().and(Requirement::user()),
        !(!clerk()),
    ] {
        assert_eq!(reason(&requirement, &unknown), Some("RolesUnknown"), "{requirement}");
    }
}

#[test]
fn roles_in_the_token_count_even_if_others_are_unknown() {
    let unknown = external(&json!({ "roles": ["admin"], "permissions": ["b.read"] }), false);
    let grants = RolePermissions::new().grant("admin", ["a.read"]);
    for requirement in [
        Requirement::role("admin"),
        grants.permission("a.read"),
        grants.permission("b.read"),
        Requirement::user().or(Requirement::role("clerk")),
        // No role grants this permission, so further roles would not change the result.
        !grants.permission("c.read"),
    ] {
        assert_eq!(reason(&requirement, &unknown), None, "{requirement}");
    }
    assert_eq!(reason(&!Requirement::role("admin"), &unknown), Some("RolesUnknown"));
}

#[test]
fn missing_role_is_not_reported_as_unknown() {
    let known = external(&json!({ "roles": ["admin"] }), true);
    assert_eq!(reason(&Requirement::role("clerk"), &known), Some("RoleRequired"));
    assert_eq!(reason(&!Requirement::role("clerk"), &known), None);
    let unknown = external(&json!({}), false);
    assert_eq!(reason(&Requirement::tenant("t"), &unknown), Some("TenantMismatch"));
}

#[test]
fn issuer_of_the_caller_can_be_required() {
    let (own, other) = (request(&json!({}), "/"), external(&json!({ "is_service_account": true }), true));
    for (requirement, of_passport, of_other) in [
        (Requirement::passport(), None, Some("IssuerRequired")),
        (Requirement::issuer("keycloak"), Some("IssuerRequired"), None),
        (Requirement::service_account(), Some("ServiceAccountRequired"), None),
        (
            Requirement::service_account().and(Requirement::passport()),
            Some("RequirementNotMet"),
            Some("RequirementNotMet"),
        ),
    ] {
        assert_eq!(reason(&requirement, &own), of_passport, "{requirement}");
        assert_eq!(reason(&requirement, &other), of_other, "{requirement}");
    }
}

#[test]
fn scopes_of_entra_and_okta_are_read_from_scp() {
    let scopes = Requirement::scopes("orders.read orders.write").unwrap();
    for (claims, is_met) in [
        (json!({ "scp": "orders.read orders.write" }), true),
        (json!({ "scp": ["orders.read", "orders.write"] }), true),
        (json!({ "scp": "orders.read" }), false),
        (json!({ "scope": "orders.read", "scp": "orders.read orders.write" }), false),
        (json!({ "scope": ["orders.read", "orders.write"] }), false),
    ] {
        let reason = reason(&scopes, &external(&claims, true));
        assert_eq!(reason.is_none(), is_met, "{claims}");
    }
}
