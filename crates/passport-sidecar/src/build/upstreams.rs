use std::collections::BTreeMap;

use passport_config::ManagedIdentities;
use passport_core::{ConfigProblem, Origin, with_causes};
use url::Url;

use crate::{
    config::{SidecarConfig, UpstreamConfig},
    proxy::{TlsConfigs, TokenOwner, Upstream},
    route::is_valid_name,
};

/// Returns the upstreams of a configuration. Each keeps so many idle connections for each caller.
pub(super) fn upstreams(
    config: &SidecarConfig,
    identities: Option<&ManagedIdentities>,
    idle_connections: usize,
    problems: &mut Vec<ConfigProblem>,
) -> BTreeMap<String, Upstream> {
    let (mut upstreams, mut tls) = (BTreeMap::new(), TlsConfigs::default());
    for (name, upstream) in &config.upstreams {
        let mut note = |problem: ConfigProblem| {
            let key = format!("upstreams.{name}.{}", problem.option);
            problems.push(problem.renamed(key));
        };
        if !is_valid_name(name) {
            let text = "an upstream is called by letters, digits, `-`, `_` and `.`, 60 at most";
            note(ConfigProblem::new("url", text));
        }
        let identity = upstream.identity.as_ref();
        if let Some(unknown) = identity.filter(|name| !config.identities.contains_key(*name)) {
            note(ConfigProblem::new("identity", format!("there is no identity `{unknown}`")));
            continue;
        }
        let settings = parts(upstream, identities, &mut tls);
        let built = settings.and_then(|(url, owner, tls)| {
            Upstream::new(name, &url, tls, upstream.http2, owner, &config.limits, idle_connections)
                .map_err(|error| ConfigProblem::new("url", with_causes(&*error)))
        });
        match built {
            Ok(built) => drop(upstreams.insert(name.clone(), built)),
            Err(problem) => note(problem),
        }
    }
    upstreams
}

/// Returns the URL of an upstream, whose token its requests have, and its TLS settings.
fn parts(
    config: &UpstreamConfig,
    identities: Option<&ManagedIdentities>,
    tls: &mut TlsConfigs,
) -> Result<(Url, TokenOwner, rustls::ClientConfig), ConfigProblem> {
    let url = base_url(&config.url, config.danger_plain_http);
    let url = url.map_err(|problem| ConfigProblem::new("url", problem))?;
    let owner = token_owner(config, identities);
    let owner = owner
        .ok_or_else(|| ConfigProblem::new("identity", "in whose name? name an identity, or set propagate"))?;
    let key = if config.ca_file.is_some() { "ca_file" } else { "url" };
    let tls = tls.get(&url, config.ca_file.as_deref());
    Ok((url, owner, tls.map_err(|error| ConfigProblem::new(key, error))?))
}

fn base_url(text: &str, plain_http: bool) -> Result<Url, &'static str> {
    const WRONG: &str = "it is not the base URL of a service; write https://erp.bizfirst.ai";
    let url = Url::parse(text).map_err(|_| WRONG)?;
    let origin = Origin::of(&url).map_err(|_| WRONG)?;
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    if url.query().is_some() || url.fragment().is_some() || has_credentials {
        return Err(WRONG);
    }
    if !origin.is_secure() && !plain_http {
        return Err("tokens go over https, or to this machine; in a private network set danger_plain_http");
    }
    Ok(url)
}

fn token_owner(config: &UpstreamConfig, identities: Option<&ManagedIdentities>) -> Option<TokenOwner> {
    let identity = config.identity.as_ref().and_then(|name| {
        let identity = identities?.get(name).ok()?;
        Some((name.clone(), identity.clone()))
    });
    match (identity, config.propagate) {
        (Some((name, identity)), false) => Some(TokenOwner::Identity(name, identity)),
        (Some((name, identity)), true) => Some(TokenOwner::CallerOrIdentity(name, identity)),
        (None, true) => Some(TokenOwner::Caller),
        // The identity is missing because of a problem that is noted already.
        (None, false) => config.identity.as_ref().map(|_| TokenOwner::Caller),
    }
}
