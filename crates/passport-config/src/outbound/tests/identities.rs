//! Several identities by name.

use super::*;

#[test]
fn mistake_names_its_identity() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP", "scope": "openid" },
        "payroll": { "client_secret_ref": "env:PAYROLL" },
    } }))
    .unwrap();
    let error = config.build().unwrap_err();
    let keys: Vec<_> = error.problems().iter().map(|problem| &*problem.option).collect();
    assert_eq!(keys, ["identities.erp.scope", "identities.payroll.client_id"], "{error}");
}

#[test]
fn client_id_of_two_identities_is_a_mistake() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP" },
        "payroll": { "client_id": "mi-1", "client_secret_ref": "env:PAYROLL" },
    } }))
    .unwrap();
    let message = config.build().unwrap_err().to_string();
    let expected =
        "identities.payroll.client_id: already used by the identity `erp`; give each service its own";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn client_id_may_be_used_at_two_passports() {
    let one = |passport: &str| json!({ "client_id": "mi-1", "client_secret_ref": "env:S", "passport_base_url": passport });
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "production": one("https://passport.bizfirst.ai"),
        "staging": one("https://passport.staging.bizfirst.ai"),
    } }))
    .unwrap();
    assert!(config.build().is_ok());
}

#[test]
fn no_identities_are_a_mistake() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({})).unwrap();
    let message = config.build().unwrap_err().to_string();
    assert!(message.contains("identities: no identity configured; add at least one"), "{message}");
}

#[test]
fn unknown_name_is_reported_with_the_known_names() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP" },
        "payroll": { "client_id": "mi-2", "client_secret_ref": "env:PAYROLL" },
    } }))
    .unwrap();
    let message = config.build().unwrap().get("erb").unwrap_err().to_string();
    assert!(
        message.contains("identities.erb: unknown identity; known identities are erp, payroll"),
        "{message}"
    );
}

#[test]
fn misspelled_table_of_identities_is_named() {
    let one = json!({ "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP" } });
    for key in ["Identities", "IDENTITIES", "identity", "Identity", "identitys"] {
        let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ key: one })).unwrap();
        let message = config.build().unwrap_err().to_string();
        let expected = format!("{key}: unknown key; did you mean `identities`?");
        assert!(message.contains(&expected) && !message.contains("no identity configured"), "{message}");
    }
    let both: ManagedIdentitiesConfig =
        serde_json::from_value(json!({ "identities": one, "Identities": one })).unwrap();
    assert!(both.build().unwrap_err().to_string().contains("did you mean `identities`?"));
}

#[test]
fn other_keys_of_the_application_are_ignored() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({
        "identities": { "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP" } },
        "identity": "the application's own", "logging": { "level": "info" },
    }))
    .unwrap();
    assert!(config.build().is_ok());
    let only_others: ManagedIdentitiesConfig = serde_json::from_value(json!({ "logging": {} })).unwrap();
    assert!(only_others.build().unwrap_err().to_string().contains("identities: no identity configured"));
}

#[test]
fn secrets_of_a_configuration_are_listed_with_their_keys() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": { "client_id": "mi-1", "client_secret_ref": ["env:ERP", "file:/erp"] },
        "local": { "cache": { "sidecar": { "endpoint": "http://127.0.0.1:7", "auth_token_ref": "file:/token" } } },
        "wrong": { "client_secret_ref": "mics_sk_hidden" },
    } }))
    .unwrap();
    let sources = config.secret_sources(ConfigRegistry::default());
    let listed: Vec<_> =
        sources.iter().map(|(key, source)| format!("{key}: {}", source.reference())).collect();
    assert_eq!(
        listed,
        [
            "identities.erp.client_secret_ref: env:ERP",
            "identities.erp.client_secret_ref: file:/erp",
            "identities.local.cache.sidecar.auth_token_ref: file:/token",
        ]
    );
}
