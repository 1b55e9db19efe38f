//! The JSON Schema of the configuration of a verifier.

use serde_json::{Map, Value, json};

use super::{
    claims::{ClaimSettings, ConditionSettings},
    deny_list::DenyListSettings,
    introspection::IntrospectionSettings,
    issuer::IssuerSettings,
    policy::PolicySettings,
    protected_resource::ResourceSettings,
    provider::{ProviderSettings, TenantIdSettings},
    section::Section,
    settings::VerifierSettings,
    tenant::{TenantIssuers, TenantSettings},
};
use crate::table;

/// Returns the schema of the configuration of a verifier.
pub(super) fn of_verifier() -> Value {
    let mut schema = of_table::<VerifierSettings>("#");
    schema["properties"]["$schema"] = json!({ "type": "string" });
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "A token verifier".into();
    schema["$defs"] = json!({
        IssuerSettings::NAME: of_definition::<IssuerSettings>(),
        ProviderSettings::NAME: of_definition::<ProviderSettings>(),
        TenantIdSettings::NAME: of_definition::<TenantIdSettings>(),
        TenantSettings::NAME: of_definition::<TenantSettings>(),
        TenantIssuers::NAME: of_definition::<TenantIssuers>(),
        ClaimSettings::NAME: of_definition::<ClaimSettings>(),
        ConditionSettings::NAME: of_definition::<ConditionSettings>(),
        IntrospectionSettings::NAME: of_definition::<IntrospectionSettings>(),
        PolicySettings::NAME: of_definition::<PolicySettings>(),
        ResourceSettings::NAME: of_definition::<ResourceSettings>(),
        DenyListSettings::NAME: of_definition::<DenyListSettings>(),
    });
    schema
}

fn of_definition<S: Section>() -> Value {
    of_table::<S>(&format!("#/$defs/{}", S::NAME))
}

/// Returns the schema of a table, which is at `path` of the whole schema. Editors suggest only the
/// names of the settings; the spellings of .NET and other names are accepted.
fn of_table<S: Section>(path: &str) -> Value {
    let mut schema = table::schema::<S>();
    let settings = schema["properties"].as_object().into_iter().flat_map(Map::keys);
    let mut spellings = Map::new();
    for setting in settings {
        let names = S::OTHER_NAMES.iter().filter(|(_, of)| of == setting).map(|(name, _)| *name);
        let mut others: Vec<_> = names.clone().map(str::to_owned).collect();
        for name in names.chain([setting.as_str()]) {
            let pascal = pascal_case(name);
            let camel = pascal[..1].to_ascii_lowercase() + &pascal[1..];
            others.extend([camel, pascal].into_iter().filter(|spelling| spelling != name));
        }
        let reference = json!({ "$ref": format!("{path}/properties/{setting}") });
        spellings.insert(format!("^({})$", others.join("|")), reference);
    }
    schema["patternProperties"] = spellings.into();
    schema
}

/// Returns a key in the form `PascalCase`.
fn pascal_case(key: &str) -> String {
    let capital = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    key.split('_').map(capital).collect()
}
