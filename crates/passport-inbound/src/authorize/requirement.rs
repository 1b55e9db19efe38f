//! Requirements, their combinations, and the texts that describe them.

mod introspected;

use std::{collections::BTreeSet, fmt, ops::Not, sync::Arc};

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
use crate::{IdInfo, introspection::NeededAnswer, response::unmet_requirement::UnmetRequirement};

/// A condition that a caller must meet. Combine several conditions with [`and`](Self::and),
/// [`or`](Self::or) and `!`. A `Requirement` is cheap to clone.
///
/// There are three ways to apply a requirement:
///
/// - to a route or a service: [`RequireLayer`](crate::RequireLayer);
/// - to everything inside an `AuthenticateLayer`:
///   [`AuthenticateLayer::require`](crate::AuthenticateLayer::require);
/// - to an axum handler: the extractor `Authorized` (feature `axum`).
///
/// ```
/// use passport_inbound::{Requirement, RequireLayer};
///
/// let clerks = Requirement::role("payroll.clerk").and(Requirement::multi_factor());
/// let layer = RequireLayer::new(clerks.or(Requirement::service_account()));
/// # let _ = layer;
/// ```
///
/// `Display` shows the text that responses and log events contain. Two requirements are equal if
/// their texts and their settings of introspection are equal. Closures, checkers and role
/// permissions are not compared.
#[derive(Clone)]
pub struct Requirement {
    rule: Arc<Rule>,
    /// The issuer's answer that the parts of the requirement need. `None` if no part needs one.
    introspection: Option<NeededAnswer>,
}

impl Requirement {
    fn of(rule: Rule) -> Self {
        Self { rule: Arc::new(rule), introspection: None }
    }

    /// Requires that the caller is a service account
    /// ([`is_service_account`](IdInfo::is_service_account)): a managed identity, or a caller of
    /// another issuer that meets [`ClaimMap::service_account`](crate::ClaimMap::service_account).
    /// For managed identities only, combine it with [`passport`](Self::passport).
    #[must_use]
    pub fn service_account() -> Self {
        Self::of(Rule::ServiceAccount)
    }

    /// Requires that the caller is a user: `is_service_account` is not `true`, and the token has no
    /// `managed_identity_id`.
    #[must_use]
    pub fn user() -> Self {
        Self::of(Rule::User)
    }

    /// Requires that the caller's token was issued by Passport, and not by another identity
    /// provider that the verifier trusts.
    #[must_use]
    pub fn passport() -> Self {
        Self::of(Rule::Passport)
    }

    /// Requires that the caller's token was issued by the trusted issuer with this name:
    /// [`IdInfo::issuer_name`].
    pub fn issuer(name: impl Into<String>) -> Self {
        Self::of(Rule::Issuer(name.into()))
    }

    /// Requires that the caller has `role`. The comparison is case-sensitive.
    ///
    /// If the caller's roles are not known ([`IdInfo::roles_known`]) and `role` is not among the
    /// known ones, the caller meets neither this requirement nor its negation. The reason in the
    /// response is then `RolesUnknown`.
    pub fn role(role: impl Into<String>) -> Self {
        Self::any_role([role])
    }

    /// Requires that the caller has at least one of these roles. An empty list is never met.
    pub fn any_role<R: Into<String>>(roles: impl IntoIterator<Item = R>) -> Self {
        Self::of(Rule::AnyRole(roles.into_iter().map(Into::into).collect()))
    }

    /// Requires that the caller has all of these roles. An empty list is never met.
    pub fn all_roles<R: Into<String>>(roles: impl IntoIterator<Item = R>) -> Self {
        Self::of(Rule::AllRoles(roles.into_iter().map(Into::into).collect()))
    }

    /// Requires that the token has `permission`, or a wildcard that covers it (`payroll.*` covers
    /// `payroll.records.read`).
    ///
    /// Tokens of managed identities have no permissions. For such callers, grant permissions to
    /// roles with [`RolePermissions`], or check the permission with another service, with
    /// [`remote_permission`](Self::remote_permission).
    pub fn permission(permission: impl Into<String>) -> Self {
        Self::permission_by(RolePermissions::default(), permission.into())
    }

    /// Requires that the token has `permission`, or that the map `by` grants `permission` to one of
    /// the caller's roles.
    fn permission_by(by: RolePermissions, permission: String) -> Self {
        Self::of(Rule::Permission { permission, by })
    }

    /// Requires that `check` returns true for the caller and `permission`. The check can use
    /// another service, for example a policy engine.
    pub fn remote_permission(check: impl PermissionChecker, permission: impl Into<String>) -> Self {
        Self::of(Rule::Remote(Arc::new(RemotePermission {
            check: Box::new(check),
            permission: permission.into(),
        })))
    }

    /// Requires that the claim `scope` of the token has all of `scopes`. Separate the scopes with
    /// spaces. In a token without `scope`, the claim `scp` counts, which Entra and Okta use.
    /// Passport's own tokens have neither.
    ///
    /// If a caller does not meet this requirement, the response has a challenge with the error code
    /// `insufficient_scope` ([RFC 6750, section
    /// 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)). If this requirement is combined
    /// with others, the response has no challenge.
    ///
    /// # Errors
    /// If `scopes` is empty or has a character that a scope cannot have ([RFC 6749, section
    /// 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
    pub fn scopes(scopes: &str) -> Result<Self, InvalidScope> {
        let scopes: Scopes = scopes.parse()?;
        Ok(Self::of(Rule::Scopes(scopes.iter().map(str::to_owned).collect())))
    }

    /// Requires that the caller's tenant (claim `tenant_id`) is `tenant`.
    pub fn tenant(tenant: impl Into<String>) -> Self {
        Self::of(Rule::Tenant(tenant.into()))
    }

    /// Requires that the caller's tenant is the tenant in the path: the segment at `{parameter}` in
    /// `pattern`.
    ///
    /// The pattern has axum's syntax for routes, such as `/tenants/{tenant_id}/records/{*rest}`.
    /// The whole path must match it, as axum matches routes. In axum, the prefix of a `nest` is
    /// part of the path.
    ///
    /// If the path does not match the pattern, the request meets neither this requirement nor its
    /// negation. In `a.or(b)`, the other operand can still grant access.
    ///
    /// A request with an ambiguous path is rejected before any part of the requirement is
    /// evaluated. A path is ambiguous if it has one of these:
    ///
    /// - a dot segment;
    /// - an empty segment (a trailing slash makes one);
    /// - an encoded slash or a backslash;
    /// - invalid UTF-8;
    /// - double encoding.
    ///
    /// ```
    /// # fn main() -> Result<(), passport_inbound::ConfigError> {
    /// use passport_inbound::Requirement;
    ///
    /// let own_tenant = Requirement::tenant_in_path("/tenants/{tenant_id}/{*rest}", "tenant_id")?;
    /// # let _ = own_tenant; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If `pattern` is not a valid route, or does not contain the segment `{parameter}` exactly
    /// once.
    pub fn tenant_in_path(pattern: &str, parameter: &str) -> Result<Self, ConfigError> {
        let parsed = PathPattern::parse(pattern, parameter).map_err(|wrong| {
            let problem = format_args!(
                "`{pattern}`: {wrong}; expected a route such as /tenants/{{{parameter}}}/{{*rest}}"
            );
            ConfigError::new(vec![ConfigProblem::new("pattern", problem)])
        })?;
        Ok(Self::of(Rule::TenantInPath { pattern: parsed, shown: pattern.to_owned() }))
    }

    /// Requires that the header `name`, such as `X-Tenant-Id`, has the caller's own tenant as its
    /// value. If the header is repeated, every value must be this tenant. A request without the
    /// header meets the requirement: the tenant of the token applies.
    #[must_use]
    pub fn tenant_in_header(name: HeaderName) -> Self {
        Self::of(Rule::TenantInHeader(name))
    }

    /// Requires multi-factor authentication. One of these claims proves it:
    ///
    /// - `acr` is `urn:passport:authn:mfa`, or begins with `urn:passport:authn:mfa:`, in a token of
    ///   Passport;
    /// - `amr` contains `mfa`, `otp`, `fido` or `hwk` ([RFC 8176, section
    ///   2](https://www.rfc-editor.org/rfc/rfc8176#section-2)).
    #[must_use]
    pub fn multi_factor() -> Self {
        Self::of(Rule::MultiFactor)
    }

    /// Requires the authentication context `acr`: the claim `acr` of the token equals this value.
    pub fn acr(acr: impl Into<String>) -> Self {
        Self::of(Rule::Acr(acr.into()))
    }

    /// Creates a requirement from a function. The caller meets the requirement if `check` returns
    /// true. If `check` returns false, responses and log events show `name` as the unmet
    /// requirement.
    ///
    /// `check` is called while the request is handled, so it must not block. For a check with I/O,
    /// use [`remote_permission`](Self::remote_permission).
    ///
    /// ```
    /// use passport_inbound::Requirement;
    ///
    /// let reads_only = Requirement::from_fn("GET", |_, request| request.method == "GET");
    /// # let _ = reads_only;
    /// ```
    pub fn from_fn(
        name: impl Into<String>,
        check: impl Fn(&IdInfo, RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::of(Rule::Check { name: name.into(), check: Box::new(check) })
    }

    /// Requires that the caller meets both `self` and `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.combined(other, Rule::Both)
    }

    /// Requires that the caller meets at least one of `self` and `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.combined(other, Rule::Either)
    }

    fn combined(self, other: Self, rule: impl FnOnce(Arc<Rule>, Arc<Rule>) -> Rule) -> Self {
        let introspection =
            self.introspection.into_iter().chain(other.introspection).reduce(NeededAnswer::and);
        Self { introspection, ..Self::of(rule(self.rule, other.rule)) }
    }

    /// Returns the issuer's answer that the requirement needs, if it needs one.
    pub(super) fn introspection(&self) -> Option<NeededAnswer> {
        self.introspection
    }

    /// Evaluates the requirement without permission checks. If the result depends on such checks,
    /// returns a formula of them.
    pub(super) fn evaluate(&self, caller: &IdInfo, request: RequestHead<'_>) -> Evaluation {
        self.rule.evaluate(caller, request, false)
    }

    /// Returns whether the result depends on the path of the request. If so, a request with an
    /// ambiguous path is rejected.
    pub(super) fn reads_path(&self) -> bool {
        self.rule.reads_path()
    }

    /// Describes this requirement for the response to `caller`, who does not meet it.
    pub(super) fn unmet_by(&self, caller: &IdInfo) -> UnmetRequirement {
        if !caller.roles_known() && self.rule.reads_roles() {
            return UnmetRequirement::new(self.to_string(), "RolesUnknown", None);
        }
        self.unmet()
    }

    /// Describes this requirement for the response to a caller that does not meet it.
    pub(crate) fn unmet(&self) -> UnmetRequirement {
        let scopes = match &*self.rule {
            Rule::Scopes(scopes) => Some(scopes.join(" ")),
            _ => None,
        };
        UnmetRequirement::new(self.to_string(), self.reason(), scopes)
    }

    /// Returns the scopes that every caller needs, separated by spaces: those of
    /// [`scopes`](Self::scopes), also inside [`and`](Self::and). `None` if there are none.
    pub(crate) fn needed_scopes(&self) -> Option<String> {
        let mut scopes = BTreeSet::new();
        self.rule.add_needed_scopes(&mut scopes);
        (!scopes.is_empty()).then(|| Vec::from_iter(scopes).join(" "))
    }

    /// Returns the kind of the requirement, which is the member `reason` of the response body.
    fn reason(&self) -> &'static str {
        match &*self.rule {
            Rule::ServiceAccount => "ServiceAccountRequired",
            Rule::User => "UserRequired",
            Rule::Passport | Rule::Issuer(_) => "IssuerRequired",
            Rule::AnyRole(_) | Rule::AllRoles(_) => "RoleRequired",
            Rule::Permission { .. } | Rule::Remote(_) => "PermissionRequired",
            Rule::Scopes(_) => "ScopeRequired",
            Rule::Tenant(_) | Rule::TenantInPath { .. } | Rule::TenantInHeader(_) => "TenantMismatch",
            Rule::MultiFactor | Rule::Acr(_) => "StrongerAuthenticationRequired",
            Rule::Introspected(_) => "IntrospectionRequired",
            Rule::Check { .. } => "CheckFailed",
            Rule::Not(_) | Rule::Both(..) | Rule::Either(..) => "RequirementNotMet",
        }
    }
}

impl RolePermissions {
    /// Requires that the token has `permission`, or that this map grants `permission` to one of the
    /// caller's roles.
    pub fn permission(&self, permission: impl Into<String>) -> Requirement {
        Requirement::permission_by(self.clone(), permission.into())
    }
}

impl From<Requirement> for UnmetRequirement {
    fn from(requirement: Requirement) -> Self {
        requirement.unmet()
    }
}

/// Negates the requirement. A request without a caller meets neither the requirement nor the
/// negation.
impl Not for Requirement {
    type Output = Self;

    fn not(self) -> Self {
        Self { introspection: self.introspection, ..Self::of(Rule::Not(self.rule)) }
    }
}

/// Shows the text that responses and log events contain, such as `role payroll.admin`.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rule.fmt(f)
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Requirement({self})")
    }
}

impl PartialEq for Requirement {
    fn eq(&self, other: &Self) -> bool {
        let is_same_rule = || Arc::ptr_eq(&self.rule, &other.rule) || self.to_string() == other.to_string();
        self.introspection == other.introspection && is_same_rule()
    }
}

impl Eq for Requirement {}
