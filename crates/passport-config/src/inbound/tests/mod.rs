//! Tests of the configuration of a verifier.

use passport_inbound::DenyList;
use serde_json::{Value, json};

use super::*;

mod attack;
mod deny_list;
mod dotnet;
mod formats;
mod introspection;
mod mistakes;
mod protected_resource;
mod schema;
mod values;

fn config(value: &Value) -> VerifierConfig {
    serde_json::from_value(value.clone()).unwrap()
}

/// Returns the problems of `value`, one line for each mistake.
fn mistakes(value: &Value) -> Vec<String> {
    let config = config(value).with_deny_list(DenyList::new());
    let Err(error) = config.build() else { return Vec::new() };
    error.problems().iter().map(ToString::to_string).collect()
}

/// Returns a valid configuration to which `changes` are applied.
fn with(changes: &Value) -> Value {
    changed(json!({ "audience": "bizfirstgo-api" }), changes)
}

/// Returns a configuration with a valid entry of `issuers` to which `changes` are applied.
fn with_issuer(changes: &Value) -> Value {
    let issuer = json!({
        "name": "partner",
        "issuer": "https://login.example",
        "audience": "orders-api",
        "tenant": { "fixed": "partner" },
    });
    with(&json!({ "issuers": [changed(issuer, changes)] }))
}

/// Returns a configuration with a valid entry of `external_providers` to which `changes` are
/// applied.
fn with_provider(changes: &Value) -> Value {
    let provider = json!({
        "ProviderId": "okta",
        "Issuer": "https://company.okta.com/oauth2/default",
        "Audience": "api://bizfirstgo",
        "TenantIdClaim": "tenant_id",
    });
    with(&json!({ "ExternalProviders": [changed(provider, changes)] }))
}

fn changed(mut table: Value, changes: &Value) -> Value {
    table.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    table
}
