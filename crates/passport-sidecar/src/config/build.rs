//! What a configuration becomes. Every mistake is noted.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::{HeaderValue, header::InvalidHeaderValue};
use passport_core::{
    ConfigError, ConfigProblem, Origin, SecretProviders, Transport, TransportSettings, with_causes,
};
use passport_inbound::{TokenVerifier, TokenVerifierBuilder};
use passport_outbound::{ManagedIdentities, Providers};
use url::Url;

use super::{
    SidecarConfig, limits,
    parts::{CallerConfig, UpstreamConfig, ValidateConfig},
};
use crate::{
    caller_token::CallerToken,
    callers::{Caller, Callers, Rule},
    hardening::open_files,
    inject::{TlsConfigs, Upstream, Whose},
    interface::is_a_name,
    open_files::{OpenFiles, idle_connections},
    router::Shared,
    shares::{Shares, part},
};

type Problems = Vec<ConfigProblem>;

#[derive(Debug, thiserror::Error)]
#[error("it is not the value of a header; write product/version")]
struct InvalidUserAgent(#[source] InvalidHeaderValue);

/// What requests are answered with.
pub(crate) fn build(config: &SidecarConfig, providers: &Providers) -> Result<Shared, ConfigError> {
    let mut problems = Problems::new();
    let identities = config.identities().build_with(providers.clone());
    let identities = identities.map_err(|error| problems.extend(error.problems().iter().cloned())).ok();
    check_the_doors(config, &mut problems);
    check_names(config, identities.as_ref(), &mut problems);
    let names: Vec<&str> = config.identities.keys().map(String::as_str).collect();
    let callers = callers(config, &names, &mut problems);
    let upstreams = upstreams(config, identities.as_ref(), &names, &mut problems);
    let verifier = verifier(config, providers, &mut problems);
    match identities {
        Some(identities) if problems.is_empty() => Ok(Shared {
            own: own(config, &callers),
            max_form: config.max_form(),
            identities: names
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), identities.get(name).ok()?.clone())))
                .collect(),
            callers,
            upstreams,
            verifier,
            hosts: config.listen.hosts.clone(),
            unix_proxy_headers: config.listen.unix_proxy_headers,
            tcp_proxy_headers: config.listen.tcp_proxy_headers,
            answer_time: config.limits.answer_time(),
            forwarded: Shares::new(config.limits.forwarded, config.limits.forwarded_per_caller),
            files: OpenFiles::new(open_files(), pools(config), &config.limits),
        }),
        _ => Err(ConfigError::new(problems)),
    }
}

/// A sole caller has all requests of own endpoints that there is memory for; others have half.
fn own(config: &SidecarConfig, callers: &Callers) -> Shares {
    let all = limits::own_requests(&config.limits, config.max_form());
    Shares::new(all, part(all, callers.0.len()))
}

/// An identity is found by its name or by its client id, so that one must not be called like
/// another.
fn check_names(config: &SidecarConfig, identities: Option<&ManagedIdentities>, problems: &mut Problems) {
    let Some(identities) = identities else { return };
    for (name, other) in config.identities.keys().flat_map(|name| {
        let others = config.identities.keys().filter(move |other| *other != name);
        others.map(move |other| (name, other))
    }) {
        if identities.get(other).is_ok_and(|identity| identity.client_id().as_str() == name) {
            let text = format!("it has the name that is the client id of `{other}`; give it another name");
            problems.push(ConfigProblem::new(format!("identities.{name}"), text));
        }
    }
}

fn check_the_doors(config: &SidecarConfig, problems: &mut Problems) {
    let mut problem = |key: &'static str, text: &str| problems.push(ConfigProblem::new(key, text));
    let listen = &config.listen;
    for (key, address) in [("listen.tcp", listen.tcp), ("listen.admin", listen.admin)] {
        if address.is_some_and(|address| !address.ip().is_loopback()) {
            problem(key, "it is not a loopback address; a sidecar is for its own machine: 127.0.0.1:7070");
        }
    }
    if u32::from_str_radix(&listen.unix_mode, 8).map_or(true, |mode| mode > 0o777) {
        problem("listen.unix_mode", "it is not a mode; write it as chmod has it: 0660");
    }
    if listen.tcp.is_some() && config.callers.values().all(|caller| caller.token_ref.is_none()) {
        problem("listen.tcp", "nobody has a token to show there; give a caller a token_ref");
    }
    limits::check(&config.limits, config.max_form(), problems);
}

fn callers(config: &SidecarConfig, identities: &[&str], problems: &mut Problems) -> Callers {
    if config.callers.is_empty() {
        return Callers(vec![own_user()]);
    }
    see_that_nobody_is_two(config, problems);
    let rules = config.callers.iter().map(|(name, caller)| rule(name, caller, identities, problems));
    Callers(rules.collect())
}

fn see_that_nobody_is_two(config: &SidecarConfig, problems: &mut Problems) {
    let mut seen = BTreeMap::<String, &String>::new();
    for (name, caller) in &config.callers {
        let users = caller.uids.iter().map(|uid| ("uids", format!("user {uid}")));
        let groups = caller.gids.iter().map(|gid| ("gids", format!("group {gid}")));
        let tokens = caller.token_ref.iter().map(|token| ("token_ref", format!("whoever has `{token}`")));
        for (key, who) in users.chain(groups).chain(tokens) {
            let problem = |other: &str| {
                let text = format!("{who} is `{other}` already; which of the two would it be?");
                ConfigProblem::new(format!("callers.{name}.{key}"), text)
            };
            match seen.get(&who) {
                Some(other) if *other != name => problems.push(problem(other)),
                _ => drop(seen.insert(who, name)),
            }
        }
    }
}

/// Who runs the sidecar could read its memory and files anyway.
fn own_user() -> Rule {
    let caller = Caller { name: "own user".into(), identities: None, scopes: None };
    let uid = nix::unistd::getuid().as_raw();
    Rule { caller: Arc::new(caller), uids: [uid].into(), gids: [].into(), token: None }
}

fn rule(name: &str, config: &CallerConfig, known: &[&str], problems: &mut Problems) -> Rule {
    let mut problem =
        |key: &str, text: String| problems.push(ConfigProblem::new(format!("callers.{name}.{key}"), text));
    if config.uids.is_empty() && config.gids.is_empty() && config.token_ref.is_none() {
        problem("uids", "nobody is it: give it uids, gids or a token_ref".to_owned());
    }
    for identity in config.identities.iter().filter(|identity| !known.contains(&identity.as_str())) {
        problem("identities", format!("there is no identity `{identity}`"));
    }
    let token = config.token_ref.as_deref().map(|text| SecretProviders::default().source(None, text));
    let token = token.and_then(|token| token.map_err(|error| problem("token_ref", error.to_string())).ok());
    let token = token.map(CallerToken::new);
    let set = |names: &Vec<String>| names.iter().cloned().collect();
    let caller = Caller {
        name: name.into(),
        identities: Some(set(&config.identities)),
        scopes: config.scopes.as_ref().map(set),
    };
    let (uids, gids) = (config.uids.iter().copied().collect(), config.gids.iter().copied().collect());
    Rule { caller: Arc::new(caller), uids, gids, token }
}

/// Returns how many pools of connections there may be: one for each caller and upstream.
fn pools(config: &SidecarConfig) -> usize {
    config.callers.len().max(1) * config.upstreams.len()
}

fn upstreams(
    config: &SidecarConfig,
    identities: Option<&ManagedIdentities>,
    known: &[&str],
    problems: &mut Problems,
) -> BTreeMap<String, Upstream> {
    let idle = idle_connections(open_files(), pools(config));
    let (mut upstreams, mut tls) = (BTreeMap::new(), TlsConfigs::default());
    for (name, upstream) in &config.upstreams {
        let mut problem = |key: &str, text: String| {
            problems.push(ConfigProblem::new(format!("upstreams.{name}.{key}"), text));
        };
        if !is_a_name(name) {
            problem(
                "url",
                "an upstream is called by letters, digits, `-`, `_` and `.`, 60 at most".to_owned(),
            );
        }
        if let Some(identity) = upstream.identity.as_ref().filter(|name| !known.contains(&name.as_str())) {
            problem("identity", format!("there is no identity `{identity}`"));
            continue;
        }
        let url = match base(&upstream.url, upstream.danger_plain_http) {
            Ok(url) => url,
            Err(wrong) => {
                problem("url", wrong.to_owned());
                continue;
            }
        };
        let Some(whose) = whose(upstream, identities) else {
            problem("identity", "in whose name? name an identity, or set propagate".to_owned());
            continue;
        };
        let tls = match tls.get(&url, upstream.ca_file.as_deref()) {
            Ok(tls) => tls,
            Err(error) => {
                problem(if upstream.ca_file.is_some() { "ca_file" } else { "url" }, error.to_string());
                continue;
            }
        };
        match Upstream::new(name, &url, tls, upstream.http2, whose, &config.limits, idle) {
            Ok(made) => drop(upstreams.insert(name.clone(), made)),
            Err(error) => problem("url", with_causes(&*error)),
        }
    }
    upstreams
}

fn base(text: &str, plain_http: bool) -> Result<Url, &'static str> {
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

fn whose(config: &UpstreamConfig, identities: Option<&ManagedIdentities>) -> Option<Whose> {
    let identity = config.identity.as_ref().and_then(|name| {
        let identity = identities?.get(name).ok()?;
        Some((name.clone(), identity.clone()))
    });
    match (identity, config.propagate) {
        (Some((name, identity)), false) => Some(Whose::Identity(name, identity)),
        (Some((name, identity)), true) => Some(Whose::CallerOrIdentity(name, identity)),
        (None, true) => Some(Whose::Caller),
        // What is wrong with identities is told already.
        (None, false) => config.identity.as_ref().map(|_| Whose::Caller),
    }
}

fn verifier(config: &SidecarConfig, providers: &Providers, problems: &mut Problems) -> Option<TokenVerifier> {
    let validate = config.validate.as_ref()?;
    let mut found = Problems::new();
    let transport = transport(validate, providers, &mut found);
    let builder = TokenVerifier::builder(validate.audience.clone());
    let builder = validate.issuer.iter().fold(builder, TokenVerifierBuilder::issuer);
    let builder = validate.jwks_url.iter().fold(builder, TokenVerifierBuilder::jwks_url);
    let builder = if validate.danger_plain_http { builder.danger_plain_http() } else { builder };
    let builder = validate.max_token_size.into_iter().fold(builder, TokenVerifierBuilder::max_token_size);
    let seconds = |seconds: Option<u64>| seconds.into_iter().map(Duration::from_secs);
    let builder =
        seconds(validate.jwks_fetch_timeout_seconds).fold(builder, TokenVerifierBuilder::jwks_fetch_timeout);
    let builder = seconds(validate.jwks_cooldown_seconds).fold(builder, TokenVerifierBuilder::jwks_cooldown);
    let verifier = transport.into_iter().fold(builder, TokenVerifierBuilder::transport).build();
    found.extend(verifier.as_ref().err().into_iter().flat_map(ConfigError::problems).cloned());
    problems.extend(found.iter().map(|problem| problem.clone().renamed(key_of(&problem.option))));
    verifier.ok()
}

/// Returns the key of an option of the verifier.
fn key_of(option: &str) -> String {
    match option {
        "jwks_fetch_timeout" | "jwks_cooldown" => format!("validate.{option}_seconds"),
        _ => format!("validate.{option}"),
    }
}

/// Returns the transport of identities with the same settings.
fn transport(validate: &ValidateConfig, providers: &Providers, problems: &mut Problems) -> Option<Transport> {
    let user_agent = validate.user_agent.as_deref().map(HeaderValue::from_str).transpose();
    let user_agent = user_agent.map_err(InvalidUserAgent);
    let user_agent = ConfigProblem::collect(problems, "user_agent", user_agent).flatten();
    let settings = TransportSettings::sharing(providers.transports().clone());
    let settings = validate.ca_file.iter().fold(settings, TransportSettings::ca_file);
    user_agent.into_iter().fold(settings, TransportSettings::user_agent).build(problems)
}
