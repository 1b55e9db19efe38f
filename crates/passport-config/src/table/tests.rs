use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::{Reader, SecretRefValue, Setting};

#[derive(Debug, Deserialize, JsonSchema)]
struct Settings {
    /// The name,
    /// in `words`.
    name: Setting<String>,
    limit: Setting<Duration>,
    key_ref: Setting<SecretRefValue>,
}

fn read_settings(values: &Value) -> Table<Settings> {
    read(values.as_object().unwrap()).unwrap()
}

#[test]
fn fields_of_a_struct_are_the_keys_of_its_table() {
    let table = read_settings(&json!({ "limit": "60s", "Name": "x", "colour": "hidden", "$schema": "x" }));
    let problems: Vec<_> = table.unknown.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "Name: unknown key; did you mean `name`?",
            "colour: unknown key; known keys are name, limit, key_ref",
        ]
    );
    let secrets = SecretProviders::default();
    let mut reader = Reader::new(&secrets);
    assert_eq!(reader.read(&table.settings.limit), Some(Duration::from_secs(60)));
    assert_eq!(reader.require(&table.settings.name, "set the name"), None);
    assert!(reader.secret(&table.settings.key_ref).is_none());
    let error = reader.finish(Some(())).unwrap_err();
    assert_eq!(error.to_string(), "invalid configuration: name: missing; set the name");
}

#[test]
fn debug_of_settings_shows_no_values() {
    let table = read_settings(&json!({ "name": "hidden" }));
    let shown = format!("{:?}", table.settings);
    assert!(shown.contains("key_ref") && !shown.contains("hidden"), "{shown}");
}

#[test]
fn schema_has_types_and_comments_but_no_required_key() {
    assert_eq!(
        schema::<Settings>(),
        json!({
            "type": "object",
            "properties": {
                "name": { "type": "string", "minLength": 1, "description": "The name, in words." },
                "limit": {
                    "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "minLength": 1 }],
                },
                "key_ref": { "type": "string", "minLength": 1 },
            },
            "additionalProperties": false,
        })
    );
}

#[test]
fn settings_type_that_is_not_a_struct_is_reported() {
    #[derive(Debug, Deserialize)]
    struct Plain {
        #[expect(dead_code, reason = "the type cannot be deserialized")]
        name: String,
    }
    let values = json!({ "name": "hidden" });
    let values = values.as_object().unwrap();
    for error in [read::<Plain>(values).err(), read::<Vec<String>>(values).err()] {
        let problem = error.unwrap().to_string();
        assert!(
            problem.contains("configuration: the settings type of this store is not a struct")
                && !problem.contains("hidden"),
            "{problem}"
        );
    }
}

#[test]
fn flatten_and_alias_are_reported() {
    #[derive(Debug, Deserialize)]
    struct Aliased {
        #[serde(alias = "label")]
        name: Setting<String>,
    }
    #[derive(Debug, Deserialize)]
    struct Flattened {
        #[serde(flatten)]
        inner: Aliased,
    }
    #[derive(Debug, Deserialize)]
    struct Nested {
        inner: Aliased,
    }
    let values = json!({ "name": "hidden", "label": "hidden", "inner": { "name": "hidden" } });
    let values = values.as_object().unwrap();
    let errors = [
        read::<Aliased>(values).map(|table| table.settings.name).err(),
        read::<Flattened>(values).map(|table| table.settings.inner.name).err(),
        read::<Nested>(values).map(|table| table.settings.inner.name).err(),
    ];
    for error in errors {
        let problem = error.unwrap().to_string();
        assert!(problem.contains("remove flatten, alias and nested tables"), "{problem}");
        assert!(!problem.contains("hidden"), "{problem}");
    }
}

#[test]
fn error_of_another_deserializer_contains_no_value() {
    for value in [
        json!("redis://:hidden@host"),
        json!(["redis://:hidden@host", "hidden"]),
        json!(["hidden"]),
        json!({ "hidden": "hidden" }),
        json!(null),
    ] {
        let settings = json!({ "name": value, "limit": value, "key_ref": value });
        let error = serde_json::from_value::<Settings>(settings).unwrap_err().to_string();
        assert!(error.contains("settings can be read only by passport-config"), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}

#[test]
fn table_that_fails_without_a_reason_is_reported() {
    let secrets = SecretProviders::default();
    let error = Reader::new(&secrets).finish(None::<()>).unwrap_err();
    assert!(error.to_string().contains("without a reported reason"), "{error}");
}
