//! The single rules of requirements, and their evaluation for a caller and a request. Pure; what
//! only a [`PermissionChecker`](super::PermissionChecker) can decide is left to `evaluate`.

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

type Check = dyn Fn(&IdInfo, RequestHead<'_>) -> bool + Send + Sync;

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

/// The claims that few requirements need, so that most tokens are read without them. A claim of a
/// wrong type counts as absent.
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

    /// Finds Passport's own mark, or one of [RFC
    /// 8176](https://www.rfc-editor.org/rfc/rfc8176#section-2)'s for a second factor.
    fn is_multi_factor(&self) -> bool {
        const SECOND: [&str; 4] = ["fido", "hwk", "mfa", "otp"];
        let methods = self.amr.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        let acr = self.acr.as_str().unwrap_or_default();
        acr == PASSPORT_MFA
            || acr.strip_prefix(PASSPORT_MFA).is_some_and(|rest| rest.starts_with(':'))
            || methods.into_iter().any(|method| SECOND.contains(&method))
    }
}

const PASSPORT_MFA: &str = "urn:passport:authn:mfa";

impl Rule {
    /// Evaluates the rule as far as possible without a permission check.
    ///
    /// `is_negated` is whether this rule is below an odd number of negations. A path without a
    /// tenant is then taken for the caller's own: in either case it cannot grant access.
    pub(super) fn evaluate(&self, caller: &IdInfo, request: RequestHead<'_>, is_negated: bool) -> Evaluation {
        let evaluated = |rule: &Self| rule.evaluate(caller, request, is_negated);
        Evaluation::Settled(match self {
            Self::Remote(remote) => return Evaluation::Remote(Arc::clone(remote)),
            Self::Not(rule) => return !rule.evaluate(caller, request, !is_negated),
            Self::Both(one, other) => return evaluated(one).and(|| evaluated(other)),
            Self::Either(one, other) => return evaluated(one).or(|| evaluated(other)),
            Self::ServiceAccount => caller.is_service_account(),
            // A token with a contradiction is neither.
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
                        "the path names no tenant: the pattern has to match the whole path, with the prefix of a nest"
                    );
                    return Evaluation::Settled(is_negated);
                };
                tenant == caller.tenant_id()
            }
            // A request without the header passes.
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

    /// Returns whether the result depends on the path.
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
            // What a check reads of the request is up to the application.
            | Self::Check { .. } => false,
        }
    }
}
