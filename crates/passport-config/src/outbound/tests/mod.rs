//! Mistakes in configurations.

use serde_json::{Value, json};

use super::*;

/// What is said about `config`; one line for each mistake.
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

/// The same, of one that is right but for `wrong`.
fn mistakes_with(wrong: &Value) -> Vec<String> {
    let mut config = json!({ "client_id": "mi-1", "client_secret_ref": "env:SECRET" });
    config.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
    mistakes(config)
}
