//! Tests of the configuration of a verifier.

use serde_json::{Value, json};

use super::*;

mod mistakes;

fn config(value: &Value) -> VerifierConfig {
    serde_json::from_value(value.clone()).unwrap()
}

/// Returns the problems of `value`, one line for each mistake.
fn mistakes(value: &Value) -> Vec<String> {
    let Err(error) = config(value).build() else { return Vec::new() };
    error.problems().iter().map(ToString::to_string).collect()
}

/// Returns the problems of a valid configuration to which `changes` are applied.
fn mistakes_with(changes: &Value) -> Vec<String> {
    let mut config = json!({ "audience": "bizfirstgo-api" });
    config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    mistakes(&config)
}

/// Returns the problems of a valid entry of `issuers` to which `changes` are applied.
fn mistakes_of_issuer(changes: &Value) -> Vec<String> {
    let mut issuer = json!({
        "name": "partner",
        "issuer": "https://login.example",
        "audience": "orders-api",
        "tenant": { "fixed": "partner" },
    });
    issuer.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    mistakes_with(&json!({ "issuers": [issuer] }))
}

/// Returns the problems of a valid entry of `external_providers` to which `changes` are applied.
fn mistakes_of_provider(changes: &Value) -> Vec<String> {
    let mut provider = json!({
        "ProviderId": "okta",
        "Issuer": "https://company.okta.com/oauth2/default",
        "Audience": "api://bizfirstgo",
        "TenantIdClaim": "tenant_id",
    });
    provider.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    mistakes_with(&json!({ "ExternalProviders": [provider] }))
}
