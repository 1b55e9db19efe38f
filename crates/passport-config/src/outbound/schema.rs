//! The JSON Schema of the configuration.

use serde_json::{Value, json};

use super::{registry::ConfigRegistry, settings::IdentitySettings};
use crate::table;

/// Returns the schema of one identity, with the settings of the stores of `registry`.
pub(super) fn of_identity(registry: &ConfigRegistry) -> Value {
    let mut schema = table::schema::<IdentitySettings>();
    schema["properties"]["cache"]["properties"] = registry.schemas().into();
    schema["properties"]["$schema"] = json!({ "type": "string" });
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "A managed identity".into();
    schema["required"] = json!(["client_id"]);
    schema["anyOf"] = json!([{ "required": ["client_secret_ref"] }, { "required": ["cache"] }]);
    schema
}

/// Returns the schema of a table of identities by name.
pub(super) fn of_identities(registry: &ConfigRegistry) -> Value {
    let mut identity = of_identity(registry);
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
