//! Builds the verifier of the table `validate`.

use std::time::Duration;

use http::HeaderValue;
use passport_config::ConfigRegistry;
use passport_core::{ConfigError, ConfigProblem, Transport, TransportSettings};
use passport_inbound::{TokenVerifier, TokenVerifierBuilder};

use crate::config::{SidecarConfig, ValidateConfig};

/// Builds the token verifier. Returns `None` if `validate` is not configured or has a mistake.
/// Adds each mistake to `problems`.
pub(super) fn verifier(
    config: &SidecarConfig,
    registry: &ConfigRegistry,
    problems: &mut Vec<ConfigProblem>,
) -> Option<TokenVerifier> {
    let validate = config.validate.as_ref()?;
    let mut found = Vec::new();
    let transport = transport(validate, registry, &mut found);
    let builder = TokenVerifier::builder(validate.audience.clone());
    let builder = validate.issuer.iter().fold(builder, TokenVerifierBuilder::issuer);
    let builder = validate.jwks_url.iter().fold(builder, TokenVerifierBuilder::jwks_url);
    let builder = if validate.danger_plain_http { builder.danger_plain_http() } else { builder };
    let builder = validate.max_token_size.into_iter().fold(builder, TokenVerifierBuilder::max_token_size);
    let seconds = |seconds: Option<u64>| seconds.into_iter().map(Duration::from_secs);
    let builder = seconds(validate.jwks_request_timeout_seconds)
        .fold(builder, TokenVerifierBuilder::jwks_request_timeout);
    let builder = seconds(validate.jwks_cooldown_seconds).fold(builder, TokenVerifierBuilder::jwks_cooldown);
    let verifier = transport.into_iter().fold(builder, TokenVerifierBuilder::transport).build();
    found.extend(verifier.as_ref().err().into_iter().flat_map(ConfigError::problems).cloned());
    problems.extend(found.iter().map(|problem| problem.clone().renamed(key_of(&problem.option))));
    verifier.ok()
}

/// Returns the path of the configuration key that sets `option` of the verifier.
fn key_of(option: &str) -> String {
    match option {
        "jwks_request_timeout" | "jwks_cooldown" => format!("validate.{option}_seconds"),
        _ => format!("validate.{option}"),
    }
}

/// Builds the transport for discovery and JWKS requests. Identities with the same settings share
/// this transport. Returns `None` if a setting is not valid, and adds the mistake to `problems`.
fn transport(
    validate: &ValidateConfig,
    registry: &ConfigRegistry,
    problems: &mut Vec<ConfigProblem>,
) -> Option<Transport> {
    let user_agent = validate.user_agent.as_deref().map(HeaderValue::from_str).transpose();
    let user_agent = user_agent.map_err(|_| "not a valid header value: expected product/version");
    let user_agent = ConfigProblem::collect(problems, "user_agent", user_agent).flatten();
    let settings = TransportSettings::default().transport_pool(registry.transports().clone());
    let settings = validate.ca_file.iter().fold(settings, TransportSettings::ca_file);
    user_agent.into_iter().fold(settings, TransportSettings::user_agent).build(problems)
}
