//! Mistakes in configurations, and their messages.

use serde_json::{Value, json};

use super::*;

/// Returns the problems of `config`, one line for each mistake.
fn mistakes(config: Value) -> Vec<String> {
    let config: ManagedIdentityConfig = serde_json::from_value(config).unwrap();
    let outcome = config.builder(ConfigRegistry::default());
    let Err(error) = outcome else { return Vec::new() };
    error.problems().iter().map(|problem| format!("{}: {}", problem.option, problem.problem)).collect()
}

mod identities;
mod mistakes;
mod network;
mod stores;
mod table;

/// Returns the problems of a valid configuration to which `changes` are applied.
fn mistakes_with(changes: &Value) -> Vec<String> {
    let mut config = json!({ "client_id": "mi-1", "client_secret_ref": "env:SECRET" });
    config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    mistakes(config)
}
