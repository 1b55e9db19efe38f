//! Tests of a full deny list: it denies more callers than the events, and never fewer.

use super::*;

/// Sends more events than the list has room for. `sub_id` returns the subject of an event.
async fn fill(setup: &Setup, iss: &str, sub_id: impl Fn(&str) -> Value) {
    for number in 0..101 {
        let id = number.to_string();
        let mut event = event_with("iss", json!(iss));
        (event["jti"], event["tenant_id"], event["sub_id"]) = (json!(id), json!("theirs"), sub_id(&id));
        assert_eq!(setup.push(&event).await, 202);
    }
    assert_eq!(setup.list.len(), 1);
}

/// Returns the claims of a token with the name `id` of its user, its session or itself.
fn claims_about(iss: &str, name: &str, id: &str, tenant: &str) -> Value {
    let mut claims = claims_with(iss, name, json!(id));
    claims["tenant_id"] = json!(tenant);
    claims
}

fn session(id: &str) -> Value {
    let opaque = |id: &str| json!({ "format": "opaque", "id": id });
    json!({ "format": "complex", "session": opaque(id), "tenant": opaque("theirs") })
}

#[tokio::test]
async fn full_list_refuses_the_tenant_of_sessions() {
    let setup = setup_with(DenyList::builder().capacity(100)).await;
    fill(&setup, PASSPORT, session).await;
    assert!(setup.is_revoked(&claims_about(PASSPORT, "sid", "0", "theirs")));
    assert!(setup.is_revoked(&claims_about(PASSPORT, "sid", "other", "theirs")));
    assert!(!setup.is_revoked(&claims_about(PASSPORT, "sid", "other", "fabrikam")));
}

#[tokio::test]
async fn full_list_denies_users_in_all_their_tenants() {
    let setup = setup_with(DenyList::builder().capacity(100)).await;
    fill(&setup, PASSPORT, |id| json!({ "format": "iss_sub", "iss": PASSPORT, "sub": id })).await;
    for tenant in ["theirs", "fabrikam"] {
        assert!(setup.is_revoked(&claims_about(PASSPORT, "sub", "0", tenant)), "{tenant}");
    }
    assert!(!setup.is_revoked(&claims_of(ALPHA)), "the tokens of another issuer");
}

#[tokio::test]
async fn full_list_denies_sessions_of_every_tenant_claim() {
    for (rule, name) in [
        (TenantRule::claim("org").danger_any_tenant(), "org"),
        (TenantRule::table("org", [("o-1", "theirs"), ("o-2", "fabrikam")]), "org"),
        (TenantRule::fixed("contoso"), "unused"),
    ] {
        let setup = setup_with_rule(DenyList::builder().capacity(100), rule).await;
        fill(&setup, ALPHA, session).await;
        for org in ["o-1", "o-2"] {
            let mut claims = claims_with(ALPHA, name, json!(org));
            claims["sid"] = json!("0");
            assert!(setup.is_revoked(&claims), "{name} {org}");
        }
        assert!(!setup.is_revoked(&claims_of(PASSPORT)));
    }
}
