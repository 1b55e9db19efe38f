//! The JSON Schema.

use super::{mistakes::mistaken, *};

fn schema() -> jsonschema::Validator {
    jsonschema::validator_for(&VerifierConfig::json_schema()).unwrap()
}

/// Writes `docs/verifier.schema.json` with `UPDATE_SCHEMA=1 cargo test documented_schema`.
#[test]
fn documented_schema_is_that_of_the_code() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/verifier.schema.json");
    let schema = serde_json::to_string_pretty(&VerifierConfig::json_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(file, &schema).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), schema);
}

#[test]
fn schema_and_reader_reject_the_same_unknown_keys() {
    let (schema, mut number) = (schema(), 0);
    for mistaken in mistaken() {
        let is_unknown = |message: &&str| message.contains("unknown key") || message.contains("no secret");
        if mistaken.messages.iter().any(is_unknown) {
            assert!(!schema.is_valid(&mistaken.config()), "{}", mistaken.keys);
            number += 1;
        }
    }
    assert!(number >= 8, "{number}");
}

#[test]
fn schema_accepts_what_the_reader_accepts() {
    let schema = schema();
    let settings: Value = serde_json::from_str(include_str!("appsettings.json")).unwrap();
    for valid in [
        settings["Passport"].clone(),
        json!({ "audience": "api" }),
        json!({ "audiences": ["api"], "clock_skew": "60", "max_token_size": "8192", "cache_tokens": "true" }),
        json!({ "clientId": "app", "$schema": "verifier.schema.json", "publicPaths": ["/health"] }),
        json!({ "passport": false, "issuers": { "g": { "preset": "google", "audience": "api", "tenant": { "claim": "sub", "table": { "a": "b" } } } } }),
        json!({ "audience": "api", "policies": { "p": { "any": [{ "role": "a" }, { "not": { "user": true } }] } } }),
        json!({ "audience": "api", "introspection": { "ClientId": "c", "ClientSecretRef": ["env:A"], "max_cached": "5" }, "policies": { "p": { "introspectedWithin": 5 } } }),
        json!({ "audience": "api", "deny_list": { "WhenFull": "drop_oldest" }, "ProtectedResource": { "resource": "https://api.example" } }),
        json!({ "audience": "api", "tenants": { "t": { "AllowedIssuers": "https://passport.bizfirst.ai" } } }),
    ] {
        assert_eq!(mistakes(&valid), [""; 0], "{valid}");
        let errors: Vec<_> = schema.iter_errors(&valid).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{valid}: {errors:?}");
    }
}

#[test]
fn schema_has_a_definition_for_each_reference() {
    let schema = VerifierConfig::json_schema();
    let text = schema.to_string();
    let references = text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().unwrap());
    let mut number = 0;
    for path in references {
        assert!(schema.pointer(path).is_some(), "{path}");
        number += 1;
    }
    assert!(number > 50, "{number}");
}

#[test]
fn descriptions_and_spellings_are_in_the_schema() {
    let schema = VerifierConfig::json_schema();
    let expected = "The exact iss of Passport's tokens. Defaults to https://passport.bizfirst.ai.";
    assert_eq!(schema["properties"]["issuer"]["description"], expected);
    let spellings = schema["patternProperties"].as_object().unwrap();
    assert_eq!(spellings["^(authority|Authority|Issuer)$"]["$ref"], "#/properties/issuer");
}

#[test]
fn tables_in_the_docs_have_the_keys_of_the_schema() {
    let schema = VerifierConfig::json_schema();
    let page = include_str!("../../../../../docs/configuration.md");
    let (issuer, policy) = (&schema["$defs"]["issuer"], &schema["$defs"]["policy"]);
    let introspection = &schema["$defs"]["introspection"];
    let (list, resource) = (&schema["$defs"]["deny_list"], &schema["$defs"]["protected_resource"]);
    for (page, header, schema) in [
        (page, "| verifier key | |", &schema),
        (include_str!("../config.rs"), "| key | |", &schema),
        (page, "| issuer key | |", issuer),
        (page, "| introspection key | |", introspection),
        (page, "| policy key | |", policy),
        (page, "| deny list key | |", list),
        (page, "| resource key | |", resource),
    ] {
        let keys = schema["properties"].as_object().unwrap().keys().map(String::as_str);
        let mut keys: Vec<_> = keys.filter(|key| *key != "$schema").collect();
        keys.sort_unstable();
        let table = page.split(header).nth(1).unwrap().lines().skip(2);
        let rows = table.map_while(|line| line.trim_start_matches("/// ").strip_prefix("| "));
        let cells = rows.map(|row| row.split(" | ").next().unwrap());
        let mut named: Vec<_> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        named.sort_unstable();
        assert_eq!(named, keys, "{header}");
    }
}
