//! Finds the mistakes in the options of a builder.

use std::collections::{HashMap, HashSet};

use passport_core::{ConfigError, ConfigProblem, Issuer, Transport};

use super::{TokenVerifierBuilder, ranges::check_ranges};
use crate::{TrustedIssuer, jwt::issuer_pattern::IssuerPattern, metrics::TARGET};

/// The parts of a configuration without mistakes that are created while it is checked.
pub(super) struct Checked {
    pub(super) transport: Transport,
    /// The URLs of each issuer, in the order of the configuration.
    pub(super) endpoints: Vec<Issuer>,
}

/// Checks all options. Reports all mistakes in one error.
pub(super) fn check(builder: &TokenVerifierBuilder) -> Result<Checked, ConfigError> {
    let mut problems = Vec::new();
    let each = |problems: &mut Vec<ConfigProblem>, find: &dyn Fn(&TrustedIssuer, &mut Vec<ConfigProblem>)| {
        for (index, issuer) in builder.issuers().enumerate() {
            let mut found = Vec::new();
            find(issuer, &mut found);
            problems.extend(found.into_iter().map(|problem| located(problem, index, issuer)));
        }
    };
    each(&mut problems, &|issuer, found| drop(issuer.endpoints(found)));
    check_ranges(&builder.keys, builder.cache, builder.max_token_size, &mut problems);
    each(&mut problems, &TrustedIssuer::check_options);
    let transport = builder.transport.build(&mut problems);
    if builder.transport.has_ca_file() && builder.issuers().all(|issuer| issuer.static_jwks.is_some()) {
        problems.push(ConfigProblem::new("static_jwks", crate::issuers::STATIC_JWKS_CONFLICT));
    }
    check_duplicates(builder, &mut problems);
    check_tenants(builder, &mut problems);
    check_opaque(builder, &mut problems);
    let endpoints: Option<Vec<_>> =
        builder.issuers().map(|issuer| issuer.endpoints(&mut Vec::new())).collect();
    match (transport, endpoints, &*problems) {
        (Some(transport), Some(endpoints), []) => Ok(Checked { transport, endpoints }),
        _ => Err(ConfigError::new(problems)),
    }
}

/// Adds the name of the issuer to the option, except for the first issuer, whose options are
/// those of the builder.
pub(super) fn located(problem: ConfigProblem, index: usize, issuer: &TrustedIssuer) -> ConfigProblem {
    if index == 0 {
        return problem;
    }
    let option = format!("trust({}).{}", issuer.shown_name(), problem.option);
    problem.renamed(option)
}

/// Reports issuers, names and cache files that two entries have in common.
fn check_duplicates(builder: &TokenVerifierBuilder, problems: &mut Vec<ConfigProblem>) {
    let (mut issuers, mut names, mut files) = (HashMap::new(), HashSet::new(), HashSet::new());
    for (index, issuer) in builder.issuers().enumerate() {
        let mut report = |option: &'static str, problem: String| {
            problems.push(located(ConfigProblem::new(option, problem), index, issuer));
        };
        match issuers.insert(issuer.issuer.trim_end_matches('/'), &issuer.issuer) {
            Some(other) if *other == issuer.issuer => {
                report("issuer", "is trusted twice; remove one of the entries".to_owned());
            }
            Some(_) => report(
                "issuer",
                "differs from another trusted issuer only by a trailing slash; keep the one that is the `iss` of the tokens".to_owned(),
            ),
            // Two entries with the same issuer have the same default name.
            None if !names.insert(issuer.issuer_name()) => {
                report("name", "is the name of another trusted issuer; choose different names".to_owned());
            }
            None => {}
        }
        if issuer.jwks_cache_file.as_ref().is_some_and(|file| !files.insert(file)) {
            report(
                "jwks_cache_file",
                "is the file of another trusted issuer; use a file for each issuer".to_owned(),
            );
        }
    }
}

/// Reports mistakes in the allowed issuers of tenants.
fn check_tenants(builder: &TokenVerifierBuilder, problems: &mut Vec<ConfigProblem>) {
    let patterns: Vec<_> = builder.issuers().map(|issuer| IssuerPattern::new(&issuer.issuer)).collect();
    for (tenant, issuers) in &builder.tenants.0 {
        let mut report = |problem: &str| {
            problems.push(ConfigProblem::new(format!("allowed_issuers({tenant})"), problem));
        };
        if tenant.trim().is_empty() {
            report("the tenant must not be empty; set the tenant");
        } else if tenant.trim() != tenant {
            report("the tenant begins or ends with a space; remove it");
        }
        if issuers.is_empty() {
            report("must not be empty, because no token could be for this tenant; list an issuer");
        }
        for iss in issuers.iter().filter(|iss| !patterns.iter().any(|pattern| pattern.matches(iss))) {
            report(&format!(
                "`{}` is not a trusted issuer; list the exact `iss` of one",
                without_credentials(iss)
            ));
        }
    }
}

/// Reports a second issuer with opaque tokens.
fn check_opaque(builder: &TokenVerifierBuilder, problems: &mut Vec<ConfigProblem>) {
    let issuers = builder.issuers().enumerate().filter(|(_, issuer)| issuer.has_opaque_tokens());
    for (index, issuer) in issuers.skip(1) {
        let problem = "another trusted issuer has opaque tokens, which do not name their issuer; choose another mode for one of them";
        problems.push(located(ConfigProblem::new("introspection.mode", problem), index, issuer));
    }
}

/// Returns a URL for a message: omits the URL if it can contain credentials.
fn without_credentials(url: &str) -> &str {
    if url.contains('@') { "..." } else { url }
}

/// Logs a warning about each external issuer whose tokens are all rejected, because it takes the
/// tenant from a claim and no tenant lists it.
pub(super) fn warn_about_unlisted_issuers(builder: &TokenVerifierBuilder) {
    for issuer in builder.issuers().filter(|issuer| issuer.needs_listed_tenant()) {
        let pattern = IssuerPattern::new(&issuer.issuer);
        let is_listed = builder.tenants.0.values().flatten().any(|iss| pattern.matches(iss));
        if !is_listed {
            tracing::warn!(
                target: TARGET,
                issuer = %issuer.issuer_name(),
                "no tenant lists this issuer, so all its tokens are rejected: its tokens choose the tenant by a claim; list the issuer in allowed_issuers of its tenants"
            );
        }
    }
}
