//! Builds the callers of a configuration.

use std::{collections::BTreeMap, sync::Arc};

use passport_config::ManagedIdentityConfig;
use passport_core::{ConfigProblem, SecretProviders};

use crate::{
    caller_auth::{Caller, CallerCredential, CallerRule, Callers},
    config::{CallerConfig, SidecarConfig},
};

/// Returns the callers of a configuration. If no caller is configured, the only caller is the
/// user of this process.
pub(super) fn callers(config: &SidecarConfig, problems: &mut Vec<ConfigProblem>) -> Callers {
    if config.callers.is_empty() {
        return Callers(vec![own_user()]);
    }
    check_distinct(config, problems);
    let known = &config.identities;
    let rules = config.callers.iter().map(|(name, caller)| caller_rule(name, caller, known, problems));
    Callers(rules.collect())
}

/// Adds a problem for each user id, group id and token reference that is configured for more
/// than one caller.
fn check_distinct(config: &SidecarConfig, problems: &mut Vec<ConfigProblem>) {
    let mut seen = BTreeMap::<String, &String>::new();
    for (name, caller) in &config.callers {
        let users = caller.uids.iter().map(|uid| ("uids", format!("uid {uid}")));
        let groups = caller.gids.iter().map(|gid| ("gids", format!("gid {gid}")));
        let tokens = caller.token_ref.iter().map(|token| ("token_ref", format!("token `{token}`")));
        for (key, credential) in users.chain(groups).chain(tokens) {
            let problem = |other: &str| {
                let text = format!("{credential} is already assigned to caller `{other}`");
                ConfigProblem::new(format!("callers.{name}.{key}"), text)
            };
            match seen.get(&credential) {
                Some(other) if *other != name => problems.push(problem(other)),
                _ => drop(seen.insert(credential, name)),
            }
        }
    }
}

/// Creates the caller of a configuration without `callers`: the user of this process. This
/// caller can use all identities, because the user can read the secrets of the process anyway.
fn own_user() -> CallerRule {
    let caller = Caller { name: "own user".into(), identities: None, scopes: None };
    let uid = nix::unistd::getuid().as_raw();
    CallerRule { caller: Arc::new(caller), uids: [uid].into(), gids: [].into(), token: None }
}

/// Returns the message for a reference to an identity that is not configured.
pub(super) fn unknown_identity(name: &str) -> String {
    format!("unknown identity `{name}`: add [identities.{name}], or correct the name")
}

fn caller_rule(
    name: &str,
    config: &CallerConfig,
    known: &BTreeMap<String, ManagedIdentityConfig>,
    problems: &mut Vec<ConfigProblem>,
) -> CallerRule {
    let mut problem =
        |key: &str, text: String| problems.push(ConfigProblem::new(format!("callers.{name}.{key}"), text));
    if config.uids.is_empty() && config.gids.is_empty() && config.token_ref.is_none() {
        problem("uids", format!("caller `{name}` matches nothing: set uids, gids or token_ref"));
    }
    for identity in config.identities.iter().filter(|identity| !known.contains_key(*identity)) {
        problem("identities", unknown_identity(identity));
    }
    let token = config.token_ref.as_deref().map(|text| SecretProviders::default().source(None, text));
    let token = token.and_then(|token| token.map_err(|error| problem("token_ref", error.to_string())).ok());
    let token = token.map(CallerCredential::new);
    let caller = Caller {
        name: name.into(),
        identities: Some(config.identities.clone()),
        scopes: config.scopes.clone(),
    };
    CallerRule { caller: Arc::new(caller), uids: config.uids.clone(), gids: config.gids.clone(), token }
}
