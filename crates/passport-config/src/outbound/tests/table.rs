//! The table and its keys as a whole.

use super::*;

#[test]
fn value_that_is_no_table_is_reported_and_not_shown() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": "mics_sk_hidden",
        "payroll": { "client_id": "mi-1" },
    } }))
    .unwrap();
    let told = config.build().unwrap_err().to_string();
    assert!(told.contains("identities.erp: it is not a table; write client_id"), "{told}");
    assert!(told.contains("identities.payroll.client_secret_ref: it is missing"), "{told}");
    let told = serde_json::from_value::<ManagedIdentitiesConfig>(json!({ "identities": "mics_sk_hidden" }));
    assert!(told.unwrap_err().to_string().contains("identities: it is not a table"));
    let config: ManagedIdentityConfig = serde_json::from_value(json!("mics_sk_hidden")).unwrap();
    let told = config.build().unwrap_err().to_string();
    assert!(told.contains("configuration: it is not a table") && !told.contains("hidden"), "{told}");
}

#[test]
fn debug_shows_no_values() {
    let config: ManagedIdentityConfig = serde_json::from_value(json!({ "client_secret": "hidden" })).unwrap();
    let shown = format!("{config:?}");
    assert!(shown.contains("client_secret") && !shown.contains("hidden"), "{shown}");
}

#[test]
fn an_editors_key_is_no_mistake() {
    assert_eq!(mistakes_with(&json!({ "$schema": "config.schema.json#/$defs/identity" })), [""; 0]);
}

#[test]
fn variable_of_a_service_does_not_hide_a_misspelled_key() {
    let told = mistakes_with(&json!({
        "service_host": "10.0.0.1", "port": "tcp://10.0.0.1:80", "clientid": "mi-1", "service_hosts": "10.0.0.1",
    }));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|problem| problem.starts_with("clientid: ")), "{told:?}");
    assert!(told.iter().any(|problem| problem.starts_with("service_hosts: ")), "{told:?}");
}
