//! The tenant of an external issuer's callers, and the issuers of a tenant.

use passport_inbound::TenantRule;
use schemars::JsonSchema;
use serde::Deserialize;

use super::section::{Section, Texts};
use crate::{reader::Reader, setting::Setting};

/// The tenant of an external issuer's callers.
#[derive(Deserialize, JsonSchema)]
pub(super) struct TenantSettings {
    /// The tenant of all callers.
    fixed: Setting<String>,
    /// The claim that is the tenant, or whose value `table` maps to the tenant.
    claim: Setting<String>,
    /// The tenants by the values of the claim. A token with another value is rejected.
    table: Setting<Texts>,
    /// Whether the issuer may choose any tenant in the claim. Only for an issuer that you operate.
    /// Otherwise `allowed_issuers` of the tenant must list the issuer. Defaults to false.
    danger_any_tenant: Setting<bool>,
}

impl Section for TenantSettings {
    const NAME: &'static str = "tenant";
    const MAIN_KEYS: &'static str = "fixed, or claim, or claim and table";
}

impl TenantSettings {
    /// Returns the rule. Reports mistakes to `reader`.
    pub(super) fn rule(&self, reader: &mut Reader<'_>) -> Option<TenantRule> {
        let is_set = (self.fixed.raw().is_some(), self.claim.raw().is_some(), self.table.raw().is_some());
        let any_tenant = reader.read(&self.danger_any_tenant) == Some(true);
        let (fixed, claim) = (reader.read(&self.fixed), reader.read(&self.claim));
        let table = reader.read(&self.table);
        match is_set {
            (true, false, false) | (false, true, _) => {}
            (true, _, _) => reader.report(&self.fixed, "excludes claim and table; remove it, or remove them"),
            (false, false, true) => reader.report(&self.claim, "missing; set the claim that the table reads"),
            (false, false, false) => {
                reader.report(&self.fixed, "missing; set fixed to the tenant, or claim to the claim with it");
            }
        }
        if any_tenant && !matches!(is_set, (false, true, false)) {
            reader.report(&self.danger_any_tenant, "only for a claim without a table; remove it");
        }
        if let Some(tenant) = fixed {
            return Some(TenantRule::fixed(tenant));
        }
        match (claim?, table) {
            (claim, Some(Texts(table))) => Some(TenantRule::table(claim, table)),
            (_, None) if is_set.2 => None,
            (claim, None) if any_tenant => Some(TenantRule::claim(claim).danger_any_tenant()),
            (claim, None) => Some(TenantRule::claim(claim)),
        }
    }
}

/// The rules of one tenant, in the table `tenants`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct TenantIssuers {
    /// The exact iss of the tokens that are accepted for the tenant.
    allowed_issuers: Setting<Vec<String>>,
}

impl Section for TenantIssuers {
    const NAME: &'static str = "tenant_issuers";
    const MAIN_KEYS: &'static str = "allowed_issuers";
}

impl TenantIssuers {
    /// Returns the allowed issuers of the tenant. Reports mistakes to `reader`.
    pub(super) fn issuers(&self, reader: &mut Reader<'_>) -> Option<Vec<String>> {
        reader.require(&self.allowed_issuers, "list the issuers that may speak for the tenant")
    }
}
