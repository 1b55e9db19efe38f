//! Roles and permissions of a caller. Permissions come from the token, or from a map from roles
//! to permissions. Pure.

use std::{collections::BTreeMap, sync::Arc};

use crate::IdInfo;

/// Returns whether `caller` has at least one of `roles`. Returns false for an empty list.
/// Returns `None` if the caller's roles are not known and could contain one of `roles`.
pub(super) fn has_any(caller: &IdInfo, roles: &[String]) -> Option<bool> {
    let has_one = roles.iter().any(|role| caller.has_role(role));
    known(caller, has_one || roles.is_empty(), has_one)
}

/// Returns whether `caller` has all of `roles`. Returns false for an empty list, so that an
/// empty configuration grants nothing. Returns `None` if the caller's roles are not known and
/// could contain all of `roles`.
pub(super) fn has_all(caller: &IdInfo, roles: &[String]) -> Option<bool> {
    let has_all = !roles.is_empty() && roles.iter().all(|role| caller.has_role(role));
    known(caller, has_all || roles.is_empty(), has_all)
}

/// Returns `result`, a result for the roles in the token. Returns `None` if the caller can have
/// further roles, unless these cannot change the result (`is_final`).
fn known(caller: &IdInfo, is_final: bool, result: bool) -> Option<bool> {
    (is_final || caller.roles_known()).then_some(result)
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
    /// it to one of the caller's roles. Returns `None` if roles or permissions of the caller that
    /// are not known could grant it.
    pub(super) fn permit(&self, caller: &IdInfo, permission: &str) -> Option<bool> {
        let is_permitted = caller.permissions().iter().any(|granted| covers(granted, permission))
            || self.grants(caller.roles(), permission);
        let is_known = caller.permissions_known()
            && (caller.roles_known() || !self.grants(self.granted.keys(), permission));
        (is_permitted || is_known).then_some(is_permitted)
    }

    /// Returns whether no role grants a permission.
    pub(super) fn is_empty(&self) -> bool {
        self.granted.is_empty()
    }

    /// Returns whether the map grants `permission` to one of `roles`.
    fn grants<'a>(&self, roles: impl IntoIterator<Item = &'a String>, permission: &str) -> bool {
        let granted = roles.into_iter().filter_map(|role| self.granted.get(role)).flatten();
        granted.into_iter().any(|granted| covers(granted, permission))
    }
}

#[cfg(test)]
mod tests;
