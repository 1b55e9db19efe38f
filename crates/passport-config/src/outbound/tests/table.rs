//! Mistakes that concern the whole table, and unknown keys.

use super::*;

#[test]
fn value_instead_of_a_table_is_reported_but_not_shown() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": "mics_sk_hidden",
        "payroll": { "client_id": "mi-1" },
    } }))
    .unwrap();
    let message = config.build().unwrap_err().to_string();
    assert!(message.contains("identities.erp: expected a table with client_id"), "{message}");
    assert!(message.contains("identities.payroll.client_secret_ref: missing"), "{message}");
    let message =
        serde_json::from_value::<ManagedIdentitiesConfig>(json!({ "identities": "mics_sk_hidden" }));
    assert!(message.unwrap_err().to_string().contains("identities: expected a table"));
    let config: ManagedIdentityConfig = serde_json::from_value(json!("mics_sk_hidden")).unwrap();
    let message = config.build().unwrap_err().to_string();
    assert!(message.contains("configuration: expected a table") && !message.contains("hidden"), "{message}");
}

#[test]
fn debug_shows_no_values() {
    let config: ManagedIdentityConfig = serde_json::from_value(json!({ "client_secret": "hidden" })).unwrap();
    let shown = format!("{config:?}");
    assert!(shown.contains("client_secret") && !shown.contains("hidden"), "{shown}");
}

#[test]
fn schema_key_of_editors_is_ignored() {
    assert_eq!(mistakes_with(&json!({ "$schema": "config.schema.json#/$defs/identity" })), [""; 0]);
}

#[test]
fn misspelled_key_beside_service_variables_is_reported() {
    let message = mistakes_with(&json!({
        "service_host": "10.0.0.1", "port": "tcp://10.0.0.1:80", "clientid": "mi-1", "service_hosts": "10.0.0.1",
    }));
    assert_eq!(message.len(), 2, "{message:?}");
    assert!(message.iter().any(|problem| problem.starts_with("clientid: ")), "{message:?}");
    assert!(message.iter().any(|problem| problem.starts_with("service_hosts: ")), "{message:?}");
}
