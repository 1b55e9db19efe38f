//! Builds the verifier of the table `validate`.

use passport_config::{ConfigRegistry, VerifierConfig};
use passport_core::{ConfigError, ConfigProblem};
use passport_inbound::TokenVerifier;

use crate::config::SidecarConfig;

/// Keys of a verifier's configuration that have no effect in a sidecar.
const NOT_USED: [&str; 4] = ["policies", "public_paths", "public_grpc_services", "protected_resource"];

/// Builds the token verifier. Returns `None` if `validate` is not configured or has a mistake.
/// Adds each mistake to `problems`. Identities with the same `ca_file` and `user_agent` share the
/// transport of the verifier.
pub(super) fn verifier(
    config: &SidecarConfig,
    registry: &ConfigRegistry,
    problems: &mut Vec<ConfigProblem>,
) -> Option<TokenVerifier> {
    let validate = config.validate.as_ref()?;
    let validate = validate.clone().with_secrets(registry.secrets().clone());
    let verifier = validate.build_with(registry.transports());
    let found = verifier.as_ref().err().map(ConfigError::problems).unwrap_or_default();
    problems.extend(found.iter().cloned().chain(not_used(&validate)).map(in_table));
    verifier.ok()
}

/// Returns a problem for each key that has no effect in a sidecar.
fn not_used(validate: &VerifierConfig) -> impl Iterator<Item = ConfigProblem> {
    let set = NOT_USED.into_iter().filter(|key| validate.has_key(key));
    set.map(|key| ConfigProblem::new(key, "has no effect in a sidecar; remove it"))
}

/// Adds the name of the table to the key of a problem.
fn in_table(problem: ConfigProblem) -> ConfigProblem {
    let key = match &*problem.option {
        // The mistake concerns the whole table.
        "configuration" => "validate".to_owned(),
        key => format!("validate.{key}"),
    };
    problem.renamed(key)
}
