//! The JSON Schema of the configuration, from the table of its keys.

use serde_json::{Map, Value, json};

use super::{
    identity_keys::{KEYS, REQUIRED, REQUIRED_ONE_OF},
    registry::Providers,
};
use crate::key::{ConfigKey, ValueKind};

pub(super) fn of_identity(providers: &Providers) -> Value {
    let mut properties = properties(KEYS, providers);
    properties.insert("$schema".to_owned(), json!({ "type": "string" }));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A managed identity",
        "type": "object",
        "properties": properties,
        "required": REQUIRED,
        "anyOf": REQUIRED_ONE_OF.map(|key| json!({ "required": [key] })),
        "additionalProperties": false,
    })
}

pub(super) fn of_identities(providers: &Providers) -> Value {
    let mut identity = of_identity(providers);
    let draft = identity.as_object_mut().and_then(|schema| schema.remove("$schema"));
    json!({
        "$schema": draft,
        "title": "Managed identities by name",
        "type": "object",
        "properties": { "identities": { "type": "object", "minProperties": 1, "additionalProperties": { "$ref": "#/$defs/identity" } } },
        "required": ["identities"],
        "$defs": { "identity": identity },
    })
}

fn properties(keys: &[ConfigKey], providers: &Providers) -> Map<String, Value> {
    keys.iter().map(|key| (key.name.to_owned(), property(key.kind, key.about, providers))).collect()
}

/// Returns the schema of the value of `cache`: a table with one registered store.
fn store(providers: &Providers) -> Value {
    let stores: Map<_, _> = providers
        .stores()
        .map(|(name, keys)| {
            let settings = json!({ "type": "object", "properties": properties(keys, providers), "additionalProperties": false });
            (name.to_owned(), settings)
        })
        .collect();
    json!({
        "type": "object",
        "properties": stores,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

fn property(kind: ValueKind, about: &str, providers: &Providers) -> Value {
    let words = json!([{ "type": "string", "minLength": 1 }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }]);
    let mut property = match kind {
        ValueKind::Text | ValueKind::SecretReference => json!({ "type": "string", "minLength": 1 }),
        ValueKind::Url => json!({ "type": "string", "format": "uri" }),
        ValueKind::Switch => json!({ "enum": [true, false, "true", "false"] }),
        ValueKind::Duration => {
            json!({ "anyOf": [{ "type": "number", "minimum": 0 }, { "type": "string", "minLength": 1 }] })
        }
        ValueKind::Store => store(providers),
        ValueKind::Words | ValueKind::Origins | ValueKind::SecretReferences => json!({ "anyOf": words }),
        ValueKind::Choice(choices) => json!({ "enum": choices }),
    };
    property["description"] = about.into();
    property
}
