//! Named policies: requirements as data.

use std::{collections::BTreeSet, time::Duration};

use http::HeaderName;
use passport_core::ConfigProblem;
use passport_inbound::Requirement;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::Value;

use super::section::{Entry, Section, Table, Tables, find};
use crate::{
    problems::WHOLE,
    reader::Reader,
    setting::Setting,
    table::Values,
    value::{ConfigValue, InvalidValue},
};

/// A requirement. A caller must meet all conditions of the table.
#[derive(Deserialize, JsonSchema)]
pub(super) struct PolicySettings {
    /// Roles of which the caller has at least one.
    any_role: Setting<Vec<String>>,
    /// Roles of which the caller has all.
    all_roles: Setting<Vec<String>>,
    /// Permissions of which the token has all.
    permission: Setting<Vec<String>>,
    /// Scopes of which the token has all.
    scopes: Setting<Vec<String>>,
    /// The caller's tenant.
    tenant: Setting<String>,
    /// A header that must have the caller's tenant as its value, if the request has the header.
    tenant_in_header: Setting<HeaderName>,
    /// Set to true to require a service account.
    service_account: Setting<bool>,
    /// Set to true to require a user.
    user: Setting<bool>,
    /// Set to true to require a caller of a Passport.
    passport: Setting<bool>,
    /// The name of the issuer of the caller's token.
    issuer: Setting<String>,
    /// Set to true to require multi-factor authentication.
    multi_factor: Setting<bool>,
    /// The authentication context: the value of the claim acr.
    acr: Setting<String>,
    /// The maximum age of the issuer's answer that the token is still active: 1 s to 60 s, or 0 s
    /// to ask the issuer for each request. The issuer needs introspection.
    introspected_within: Setting<Duration>,
    /// Beside `introspected_within`: how long a token that the issuer has confirmed is accepted
    /// while the issuer gives no valid answer, at most 1 h. A token that is revoked during the
    /// outage is then accepted. Defaults to the setting of the issuer.
    danger_continue_when_unreachable: Setting<Duration>,
    /// Policies of which the caller meets at least one.
    any: Setting<Tables<Self>>,
    /// A policy that the caller does not meet.
    not: Setting<Table<Self>>,
}

impl Section for PolicySettings {
    const NAME: &'static str = "policy";
    const MAIN_KEYS: &'static str = "any_role, permission, service_account, ...";
    const OTHER_NAMES: &'static [(&'static str, &'static str)] =
        &[("role", "any_role"), ("permissions", "permission")];
}

/// The name of an HTTP header.
impl ConfigValue for HeaderName {
    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let problem = "not a valid header name; write one such as X-Tenant-Id";
        Self::try_from(String::parse(value)?).map_err(|_| problem.into())
    }

    fn schema() -> Schema {
        String::schema()
    }
}

impl PolicySettings {
    /// Returns the requirement. Reports mistakes to `reader`.
    pub(super) fn requirement(&self, reader: &mut Reader<'_>) -> Option<Requirement> {
        let mut all = Vec::new();
        all.extend(reader.read(&self.any_role).map(Requirement::any_role));
        all.extend(reader.read(&self.all_roles).map(Requirement::all_roles));
        all.extend(reader.read(&self.permission).into_iter().flatten().map(Requirement::permission));
        if let Some(scopes) = reader.read(&self.scopes) {
            all.extend(reader.collect(&self.scopes, Requirement::scopes(&scopes.join(" "))));
        }
        all.extend(reader.read(&self.tenant).map(Requirement::tenant));
        all.extend(reader.read(&self.tenant_in_header).map(Requirement::tenant_in_header));
        for (setting, requirement) in [
            (&self.service_account, Requirement::service_account()),
            (&self.user, Requirement::user()),
            (&self.passport, Requirement::passport()),
            (&self.multi_factor, Requirement::multi_factor()),
        ] {
            match reader.read(setting) {
                Some(true) => all.push(requirement),
                Some(false) => reader.report(setting, "set it to true, or remove it; `not` negates a policy"),
                None => {}
            }
        }
        all.extend(reader.read(&self.issuer).map(Requirement::issuer));
        all.extend(reader.read(&self.acr).map(Requirement::acr));
        all.extend(self.introspection(reader));
        all.extend(self.alternatives(reader));
        all.extend(reader.table(&self.not, Self::requirement).map(|requirement| !requirement));
        let combined = all.into_iter().reduce(Requirement::and);
        if combined.is_none() && !reader.has_problems() {
            let problem = "no condition; set any_role, permission or another condition";
            reader.extend([ConfigProblem::new(WHOLE, problem)]);
        }
        combined
    }

    /// Returns the requirement that one of the policies in `any` is met.
    fn alternatives(&self, reader: &mut Reader<'_>) -> Option<Requirement> {
        let policies = reader.tables(&self.any);
        let policy = |entry: Entry| reader.entry(&entry, Self::requirement);
        policies.into_iter().filter_map(policy).reduce(Requirement::or)
    }

    /// Returns the requirement that the issuer has confirmed the token.
    fn introspection(&self, reader: &mut Reader<'_>) -> Option<Requirement> {
        let continue_for = reader.read(&self.danger_continue_when_unreachable);
        if continue_for.is_some() && self.introspected_within.raw().is_none() {
            let problem = "set introspected_within in the same policy, or remove it";
            reader.report(&self.danger_continue_when_unreachable, problem);
        }
        let max_age = reader.read(&self.introspected_within)?;
        let requirement = if max_age.is_zero() {
            Requirement::introspected()
        } else {
            reader.collect_all(&self.introspected_within, Requirement::introspected_within(max_age))?
        };
        let Some(time) = continue_for else { return Some(requirement) };
        let requirement = requirement.danger_continue_when_unreachable(time);
        reader.collect_all(&self.danger_continue_when_unreachable, requirement)
    }
}

/// Returns the names of issuers in a policy, and in the policies inside it.
pub(super) fn issuer_names(policy: &Value) -> Vec<String> {
    // Parsed as the policy itself is, so that each spelling of a name is found.
    let names = tables(policy).into_iter().filter_map(|values| find::<PolicySettings>(values, "issuer"));
    names.filter_map(|value| String::parse(value).ok()).collect()
}

/// Returns the issuers whose tokens must be introspected for a policy, or for a policy inside it:
/// the issuer that the same table names, or `None` for each issuer.
pub(super) fn introspected_issuers(policy: &Value) -> BTreeSet<Option<String>> {
    let member = |values, name| find::<PolicySettings>(values, name).filter(|value| !value.is_null());
    let needing = tables(policy).into_iter().filter(|values| member(values, "introspected_within").is_some());
    needing.map(|values| member(values, "issuer").and_then(|name| String::parse(name).ok())).collect()
}

/// Returns the table of a policy, and those of the policies inside it.
fn tables(policy: &Value) -> Vec<&Values> {
    let Some(values) = policy.as_object() else { return Vec::new() };
    let inner = |key: &str| find::<PolicySettings>(values, key);
    let alternatives: Vec<_> = match inner("any") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(Value::Object(table)) => table.values().collect(),
        _ => Vec::new(),
    };
    let policies = alternatives.into_iter().chain(inner("not"));
    std::iter::once(values).chain(policies.flat_map(tables)).collect()
}
