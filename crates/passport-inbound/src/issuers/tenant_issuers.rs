//! The issuers that may speak for a tenant.

use std::collections::{BTreeMap, BTreeSet};

/// The allowed issuers of tenants: the exact `iss` of tokens, by tenant. A tenant without an
/// entry has no restriction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TenantIssuers(pub(crate) BTreeMap<String, BTreeSet<String>>);

impl TenantIssuers {
    /// Returns whether a token with this `iss` may be for `tenant`. If `needs_entry` is true, a
    /// tenant without an entry allows no issuer.
    pub(crate) fn allow(&self, iss: &str, tenant: &str, needs_entry: bool) -> bool {
        self.0.get(tenant).map_or(!needs_entry, |issuers| issuers.contains(iss))
    }

    /// Returns whether `self` and `other` give the issuers that `is_own` selects the same tenants.
    pub(crate) fn agree_for(&self, other: &Self, is_own: impl Fn(&str) -> bool) -> bool {
        let tenants = self.0.keys().chain(other.0.keys());
        tenants.into_iter().all(|tenant| {
            let own = |issuers: &Self| {
                let allowed = issuers.0.get(tenant)?;
                Some(allowed.iter().filter(|iss| is_own(iss)).cloned().collect::<Vec<_>>())
            };
            own(self) == own(other)
        })
    }
}

#[cfg(test)]
mod tests;
