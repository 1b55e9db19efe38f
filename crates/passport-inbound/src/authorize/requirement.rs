use std::{fmt, ops::Not, sync::Arc};

use http::HeaderName;
use passport_core::{ConfigError, ConfigProblem, InvalidScope, Scopes};

use super::{
    checker::PermissionChecker,
    evaluate::{Evaluation, RemotePermission},
    path_pattern::PathPattern,
    request_head::RequestHead,
    roles::RolePermissions,
    rule::Rule,
};
use crate::{IdInfo, response::unmet_requirement::UnmetRequirement};

/// A requirement that a caller must meet: a single one, or several that are combined with
/// [`and`](Self::and), [`or`](Self::or) and `!`. Cheap to clone.
///
/// ```
/// use passport_inbound::{Requirement, RequireLayer};
///
/// let clerks = Requirement::role("payroll.clerk").and(Requirement::multi_factor());
/// let layer = RequireLayer::new(clerks.or(Requirement::service_account()));
/// # let _ = layer;
/// ```
///
/// Two requirements are equal if `Display` shows the same text. Checks, and permissions of roles,
/// are not compared.
#[derive(Clone)]
pub struct Requirement(Arc<Rule>);

impl Requirement {
    fn of(rule: Rule) -> Self {
        Self(Arc::new(rule))
    }

    /// Requires a managed identity, not a user.
    #[must_use]
    pub fn service_account() -> Self {
        Self::of(Rule::ServiceAccount)
    }

    /// Requires a user: a token without any mark of a managed identity.
    #[must_use]
    pub fn user() -> Self {
        Self::of(Rule::User)
    }

    /// Requires this role. Roles are compared exactly, case included.
    pub fn role(role: impl Into<String>) -> Self {
        Self::any_role([role])
    }

    /// Requires at least one of these roles. An empty list is never met.
    pub fn any_role<R: Into<String>>(roles: impl IntoIterator<Item = R>) -> Self {
        Self::of(Rule::AnyRole(roles.into_iter().map(Into::into).collect()))
    }

    /// Requires all of these roles. An empty list is never met.
    pub fn all_roles<R: Into<String>>(roles: impl IntoIterator<Item = R>) -> Self {
        Self::of(Rule::AllRoles(roles.into_iter().map(Into::into).collect()))
    }

    /// Requires this permission in the token: exactly, or by one that ends in `.*` and covers it.
    /// Tokens of managed identities have no permissions; see [`RolePermissions`].
    pub fn permission(permission: impl Into<String>) -> Self {
        Self::permission_by(RolePermissions::default(), permission.into())
    }

    fn permission_by(by: RolePermissions, permission: String) -> Self {
        Self::of(Rule::Permission { permission, by })
    }

    /// Requires this permission, according to `check`.
    pub fn remote_permission(check: impl PermissionChecker, permission: impl Into<String>) -> Self {
        Self::of(Rule::Remote(Arc::new(RemotePermission {
            check: Box::new(check),
            permission: permission.into(),
        })))
    }

    /// Requires all of these scopes, which are separated by spaces. The rejection says
    /// `insufficient_scope` ([RFC 6750, section
    /// 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)). Passport's own tokens name none.
    ///
    /// # Errors
    /// When `scopes` are not valid.
    pub fn scopes(scopes: &str) -> Result<Self, InvalidScope> {
        let scopes: Scopes = scopes.parse()?;
        Ok(Self::of(Rule::Scopes(scopes.iter().map(str::to_owned).collect())))
    }

    /// Requires this tenant.
    pub fn tenant(tenant: impl Into<String>) -> Self {
        Self::of(Rule::Tenant(tenant.into()))
    }

    /// Requires the tenant that the path names, where `pattern` has `{parameter}`:
    /// `/tenants/{tenant_id}/records/{*rest}`, as axum writes and matches routes. It is held
    /// against the whole path; in axum, below a `nest`, the prefix is part of it.
    ///
    /// A path that does not match never grants access: it meets neither this requirement nor its
    /// negation. In `a.or(b)`, only the other one can still let the caller through.
    ///
    /// A path that programs read differently is rejected before it is matched, whatever else the
    /// requirement says: one with a dot segment, an empty segment (a slash at its end included), an
    /// encoded slash, a backslash, invalid UTF-8, or a byte that is encoded twice.
    ///
    /// # Errors
    /// When `pattern` is not such a path, or `{parameter}` is not exactly one of its segments.
    pub fn tenant_in_path(pattern: &str, parameter: &str) -> Result<Self, ConfigError> {
        let parsed = PathPattern::parse(pattern, parameter).map_err(|wrong| {
            let problem =
                format_args!("`{pattern}`: {wrong}; write it as a route: /tenants/{{{parameter}}}/{{*rest}}");
            ConfigError::new(vec![ConfigProblem::new("pattern", problem)])
        })?;
        Ok(Self::of(Rule::TenantInPath { pattern: parsed, shown: pattern.to_owned() }))
    }

    /// Requires that the header `name` (`X-Tenant-Id`), if the request has it, names the caller's
    /// own tenant. The tenant is always that of the token.
    #[must_use]
    pub fn tenant_in_header(name: HeaderName) -> Self {
        Self::of(Rule::TenantInHeader(name))
    }

    /// Requires a second factor: an `acr` of Passport's `urn:passport:authn:mfa`, or an `amr` with
    /// `mfa`, `otp`, `fido` or `hwk`.
    #[must_use]
    pub fn multi_factor() -> Self {
        Self::of(Rule::MultiFactor)
    }

    /// Requires exactly this authentication context (`acr`).
    pub fn acr(acr: impl Into<String>) -> Self {
        Self::of(Rule::Acr(acr.into()))
    }

    /// Requires that a check of your own returns `true`. The check must not block. `name` is what a
    /// rejected caller sees.
    pub fn check(
        name: impl Into<String>,
        check: impl Fn(&IdInfo, RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::of(Rule::Check { name: name.into(), check: Box::new(check) })
    }

    /// Requires both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::of(Rule::Both(self.0, other.0))
    }

    /// Requires at least one of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::of(Rule::Either(self.0, other.0))
    }

    /// Evaluates the requirement as far as possible without a permission check.
    pub(super) fn evaluate(&self, caller: &IdInfo, request: RequestHead<'_>) -> Evaluation {
        self.0.evaluate(caller, request, false)
    }

    pub(super) fn reads_path(&self) -> bool {
        self.0.reads_path()
    }

    /// Returns the description for a response.
    pub(crate) fn unmet(&self) -> UnmetRequirement {
        let scopes = match &*self.0 {
            Rule::Scopes(scopes) => Some(scopes.join(" ")),
            _ => None,
        };
        UnmetRequirement::new(self.to_string(), self.reason(), scopes)
    }

    fn reason(&self) -> &'static str {
        match &*self.0 {
            Rule::ServiceAccount => "ServiceAccountRequired",
            Rule::User => "UserRequired",
            Rule::AnyRole(_) | Rule::AllRoles(_) => "RoleRequired",
            Rule::Permission { .. } | Rule::Remote(_) => "PermissionRequired",
            Rule::Scopes(_) => "ScopeRequired",
            Rule::Tenant(_) | Rule::TenantInPath { .. } | Rule::TenantInHeader(_) => "TenantMismatch",
            Rule::MultiFactor | Rule::Acr(_) => "StrongerAuthenticationRequired",
            Rule::Check { .. } => "CheckFailed",
            Rule::Not(_) | Rule::Both(..) | Rule::Either(..) => "RequirementNotMet",
        }
    }
}

impl RolePermissions {
    /// Requires `permission`, of the token or of one of the caller's roles.
    pub fn permission(&self, permission: impl Into<String>) -> Requirement {
        Requirement::permission_by(self.clone(), permission.into())
    }
}

impl From<Requirement> for UnmetRequirement {
    fn from(requirement: Requirement) -> Self {
        requirement.unmet()
    }
}

/// The opposite: callers pass that do not meet the requirement.
impl Not for Requirement {
    type Output = Self;

    fn not(self) -> Self {
        Self::of(Rule::Not(self.0))
    }
}

/// The text that rejected callers see.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Requirement({self})")
    }
}

impl PartialEq for Requirement {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.to_string() == other.to_string()
    }
}

impl Eq for Requirement {}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceAccount => f.write_str("a service account"),
            Self::User => f.write_str("a user"),
            Self::AnyRole(roles) => match &roles[..] {
                [role] => write!(f, "the role {role}"),
                roles => write!(f, "one of the roles {}", roles.join(", ")),
            },
            Self::AllRoles(roles) => write!(f, "all of the roles {}", roles.join(", ")),
            Self::Permission { permission, .. } => write!(f, "the permission {permission}"),
            Self::Remote(remote) => write!(f, "the permission {}", remote.permission),
            Self::Scopes(scopes) => write!(f, "the scopes {}", scopes.join(" ")),
            Self::Tenant(tenant) => write!(f, "the tenant {tenant}"),
            Self::TenantInPath { shown, .. } => write!(f, "the tenant of the path {shown}"),
            Self::TenantInHeader(name) => write!(f, "the tenant of the header {name}"),
            Self::MultiFactor => f.write_str("a second factor"),
            Self::Acr(acr) => write!(f, "the authentication context {acr}"),
            Self::Check { name, .. } => f.write_str(name),
            Self::Not(rule) => write!(f, "not {rule}"),
            Self::Both(one, other) => write!(f, "({one} and {other})"),
            Self::Either(one, other) => write!(f, "({one} or {other})"),
        }
    }
}
