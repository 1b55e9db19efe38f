//! Roles and permissions of a caller. Permissions come from the token, or from a map from roles
//! to permissions. Pure.

use std::{collections::BTreeMap, sync::Arc};

use crate::IdInfo;

/// Returns whether `caller` has at least one of `roles`. Returns false for an empty list.
pub(super) fn has_any(caller: &IdInfo, roles: &[String]) -> bool {
    roles.iter().any(|role| caller.has_role(role))
}

/// Returns whether `caller` has all of `roles`. Returns false for an empty list, so that an
/// empty configuration grants nothing.
pub(super) fn has_all(caller: &IdInfo, roles: &[String]) -> bool {
    !roles.is_empty() && roles.iter().all(|role| caller.has_role(role))
}

/// Returns whether the permission `granted` covers the permission `wanted`, in one of these
/// cases:
///
/// - Both are equal.
/// - `granted` ends in `.*`, and `wanted` is longer and starts with the text before the `*`.
///
/// There are no other wildcards. The comparison is case-sensitive.
fn covers(granted: &str, wanted: &str) -> bool {
    let below = granted.strip_suffix('*').filter(|prefix| prefix.len() > 1 && prefix.ends_with('.'));
    granted == wanted || below.is_some_and(|prefix| wanted.len() > prefix.len() && wanted.starts_with(prefix))
}

/// A map from roles to permissions, for tokens that have roles but no permissions, such as those
/// of managed identities. Cheap to clone.
///
/// ```
/// use passport_inbound::RolePermissions;
///
/// let roles = RolePermissions::new()
///     .grant("clerk", ["payroll.records.read"])
///     .grant("admin", ["payroll.*"]);
/// // Met if the token has the permission, or the caller has the role clerk or admin.
/// let may_read = roles.permission("payroll.records.read");
/// # let _ = may_read;
/// ```
#[derive(Clone, Debug, Default)]
pub struct RolePermissions {
    granted: Arc<BTreeMap<String, Vec<String>>>,
}

impl RolePermissions {
    /// Creates an empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `permissions` to the permissions that `role` grants. A trailing `.*` is a wildcard:
    /// `payroll.*` grants `payroll.records.read`.
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

    /// Returns whether `caller` has `permission`: the token has the permission, or the map grants
    /// it to one of the caller's roles.
    pub(super) fn permit(&self, caller: &IdInfo, permission: &str) -> bool {
        caller.permissions().iter().any(|granted| covers(granted, permission))
            || self.grants(caller.roles(), permission)
    }

    /// Returns whether the map grants `permission` to one of `roles`.
    fn grants(&self, roles: &[String], permission: &str) -> bool {
        let granted = roles.iter().filter_map(|role| self.granted.get(role)).flatten();
        granted.into_iter().any(|granted| covers(granted, permission))
    }
}

#[cfg(test)]
mod tests;
