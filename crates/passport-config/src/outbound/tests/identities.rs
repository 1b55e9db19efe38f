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
fn an_identity_belongs_to_one_service() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP" },
        "payroll": { "client_id": "mi-1", "client_secret_ref": "env:PAYROLL" },
    } }))
    .unwrap();
    let told = config.build().unwrap_err().to_string();
    assert!(
        told.contains("identities.payroll.client_id: `erp` has the same one; make an identity for each"),
        "{told}"
    );
}

#[test]
fn one_name_at_two_passports_is_two_identities() {
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
    assert!(
        config.build().unwrap_err().to_string().contains("identities: there are none; name at least one")
    );
}

#[test]
fn unknown_name_is_reported_with_the_known_names() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP" },
        "payroll": { "client_id": "mi-2", "client_secret_ref": "env:PAYROLL" },
    } }))
    .unwrap();
    let told = config.build().unwrap().get("erb").unwrap_err().to_string();
    assert!(told.contains("identities.erb: there is none of that name; there are erp, payroll"), "{told}");
}

#[test]
fn misspelled_table_of_identities_is_named() {
    let one = json!({ "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP" } });
    for key in ["Identities", "IDENTITIES", "identity", "Identity", "identitys"] {
        let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ key: one })).unwrap();
        let told = config.build().unwrap_err().to_string();
        let expected = format!("{key}: there is no such key; did you mean `identities`?");
        assert!(told.contains(&expected) && !told.contains("there are none"), "{told}");
    }
    let both: ManagedIdentitiesConfig =
        serde_json::from_value(json!({ "identities": one, "Identities": one })).unwrap();
    assert!(both.build().unwrap_err().to_string().contains("did you mean `identities`?"));
}

#[test]
fn keys_of_the_application_beside_identities_are_ignored() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({
        "identities": { "erp": { "client_id": "mi-1", "client_secret_ref": "env:ERP" } },
        "identity": "the application's own", "logging": { "level": "info" },
    }))
    .unwrap();
    assert!(config.build().is_ok());
    let only_others: ManagedIdentitiesConfig = serde_json::from_value(json!({ "logging": {} })).unwrap();
    assert!(only_others.build().unwrap_err().to_string().contains("identities: there are none"));
}

#[test]
fn secrets_of_a_configuration_are_listed_with_their_keys() {
    let config: ManagedIdentitiesConfig = serde_json::from_value(json!({ "identities": {
        "erp": { "client_id": "mi-1", "client_secret_ref": ["env:ERP", "file:/erp"] },
        "local": { "cache": { "sidecar": { "endpoint": "http://127.0.0.1:7", "caller_token_ref": "file:/token" } } },
        "wrong": { "client_secret_ref": "mics_sk_hidden" },
    } }))
    .unwrap();
    let sources = config.secret_sources(ConfigRegistry::default());
    let told: Vec<_> = sources.iter().map(|(key, source)| format!("{key}: {}", source.reference())).collect();
    assert_eq!(
        told,
        [
            "identities.erp.client_secret_ref: env:ERP",
            "identities.erp.client_secret_ref: file:/erp",
            "identities.local.cache.sidecar.caller_token_ref: file:/token",
        ]
    );
}
