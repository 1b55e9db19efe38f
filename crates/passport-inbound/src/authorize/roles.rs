//! Roles of a caller, and its permissions: those of the token, and those that the service grants to
//! roles. Pure.

use std::{collections::BTreeMap, sync::Arc};

use crate::IdInfo;

pub(super) fn has_any(caller: &IdInfo, roles: &[String]) -> bool {
    roles.iter().any(|role| caller.has_role(role))
}

/// Returns whether `caller` has all of `roles`. An empty list grants nothing.
pub(super) fn has_all(caller: &IdInfo, roles: &[String]) -> bool {
    !roles.is_empty() && roles.iter().all(|role| caller.has_role(role))
}

/// Returns whether `granted` covers `wanted`: both are equal, or `granted` ends in `.*` and
/// `wanted` starts with it. Nothing else is a wildcard; comparisons are case-sensitive.
fn covers(granted: &str, wanted: &str) -> bool {
    let below = granted.strip_suffix('*').filter(|prefix| prefix.len() > 1 && prefix.ends_with('.'));
    granted == wanted || below.is_some_and(|prefix| wanted.len() > prefix.len() && wanted.starts_with(prefix))
}

/// The permissions that this service grants to roles: for tokens that have roles and no
/// permissions, such as those of managed identities.
///
/// ```
/// use passport_inbound::RolePermissions;
///
/// let roles = RolePermissions::new().grant("clerk", ["payroll.records.read"]).grant("admin", ["payroll.*"]);
/// let may_read = roles.permission("payroll.records.read"); // the token says so, or one of the caller's roles does
/// # let _ = may_read;
/// ```
#[derive(Clone, Debug, Default)]
pub struct RolePermissions {
    granted: Arc<BTreeMap<String, Vec<String>>>,
}

impl RolePermissions {
    /// Creates a map without permissions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Grants `permissions` to callers with `role`. Can be called more than once for a role. A
    /// trailing `.*` stands for all permissions that start with what is before it.
    #[must_use]
    pub fn grant<P: Into<String>>(
        mut self,
        role: impl Into<String>,
        permissions: impl IntoIterator<Item = P>,
    ) -> Self {
        let granted = Arc::make_mut(&mut self.granted).entry(role.into()).or_default();
        granted.extend(permissions.into_iter().map(Into::into));
        self
    }

    /// Returns whether `caller` has `permission`, by its token or by one of its roles.
    pub(super) fn permit(&self, caller: &IdInfo, permission: &str) -> bool {
        caller.permissions().iter().any(|granted| covers(granted, permission))
            || self.grants(caller.roles(), permission)
    }

    fn grants(&self, roles: &[String], permission: &str) -> bool {
        let granted = roles.iter().filter_map(|role| self.granted.get(role)).flatten();
        granted.into_iter().any(|granted| covers(granted, permission))
    }
}

#[cfg(test)]
mod tests;
