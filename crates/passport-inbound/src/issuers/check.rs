//! Finds the mistakes in the options of a trusted issuer.

use std::{fmt, time::Duration};

use passport_core::{ConfigProblem, Issuer};

use super::{
    ClaimMap,
    tenant_rule::{Rule, TenantRule},
    trusted_issuer::{DirectoryRule, IssuerKind, TrustedIssuer},
};
use crate::{
    AudienceClaim,
    jwt::{
        claim_path::ClaimPath,
        claims::REGISTERED,
        header::is_statement_type,
        issuer_pattern::{IssuerPattern, PLACEHOLDER, is_guid},
    },
    metrics::UNKNOWN_ISSUER,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The problem of static keys that are combined with other options about keys.
pub(crate) const STATIC_JWKS_CONFLICT: &str =
    "jwks_url, jwks_cache_file and ca_file have no effect with static keys; remove them, or static_jwks";

/// The claims that identify the caller. Many callers have the same value of others, such
/// as `email_verified`.
const IDENTIFYING_CLAIMS: [&str; 5] = ["azp", "email", "hd", "oid", "sub"];

/// The maximum size of an issuer, in bytes.
pub(crate) const MAX_ISSUER: usize = 512;

const SPACES: &str = "a tenant begins or ends with a space; remove it";

/// The mistakes that were found so far.
type Problems = Vec<ConfigProblem>;

impl TrustedIssuer {
    /// Returns the mistakes in the options: for each of them the name of the option, what is wrong,
    /// and the remedy. [`TokenVerifierBuilder::build`](crate::TokenVerifierBuilder::build) reports
    /// the same mistakes, and those that concern several issuers.
    #[must_use]
    pub fn problems(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        self.endpoints(&mut problems);
        self.check_options(&mut problems);
        problems
    }

    /// Parses the URLs of the issuer. Reports each invalid URL. Returns `None` if there is one.
    pub(crate) fn endpoints(&self, problems: &mut Problems) -> Option<Issuer> {
        let new = if self.plain_http { Issuer::danger_plain_http } else { Issuer::new };
        let issuer = ConfigProblem::collect(problems, "issuer", new(&self.issuer));
        // Checks the URL of the keys even if the issuer's URL is invalid.
        let base = issuer.clone().or_else(|| new(Issuer::PASSPORT).ok())?;
        let introspection = self.check_introspection_url(&base, problems);
        let endpoints = match &self.jwks_url {
            Some(url) => ConfigProblem::collect(problems, "jwks_url", base.with_jwks_url(url)),
            None => Some(base),
        };
        issuer.and(introspection).and(endpoints)
    }

    /// Reports a missing or invalid URL of the introspection endpoint. Returns `None` if there is
    /// such a problem.
    fn check_introspection_url(&self, base: &Issuer, problems: &mut Problems) -> Option<()> {
        const OPTION: &str = "introspection.endpoint";
        let Some(introspection) = &self.introspection else { return Some(()) };
        let url = ConfigProblem::collect(problems, OPTION, introspection.url(self.kind, base))?;
        if url.is_none() {
            let problem = "missing; set the `introspection_endpoint` of the issuer's discovery document";
            problems.push(ConfigProblem::new(OPTION, problem));
        }
        url.map(drop)
    }

    /// Reports the mistakes in all options but the URLs.
    pub(crate) fn check_options(&self, problems: &mut Problems) {
        let mut report = |option: &'static str, problem: &str| {
            problems.push(ConfigProblem::new(option, problem));
        };
        if self.name.as_ref().is_some_and(|name| name.trim().is_empty()) {
            report("name", "must not be empty; set a name, or omit the option for the issuer's URL");
        }
        if self.issuer_name() == UNKNOWN_ISSUER {
            report("name", "is the name of tokens from no trusted issuer; choose another name");
        }
        if self.issuer.matches("://").count() > 1 {
            report("issuer", "has two schemes; write the domain without a scheme");
        }
        if self.issuer.trim() != self.issuer {
            report("issuer", "begins or ends with a space; set the exact `iss` of the tokens");
        }
        if self.issuer.replace(PLACEHOLDER, "").contains('{') {
            report("issuer", "has another placeholder than {tenantid}; write that one, in lower case");
        }
        if self.issuer.len() > MAX_ISSUER {
            report("issuer", "must have at most 512 bytes; set the `iss` of the tokens");
        }
        if self.audiences.is_empty() {
            report("audience", "missing; set the `aud` of the tokens to accept");
        } else if self.audiences.iter().any(|audience| audience.trim().is_empty()) {
            report("audience", "must not be empty; set the `aud` of the tokens to accept");
        }
        if self.algorithms.is_empty() {
            report("algorithms", "must not be empty; add an algorithm, or omit the option for RS256");
        }
        if self.static_jwks.is_some() && (self.jwks_url.is_some() || self.jwks_cache_file.is_some()) {
            report("static_jwks", STATIC_JWKS_CONFLICT);
        }
        self.check_token_types(problems);
        self.check_durations(problems);
        self.check_directories(problems);
        self.check_required_claims(problems);
        if let Some(introspection) = &self.introspection {
            let has_placeholder = matches!(IssuerPattern::new(&self.issuer), IssuerPattern::Directory { .. });
            introspection.check(has_placeholder, problems);
        }
        match self.kind {
            IssuerKind::Passport => self.check_passport(problems),
            IssuerKind::External => self.check_external(problems),
        }
    }

    fn check_token_types(&self, problems: &mut Problems) {
        let Some(types) = &self.token_types else { return };
        let mut report = |problem: &str| problems.push(ConfigProblem::new("token_types", problem));
        if types.is_empty() || types.iter().any(|typ| typ.trim().is_empty()) {
            report("must not be empty; set the `typ` of the tokens, such as at+jwt");
        }
        if types.iter().any(|typ| is_statement_type(typ)) {
            report("has the `typ` of logout tokens, security events or introspection responses; remove it");
        }
    }

    fn check_durations(&self, problems: &mut Problems) {
        let mut check = |option: &'static str, value: Option<Duration>, min: Duration, max, range: &str| {
            if let Some(value) = value.filter(|value| !(min..=max).contains(value)) {
                let problem = format_args!("must be {range}, is {value:?}");
                problems.push(ConfigProblem::new(option, problem));
            }
        };
        check("clock_skew", self.clock_skew, Duration::ZERO, 10 * MINUTE, "at most 10 min");
        let range = "between 1 min and 24 h";
        check("jwks_refresh_interval", self.refresh_interval, MINUTE, DAY, range);
        check("jwks_cooldown", self.cooldown, SECOND, 10 * MINUTE, "between 1 s and 10 min");
    }

    /// Reports mistakes with the placeholder for a directory.
    fn check_directories(&self, problems: &mut Problems) {
        let mut report = |option: &'static str, problem: &dyn fmt::Display| {
            problems.push(ConfigProblem::new(option, problem));
        };
        let has_placeholder = matches!(IssuerPattern::new(&self.issuer), IssuerPattern::Directory { .. });
        if self.issuer.matches(PLACEHOLDER).count() > 1 {
            report("issuer", &format_args!("has more than one {PLACEHOLDER}; write it once"));
        }
        match &self.directories {
            DirectoryRule::Unset if has_placeholder => report(
                "allowed_directories",
                &"missing; list the GUIDs of the accepted directories, or use danger_any_directory",
            ),
            DirectoryRule::Unset => {}
            _ if !has_placeholder => {
                report("allowed_directories", &format_args!("the issuer has no {PLACEHOLDER}; remove it"));
            }
            DirectoryRule::Listed(list) if list.is_empty() => {
                report("allowed_directories", &"must not be empty; list at least one GUID");
            }
            DirectoryRule::Listed(list) => {
                for directory in list.iter().filter(|directory| !is_guid(directory)) {
                    let problem = "is not a GUID in lower case, such as 72f988bf-86f1-41af-91ab-2d7cd011db47";
                    report("allowed_directories", &format_args!("`{directory}` {problem}"));
                }
            }
            DirectoryRule::Any => {}
        }
        if has_placeholder && self.jwks_url.is_none() && self.static_jwks.is_none() {
            let remedy = "missing; an issuer with a placeholder has no discovery document of its own, set the URL of its keys";
            report("jwks_url", &remedy);
        }
        if has_placeholder && self.kind == IssuerKind::Passport {
            report("issuer", &format_args!("{PLACEHOLDER} is only for external issuers"));
        }
    }

    fn check_required_claims(&self, problems: &mut Problems) {
        for condition in &self.required_claims {
            check_path("require_claim", condition.path(), problems);
            if condition.is_blank() {
                problems
                    .push(ConfigProblem::new("require_claim", "an empty value; set the value to require"));
            }
        }
    }

    fn check_passport(&self, problems: &mut Problems) {
        let external = [
            ("claims", self.claims.is_some()),
            ("tenant", self.tenant.is_some()),
            ("require_claim", !self.required_claims.is_empty()),
            ("audience_claim", self.audience_claim != AudienceClaim::Aud),
        ];
        for (option, _) in external.into_iter().filter(|(_, is_set)| *is_set) {
            let problem = "only for external issuers; remove it, or use TrustedIssuer::external";
            problems.push(ConfigProblem::new(option, problem));
        }
    }

    /// Returns whether the rules accept only listed values of claims.
    fn lists_callers(&self) -> bool {
        let has_value = |condition: &super::ClaimCondition| {
            !condition.accepts_any_value() && IDENTIFYING_CLAIMS.contains(&condition.path().claim())
        };
        let is_fixed = self.tenant.as_ref().is_some_and(TenantRule::is_fixed);
        // Each directory is a separate issuer, so a claim lists the directory's tenants.
        let is_bound = self.directories == DirectoryRule::Any && !is_fixed;
        let has_table = self.tenant.as_ref().is_some_and(TenantRule::lists_values);
        has_table || is_bound || self.required_claims.iter().any(has_value)
    }

    fn check_external(&self, problems: &mut Problems) {
        if self.is_open_to_anyone() && !self.lists_callers() {
            let problem = "anyone can get a token from this issuer; use TenantRule::table, or require_claim with a value";
            problems.push(ConfigProblem::new("tenant", problem));
        }
        if self.checks_key_issuer
            && let IssuerPattern::Exact(issuer) = IssuerPattern::new(&self.issuer)
            && !issuer.split('/').any(is_guid)
        {
            let problem = "has no GUID of a directory; use the GUID instead of a name or `common`, or entra_multi_tenant";
            problems.push(ConfigProblem::new("issuer", problem));
        }
        match &self.tenant {
            Some(rule) => rule.check(problems),
            None => problems.push(ConfigProblem::new(
                "tenant",
                "missing; set the tenant of the issuer's callers, for example TenantRule::fixed",
            )),
        }
        if let Some(map) = &self.claims {
            map.check(problems);
        }
    }
}

impl TenantRule {
    fn check(&self, problems: &mut Problems) {
        if let Some(path) = self.path() {
            check_path("tenant", path, problems);
        }
        let is_blank = |text: &str| text.trim().is_empty();
        let has_spaces = |text: &str| text.trim() != text && !is_blank(text);
        let problem = match &self.0 {
            Rule::Fixed(tenant) if is_blank(tenant) => "must not be empty; set the tenant",
            Rule::Fixed(tenant) if has_spaces(tenant) => SPACES,
            Rule::Table { table, .. } if table.values().any(|tenant| has_spaces(tenant)) => SPACES,
            Rule::Table { table, .. } if table.is_empty() => {
                "the table is empty, so every token would be rejected; add a pair of claim value and tenant"
            }
            Rule::Table { table, .. }
                if table.iter().any(|(one, other)| is_blank(one) || is_blank(other)) =>
            {
                "the table has an empty value or tenant; remove the pair, or complete it"
            }
            _ => return,
        };
        problems.push(ConfigProblem::new("tenant", problem));
    }
}

impl ClaimMap {
    fn check(&self, problems: &mut Problems) {
        for (option, path) in self.paths() {
            check_path(option, path, problems);
        }
        let mut report = |option: &'static str, problem: &str| {
            problems.push(ConfigProblem::new(option, problem));
        };
        if self.has_blank_role() {
            report("claims.role", "an empty name; set the issuer's name of the role, and the role");
        }
        if self.has_unused_roles() {
            report("claims.roles_from", "missing; set the claims that contain the roles");
        }
        if self.service_account_condition().is_some_and(super::ClaimCondition::is_blank) {
            report("claims.service_account", "an empty value; set the value that marks a service account");
        }
    }
}

/// Reports a path that no claim can have, or a claim that the verifier itself reads.
fn check_path(option: &'static str, path: &ClaimPath, problems: &mut Problems) {
    if path.has_blank_part() {
        let problem = format_args!("`{path}` has an empty part; write a claim, such as realm_access.roles");
        problems.push(ConfigProblem::new(option, problem));
    } else if REGISTERED.contains(&path.claim()) {
        let problem = format_args!("`{path}` is checked by the verifier itself; choose another claim");
        problems.push(ConfigProblem::new(option, problem));
    }
}

#[cfg(test)]
mod tests;
