//! Attacks on the configuration of a verifier.

use super::*;

#[test]
fn policy_with_an_unknown_issuer_that_is_a_number_is_reported() {
    assert_ne!(mistakes(&with(&json!({ "policies": { "p": { "issuer": "nobody" } } }))), [""; 0]);
    assert_ne!(mistakes(&with(&json!({ "policies": { "p": { "not": { "issuer": 7 } } } }))), [""; 0]);
}

#[test]
fn policy_with_an_unknown_issuer_is_reported_without_build() {
    let config = config(&with(&json!({ "policies": { "p": { "not": { "issuer": "nobody" } } } })));
    assert!(config.policy("p").is_err());
}

#[test]
fn issuer_name_with_spaces_around_it_is_known() {
    let mut table = with_issuer(&json!({ "name": "partner" }));
    table["policies"] = json!({ "p": { "issuer": " partner " } });
    assert_eq!(mistakes(&table), [""; 0]);
}

#[test]
fn tenant_with_spaces_around_its_key_is_reported() {
    let tenants = json!({ "contoso ": { "allowed_issuers": ["https://passport.bizfirst.ai"] } });
    assert_ne!(mistakes(&with(&json!({ "tenants": tenants }))), [""; 0]);
}

#[test]
fn tenant_with_spaces_in_a_table_is_reported() {
    let tenant = json!({ "claim": "tid", "table": { "a": "contoso " } });
    assert_ne!(mistakes(&with_issuer(&json!({ "tenant": tenant }))), [""; 0]);
}

#[test]
fn role_mapping_does_not_apply_to_groups() {
    let provider = |groups: Value, roles: Value| {
        with_provider(&json!({
            "groups_claim": "groups", "roles_claim": "roles", "group_mapping": groups, "role_mapping": roles,
        }))
    };
    // In the first configuration, a group `Admin` must not become the role `admin`.
    let one = config(&provider(json!({ "g-1": "clerk" }), json!({ "Admin": "admin" })));
    let other = config(&provider(json!({ "g-1": "clerk", "Admin": "admin" }), json!({ "Admin": "admin" })));
    let changes = one.build().unwrap().replace(other.builder().unwrap()).unwrap();
    assert!(!changes.is_empty(), "both configurations give a group `Admin` the role `admin`");
}

#[test]
fn wrong_types_and_nulls_neither_panic_nor_pass() {
    let wrong = [
        json!(null),
        json!(true),
        json!(5),
        json!(-1.5e300),
        json!(""),
        json!(" "),
        json!([]),
        json!([[]]),
        json!([null]),
        json!({}),
        json!({ "": null }),
        json!({ "x": [] }),
        json!("\u{0}"),
        json!([{ "x": {} }]),
    ];
    let keys = [
        "issuer",
        "name",
        "kind",
        "preset",
        "directory",
        "audience",
        "audience_claim",
        "jwks_url",
        "algorithms",
        "token_types",
        "clock_skew",
        "require_claims",
        "claims",
        "tenant",
        "allowed_directories",
        "danger_any_directory",
        "jwks_cooldown",
    ];
    for key in keys {
        for value in &wrong {
            drop(mistakes(&with_issuer(&json!({ key: value }))));
        }
    }
    for value in &wrong {
        for key in
            ["audience", "issuers", "external_providers", "tenants", "policies", "valid_issuers", "passport"]
        {
            drop(mistakes(&with(&json!({ key: value }))));
        }
        if !value.is_null() {
            for key in ["audience", "issuer", "tenant"] {
                let found = mistakes(&with_issuer(&json!({ key: value })));
                let is_text = matches!(value, Value::Number(_)) || value == "\u{0}";
                assert!(
                    !found.is_empty() || (is_text && key == "audience") || value == "\u{0}",
                    "{key} {value}"
                );
            }
        }
    }
}

#[test]
fn many_issuers_with_mistakes_are_reported_in_time() {
    let issuers: Vec<_> = (0..1000)
        .map(|number| json!({ "name": format!("n{number}"), "issuer": format!("http://i{number}.example"), "colour": 1 }))
        .collect();
    let found = mistakes(&with(&json!({ "issuers": issuers })));
    assert!(found.len() >= 4000, "{}", found.len());
}
