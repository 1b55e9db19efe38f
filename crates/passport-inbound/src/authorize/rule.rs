//! The rules of which requirements consist, and their evaluation for a caller and a request.
//! Pure: the checks of a [`PermissionChecker`](super::PermissionChecker) are run by `evaluate`.

use std::sync::Arc;

use http::HeaderName;
use serde::Deserialize;

use super::{
    evaluate::{Evaluation, RemotePermission},
    path_pattern::PathPattern,
    request_head::RequestHead,
    roles::{self, RolePermissions},
};
use crate::{IdInfo, metrics::TARGET};

/// The function of [`Requirement::from_fn`](super::Requirement::from_fn).
type Check = dyn Fn(&IdInfo, RequestHead<'_>) -> bool + Send + Sync;

/// A single rule, or a combination of rules.
pub(super) enum Rule {
    ServiceAccount,
    User,
    AnyRole(Vec<String>),
    AllRoles(Vec<String>),
    Permission { permission: String, by: RolePermissions },
    Scopes(Vec<String>),
    Tenant(String),
    TenantInPath { pattern: PathPattern, shown: String },
    TenantInHeader(HeaderName),
    MultiFactor,
    Acr(String),
    Check { name: String, check: Box<Check> },
    Remote(Arc<RemotePermission>),
    Not(Arc<Self>),
    Both(Arc<Self>, Arc<Self>),
    Either(Arc<Self>, Arc<Self>),
}

/// Claims that few requirements read. They are parsed only for such a requirement, so that other
/// requests do not pay for the parsing. A claim of a wrong type counts as absent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RareClaims {
    scope: serde_json::Value,
    acr: serde_json::Value,
    amr: serde_json::Value,
}

impl RareClaims {
    fn of(caller: &IdInfo) -> Self {
        caller.claims().unwrap_or_default()
    }

    fn has_scopes(&self, scopes: &[String]) -> bool {
        let granted = self.scope.as_str().unwrap_or_default();
        scopes.iter().all(|scope| granted.split(' ').any(|granted| granted == scope))
    }

    /// Returns whether the token proves multi-factor authentication: by Passport's `acr`, or by an
    /// `amr` of [RFC 8176, section 2](https://www.rfc-editor.org/rfc/rfc8176#section-2).
    fn is_multi_factor(&self) -> bool {
        const SECOND_FACTORS: [&str; 4] = ["fido", "hwk", "mfa", "otp"];
        let methods = self.amr.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        let acr = self.acr.as_str().unwrap_or_default();
        acr == PASSPORT_MFA
            || acr.strip_prefix(PASSPORT_MFA).is_some_and(|rest| rest.starts_with(':'))
            || methods.into_iter().any(|method| SECOND_FACTORS.contains(&method))
    }
}

/// Passport's `acr` for multi-factor authentication. `:` and a method, such as `:totp`, can
/// follow.
const PASSPORT_MFA: &str = "urn:passport:authn:mfa";

impl Rule {
    /// Evaluates the rule as far as possible without permission checks.
    ///
    /// `is_negated` says whether this rule is below an odd number of negations. For a path that
    /// does not match its pattern, [`TenantInPath`](Self::TenantInPath) returns `is_negated`, which
    /// the negations turn into false: such a path never grants access.
    pub(super) fn evaluate(&self, caller: &IdInfo, request: RequestHead<'_>, is_negated: bool) -> Evaluation {
        let evaluated = |rule: &Self| rule.evaluate(caller, request, is_negated);
        Evaluation::Settled(match self {
            Self::Remote(remote) => return Evaluation::Remote(Arc::clone(remote)),
            Self::Not(rule) => return !rule.evaluate(caller, request, !is_negated),
            Self::Both(one, other) => return evaluated(one).and(|| evaluated(other)),
            Self::Either(one, other) => return evaluated(one).or(|| evaluated(other)),
            Self::ServiceAccount => caller.is_service_account(),
            // A token with contradictory claims is neither a user nor a service account.
            Self::User => !caller.is_service_account() && caller.managed_identity_id().is_none(),
            Self::AnyRole(roles) => roles::has_any(caller, roles),
            Self::AllRoles(roles) => roles::has_all(caller, roles),
            Self::Permission { permission, by } => by.permit(caller, permission),
            Self::Scopes(scopes) => RareClaims::of(caller).has_scopes(scopes),
            Self::Tenant(tenant) => caller.tenant_id() == tenant,
            Self::TenantInPath { pattern, shown } => {
                let Some(tenant) = pattern.tenant(request.routed_path()) else {
                    tracing::debug!(
                        target: TARGET,
                        pattern = shown,
                        "path does not match the tenant pattern; the pattern must match the whole path, including the prefix of an axum nest"
                    );
                    return Evaluation::Settled(is_negated);
                };
                tenant == caller.tenant_id()
            }
            // A request without the header meets the rule.
            Self::TenantInHeader(name) => request
                .headers
                .get_all(name)
                .iter()
                .all(|named| named.as_bytes() == caller.tenant_id().as_bytes()),
            Self::MultiFactor => RareClaims::of(caller).is_multi_factor(),
            Self::Acr(acr) => RareClaims::of(caller).acr.as_str() == Some(acr),
            Self::Check { check, .. } => check(caller, request),
        })
    }

    /// Returns whether the result depends on the path of the request.
    pub(super) fn reads_path(&self) -> bool {
        match self {
            Self::TenantInPath { .. } => true,
            Self::Not(rule) => rule.reads_path(),
            Self::Both(one, other) | Self::Either(one, other) => one.reads_path() || other.reads_path(),
            Self::ServiceAccount
            | Self::User
            | Self::AnyRole(_)
            | Self::AllRoles(_)
            | Self::Permission { .. }
            | Self::Scopes(_)
            | Self::Tenant(_)
            | Self::TenantInHeader(_)
            | Self::MultiFactor
            | Self::Acr(_)
            | Self::Remote(_)
            // A function of the application that reads the path has to handle ambiguous ones
            // itself.
            | Self::Check { .. } => false,
        }
    }
}
