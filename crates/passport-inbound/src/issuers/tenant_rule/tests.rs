use super::*;
use crate::jwt::{claim_value::WantedClaims, claims::Claims};

/// Returns the tenant of a token with these claims.
fn tenant(rule: &TenantRule, payload: &str) -> Option<String> {
    let wanted = WantedClaims::new(rule.path());
    let (_, values) = Claims::parse_external(payload.as_bytes(), &wanted).unwrap();
    rule.tenant(&values).map(str::to_owned)
}

#[test]
fn fixed_tenant_needs_no_claim() {
    assert_eq!(tenant(&TenantRule::fixed("contoso"), r#"{"tenant_id":"x"}"#).as_deref(), Some("contoso"));
}

#[test]
fn blank_tenant_is_no_tenant() {
    for blank in ["", " ", "\t", "\u{a0}"] {
        assert_eq!(tenant(&TenantRule::fixed(blank), "{}"), None);
        let payload = serde_json::json!({ "t": blank, "k": "k" }).to_string();
        assert_eq!(tenant(&TenantRule::claim("t"), &payload), None);
        assert_eq!(tenant(&TenantRule::table("k", [("k", blank)]), &payload), None);
    }
}

#[test]
fn claim_that_is_not_a_text_gives_no_tenant() {
    for payload in ["{}", r#"{"t":null}"#, r#"{"t":1}"#, r#"{"t":["contoso"]}"#, r#"{"t":{"t":"contoso"}}"#] {
        assert_eq!(tenant(&TenantRule::claim("t"), payload), None, "{payload}");
        assert_eq!(tenant(&TenantRule::table("t", [("contoso", "c")]), payload), None, "{payload}");
    }
    assert_eq!(tenant(&TenantRule::claim("a.t"), r#"{"a":{"t":"x"}}"#).as_deref(), Some("x"));
}

#[test]
fn value_that_is_not_in_the_table_has_no_tenant() {
    let rule = TenantRule::table("tid", [("1", "contoso"), ("2", "fabrikam")]);
    assert_eq!(tenant(&rule, r#"{"tid":"2"}"#).as_deref(), Some("fabrikam"));
    for value in ["", "3", "contoso", "1 ", "1\\u0000"] {
        assert_eq!(tenant(&rule, &format!(r#"{{"tid":"{value}"}}"#)), None, "{value}");
    }
}

#[test]
fn only_a_claim_needs_a_listed_tenant() {
    assert!(TenantRule::claim("t").needs_listed_tenant(false));
    assert!(!TenantRule::claim("t").danger_any_tenant().needs_listed_tenant(false));
    assert!(!TenantRule::fixed("t").needs_listed_tenant(false));
    assert!(!TenantRule::table("t", [("a", "b")]).needs_listed_tenant(false));
    assert_eq!(TenantRule::fixed("t").danger_any_tenant(), TenantRule::fixed("t"));
}

#[test]
fn directories_choose_the_value_of_every_claim_but_tid() {
    for (rule, needs_listed) in [
        (TenantRule::fixed("t"), false),
        (TenantRule::table("tid", [("a", "t")]), false),
        (TenantRule::table("company", [("a", "t")]), true),
        (TenantRule::claim("tid"), true),
        (TenantRule::claim("tid").danger_any_tenant(), false),
    ] {
        assert_eq!(rule.needs_listed_tenant(true), needs_listed, "{rule:?}");
    }
}

#[test]
fn tenant_in_an_event_follows_the_rule() {
    for (rule, expected) in [
        (TenantRule::fixed("1"), Some("1")),
        (TenantRule::fixed("contoso"), None),
        (TenantRule::claim("tid"), Some("1")),
        (TenantRule::table("tid", [("1", "contoso")]), Some("contoso")),
        (TenantRule::table("tid", [("2", "1")]), None),
    ] {
        assert_eq!(rule.named("1"), expected, "{rule:?}");
    }
}
