//! Builds the running parts of a sidecar from its configuration, and reports every mistake of
//! the configuration.

mod callers;
mod upstreams;
mod verifier;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use metrics::gauge;
use passport_config::{ConfigRegistry, ManagedIdentities};
use passport_core::{ConfigError, ConfigProblem};
use passport_outbound::ManagedIdentity;

use self::{callers::callers, upstreams::upstreams, verifier::verifier};
use crate::{
    admission::Admission,
    caller_auth::Callers,
    config::SidecarConfig,
    hardening::max_open_files,
    limits::{OpenFiles, Shares, bounds, default_share, idle_connections},
    metrics::FORWARDED,
    proxy::Proxy,
    request_guard::RequestGuard,
    request_metrics::RequestMetrics,
    state::AppState,
    tokens::TokenEndpoints,
};

/// Builds the state of a sidecar from its configuration. Sends no request and reads no secret.
///
/// # Errors
/// Returns a [`ConfigError`] with every mistake of the configuration.
pub(crate) fn build(config: &SidecarConfig, registry: &ConfigRegistry) -> Result<AppState, ConfigError> {
    let mut problems = Vec::new();
    let identities = config.identities().build_with(registry.clone());
    let identities = identities.map_err(|error| problems.extend(error.problems().iter().cloned()));
    let identities = identities.map(|identities| by_name(config, &identities)).unwrap_or_default();
    check_listen(config, &mut problems);
    check_names(&identities, &mut problems);
    let callers = callers(config, &mut problems);
    let idle = idle_connections(max_open_files(), pools(config));
    let upstreams = upstreams(config, &identities, idle, &mut problems);
    let verifier = verifier(config, registry, &mut problems);
    if !problems.is_empty() {
        return Err(ConfigError::new(problems));
    }
    let admission = Arc::new(admission(config, callers));
    let timeout = config.limits.response_timeout();
    Ok(AppState {
        guard: RequestGuard { listen: config.listen.clone() },
        tokens: Arc::new(TokenEndpoints { admission: Arc::clone(&admission), identities, timeout }),
        proxy: Proxy { admission: Arc::clone(&admission), upstreams },
        admission,
        metrics: RequestMetrics::default(),
        verifier,
        max_form: config.max_form(),
    })
}

fn by_name(config: &SidecarConfig, identities: &ManagedIdentities) -> BTreeMap<String, ManagedIdentity> {
    let named = |name: &String| Some((name.clone(), identities.get(name).ok()?.clone()));
    config.identities.keys().filter_map(named).collect()
}

/// Combines `callers` with the limits of the configuration. If there are several callers, each
/// caller can use at most half of the memory for requests to own endpoints.
fn admission(config: &SidecarConfig, callers: Callers) -> Admission {
    let (limits, number) = (&config.limits, callers.0.len());
    let own_requests = bounds::own_requests(limits, config.max_form());
    Admission {
        callers,
        own_requests: Shares::new(own_requests, default_share(own_requests, number)),
        forwarded: Shares::new(limits.max_forwarded_requests, limits.max_forwarded_requests_per_caller),
        files: OpenFiles::new(max_open_files(), pools(config), number, limits),
        in_flight: LazyLock::new(|| gauge!(FORWARDED)),
    }
}

/// Adds a problem for each name of an identity that is also the client id of another identity.
/// Such a name would be ambiguous, because a request selects an identity by its name or its
/// client id.
fn check_names(identities: &BTreeMap<String, ManagedIdentity>, problems: &mut Vec<ConfigProblem>) {
    for (other, identity) in identities {
        let name = identity.client_id().as_str();
        if name != other && identities.contains_key(name) {
            let text = format!("the name is also the client id of identity `{other}`: choose another name");
            problems.push(ConfigProblem::new(format!("identities.{name}"), text));
        }
    }
}

fn check_listen(config: &SidecarConfig, problems: &mut Vec<ConfigProblem>) {
    let mut problem = |key: &'static str, text: &str| problems.push(ConfigProblem::new(key, text));
    let listen = &config.listen;
    for (key, address) in [("listen.tcp", listen.tcp), ("listen.admin", listen.admin)] {
        if address.is_some_and(|address| !address.ip().is_loopback()) {
            problem(key, "not a loopback address: use an address such as 127.0.0.1:7070");
        }
    }
    if u32::from_str_radix(&listen.unix_mode, 8).map_or(true, |mode| mode > 0o777) {
        problem("listen.unix_mode", "expected an octal file mode up to 0777, such as 0660");
    }
    if listen.tcp.is_some() && config.callers.values().all(|caller| caller.token_ref.is_none()) {
        problem("listen.tcp", "no caller has a token, which TCP requires: set token_ref of a caller");
    }
    bounds::check(&config.limits, config.max_form(), problems);
}

/// Returns the number of connection pools: one for each pair of a caller and an upstream.
fn pools(config: &SidecarConfig) -> usize {
    config.callers.len().max(1) * config.upstreams.len()
}

#[cfg(test)]
mod tests;
