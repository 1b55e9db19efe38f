//! The tenant of an external issuer's callers.

use std::collections::BTreeMap;

use crate::jwt::{
    claim_path::ClaimPath,
    claim_value::{ClaimValue, ClaimValues},
    issuer_pattern::DIRECTORY_CLAIM,
};

/// How the tenant of a caller follows from a token of an external issuer. If a token has no
/// tenant by this rule, the token is rejected: a caller never has an empty tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRule(pub(super) Rule);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Fixed(Box<str>),
    Claim { path: ClaimPath, any_tenant: bool },
    Table { path: ClaimPath, table: BTreeMap<Box<str>, Box<str>> },
}

impl TenantRule {
    /// Creates the rule that all callers of the issuer belong to `tenant`. A security event about a
    /// tenant has to name `tenant`: another tenant of the issuer can be a part of it.
    pub fn fixed(tenant: impl Into<String>) -> Self {
        Self(Rule::Fixed(tenant.into().into()))
    }

    /// Creates the rule that the claim at `path` is the tenant.
    ///
    /// The issuer decides the value of this claim. So a token is accepted only if its tenant lists
    /// the issuer in [`allowed_issuers`](crate::TokenVerifierBuilder::allowed_issuers): otherwise
    /// the identity provider of one customer could issue tokens for another customer's tenant.
    pub fn claim(path: impl Into<ClaimPath>) -> Self {
        Self(Rule::Claim { path: path.into(), any_tenant: false })
    }

    /// Creates the rule that `table` maps the claim at `path` to the tenant. The first value of a
    /// pair is the claim's value, and the second is the tenant. A value that is not in the table
    /// has no tenant.
    pub fn table<K: Into<String>, V: Into<String>>(
        path: impl Into<ClaimPath>,
        table: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let pair = |(theirs, ours): (K, V)| (theirs.into().into(), ours.into().into());
        Self(Rule::Table { path: path.into(), table: table.into_iter().map(pair).collect() })
    }

    /// Accepts each tenant in the claim of [`claim`](Self::claim), unless the tenant lists other
    /// issuers in [`allowed_issuers`](crate::TokenVerifierBuilder::allowed_issuers). Has no effect
    /// on other rules.
    ///
    /// **Danger:** the issuer can then issue tokens for every tenant without such a list. Use this
    /// option only if you operate the issuer, and no customer can set the claim.
    #[must_use]
    pub fn danger_any_tenant(self) -> Self {
        match self.0 {
            Rule::Claim { path, .. } => Self(Rule::Claim { path, any_tenant: true }),
            _ => self,
        }
    }

    /// Returns whether a tenant must list the issuer, because the issuer chooses the tenant. This
    /// is also the case if a table maps a claim that the directories of one entry choose: each of
    /// them could write the value of another.
    pub(super) fn needs_listed_tenant(&self, has_directories: bool) -> bool {
        match &self.0 {
            Rule::Fixed(_) => false,
            Rule::Claim { any_tenant, .. } => !any_tenant,
            Rule::Table { path, .. } => has_directories && *path != ClaimPath::name(DIRECTORY_CLAIM),
        }
    }

    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.0, Rule::Fixed(_))
    }

    /// Returns whether the rule accepts only values that are listed.
    pub(super) fn lists_values(&self) -> bool {
        matches!(self.0, Rule::Table { .. })
    }

    /// Returns the path of the claim that the rule reads. `None` if the rule reads no claim.
    pub(crate) fn path(&self) -> Option<&ClaimPath> {
        match &self.0 {
            Rule::Fixed(_) => None,
            Rule::Claim { path, .. } | Rule::Table { path, .. } => Some(path),
        }
    }

    /// Returns the tenant that the issuer means by `theirs`, the id of a tenant in an event.
    /// Returns `None` if the rule gives none: a fixed tenant can have the callers of several
    /// tenants of the issuer, so only an event that names the fixed tenant is about all of them.
    pub(crate) fn named<'a>(&'a self, theirs: &'a str) -> Option<&'a str> {
        match &self.0 {
            Rule::Fixed(tenant) => (**tenant == *theirs).then_some(&**tenant),
            Rule::Claim { .. } => Some(theirs),
            Rule::Table { table, .. } => table.get(theirs).map(|ours| &**ours),
        }
    }

    /// Returns the tenant of a token with these claims. Returns `None` if the token has no tenant
    /// by this rule.
    pub(crate) fn tenant<'a>(&'a self, claims: &'a ClaimValues) -> Option<&'a str> {
        let text = |path: &ClaimPath| match claims.get(path) {
            Some(ClaimValue::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        let tenant = match &self.0 {
            Rule::Fixed(tenant) => Some(&**tenant),
            Rule::Claim { path, .. } => text(path),
            Rule::Table { path, table } => text(path).and_then(|theirs| Some(&**table.get(theirs)?)),
        };
        tenant.filter(|tenant| !tenant.trim().is_empty())
    }
}

#[cfg(test)]
mod tests;
