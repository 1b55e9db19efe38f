//! Builds the upstreams of a configuration.

use std::collections::BTreeMap;

use passport_core::{ConfigProblem, Origin, with_causes};
use passport_outbound::ManagedIdentity;
use url::Url;

use super::callers::unknown_identity;
use crate::{
    config::{SidecarConfig, UpstreamConfig},
    limits::Limits,
    proxy::{TlsConfigs, Upstream},
    route::is_valid_name,
};

/// Builds the upstreams of a configuration, and returns them by name. Each upstream keeps at
/// most `idle_connections` idle connections for each caller. Adds each mistake to `problems`.
pub(super) fn upstreams(
    config: &SidecarConfig,
    identities: &BTreeMap<String, ManagedIdentity>,
    idle_connections: usize,
    problems: &mut Vec<ConfigProblem>,
) -> BTreeMap<String, Upstream> {
    let (mut upstreams, mut tls) = (BTreeMap::new(), TlsConfigs::default());
    for (name, settings) in &config.upstreams {
        let mut report = |problem: ConfigProblem| {
            let key = format!("upstreams.{name}.{}", problem.option);
            problems.push(problem.renamed(key));
        };
        if !is_valid_name(name) {
            let text = "invalid upstream name: use at most 60 letters, digits, `-`, `_` and `.`";
            report(ConfigProblem::new("url", text));
        }
        if let Some(unknown) =
            settings.identity.as_ref().filter(|name| !config.identities.contains_key(*name))
        {
            report(ConfigProblem::new("identity", unknown_identity(unknown)));
        }
        match upstream(name, settings, config.limits, identities, idle_connections, &mut tls) {
            Ok(built) => upstreams.extend(built.map(|built| (name.clone(), built))),
            Err(problem) => report(problem),
        }
    }
    upstreams
}

/// Builds one upstream. Returns `None` if the identity of the upstream is unknown or could not
/// be built. Both mistakes are reported elsewhere, where the identities are checked.
fn upstream(
    name: &str,
    settings: &UpstreamConfig,
    limits: Limits,
    identities: &BTreeMap<String, ManagedIdentity>,
    idle_connections: usize,
    tls: &mut TlsConfigs,
) -> Result<Option<Upstream>, ConfigProblem> {
    let url = base_url(&settings.url, settings.danger_plain_http);
    let url = url.map_err(|problem| ConfigProblem::new("url", problem))?;
    let key = if settings.ca_file.is_some() { "ca_file" } else { "url" };
    let tls = tls.get(&url, settings.ca_file.as_deref()).map_err(|error| ConfigProblem::new(key, error))?;
    let identity = match &settings.identity {
        Some(name) => match identities.get(name) {
            Some(identity) => Some((name.clone(), identity.clone())),
            None => return Ok(None),
        },
        None if settings.propagate => None,
        None => {
            let text = "requests would have no token: set identity, or propagate = true";
            return Err(ConfigProblem::new("identity", text));
        }
    };
    Upstream::new(name, settings, &url, tls, identity, limits, idle_connections)
        .map(Some)
        .map_err(|error| ConfigProblem::new("url", with_causes(&*error)))
}

fn base_url(text: &str, plain_http: bool) -> Result<Url, &'static str> {
    const INVALID: &str = "expected a base URL without credentials, query and fragment, such as \
                           https://erp.bizfirst.ai";
    let url = Url::parse(text).map_err(|_| INVALID)?;
    let origin = Origin::of(&url).map_err(|_| INVALID)?;
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    if url.query().is_some() || url.fragment().is_some() || has_credentials {
        return Err(INVALID);
    }
    if !origin.is_secure() && !plain_http {
        return Err(
            "plain http to another machine: use https, or set danger_plain_http in a private network",
        );
    }
    Ok(url)
}
