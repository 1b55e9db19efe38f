//! Who has a permission: by the token, or by a map from roles that the service keeps itself. Pure.

use std::{collections::BTreeMap, sync::Arc};

use super::Requirement;

/// Whether `granted` covers `wanted`: it is the same, or ends in `.*` and begins it. Nothing else is a wildcard, and case
/// counts.
pub(super) fn covers(granted: &str, wanted: &str) -> bool {
    let below = granted.strip_suffix('*').filter(|prefix| prefix.len() > 1 && prefix.ends_with('.'));
    granted == wanted || below.is_some_and(|prefix| wanted.len() > prefix.len() && wanted.starts_with(prefix))
}

/// What each role may do, as far as this service is concerned: for tokens that have roles and no permissions, as those of
/// managed identities.
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
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Grants `permissions` to whoever has `role`; more than once adds up. A trailing `.*` stands for all that begin so.
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

    /// Demands `permission`, of the token or of one of the caller's roles.
    pub fn permission(&self, permission: impl Into<String>) -> Requirement {
        Requirement::permission_by(self.clone(), permission.into())
    }

    pub(super) fn grants(&self, roles: &[String], permission: &str) -> bool {
        let granted = roles.iter().filter_map(|role| self.granted.get(role)).flatten();
        granted.into_iter().any(|granted| covers(granted, permission))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_is_covered_by_itself_and_by_a_star_behind_a_dot() {
        for (granted, wanted, is_covered) in [
            ("payroll.records.read", "payroll.records.read", true),
            ("payroll.records.read", "payroll.records.readall", false),
            ("payroll.records.read", "Payroll.records.read", false),
            ("payroll.*", "payroll.records.read", true),
            ("payroll.*", "payroll.x", true),
            ("payroll.*", "payroll", false),
            ("payroll.*", "payroll.", false),
            ("payroll.*", "payrollx.read", false),
            ("*", "payroll.read", false),
            (".*", ".read", false),
            ("payroll*", "payroll.read", false),
            ("payroll.*.read", "payroll.records.read", false),
            ("payroll.read", "payroll.*", false),
        ] {
            assert_eq!(covers(granted, wanted), is_covered, "{granted} {wanted}");
        }
    }

    #[test]
    fn what_is_granted_to_a_role_adds_up() {
        let roles = RolePermissions::new().grant("clerk", ["a.read"]).grant("clerk", ["b.*"]);
        let of = |roles: &[&str]| roles.iter().map(|role| (*role).to_owned()).collect::<Vec<_>>();
        assert!(roles.grants(&of(&["other", "clerk"]), "a.read"));
        assert!(roles.grants(&of(&["clerk"]), "b.write"));
        assert!(!roles.grants(&of(&["other"]), "a.read"));
        assert!(!roles.grants(&[], "a.read"));
    }
}
