//! The rules that make up requirements, and their evaluation for a caller and a request. This
//! module does no I/O: the module `evaluate` runs the checks of a
//! [`PermissionChecker`](super::PermissionChecker).

use std::{fmt, sync::Arc, time::Duration};

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
    Passport,
    Issuer(String),
    AnyRole(Vec<String>),
    AllRoles(Vec<String>),
    Permission {
        permission: String,
        by: RolePermissions,
    },
    Scopes(Vec<String>),
    Tenant(String),
    TenantInPath {
        pattern: PathPattern,
        shown: String,
    },
    TenantInHeader(HeaderName),
    MultiFactor,
    Acr(String),
    Check {
        name: String,
        check: Box<Check>,
    },
    Remote(Arc<RemotePermission>),
    /// The issuer has confirmed the token within this time. Zero if it is asked for each request.
    Introspected(Duration),
    Not(Arc<Self>),
    Both(Arc<Self>, Arc<Self>),
    Either(Arc<Self>, Arc<Self>),
}

/// Claims that few requirements read. They are parsed only when such a requirement is evaluated,
/// so that other requests do not pay for the parsing. A claim of a wrong type counts as absent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RareClaims {
    scope: serde_json::Value,
    /// The scopes in tokens of Entra and Okta.
    scp: serde_json::Value,
    acr: serde_json::Value,
    amr: serde_json::Value,
}

impl RareClaims {
    fn of(caller: &IdInfo) -> Self {
        caller.claims().unwrap_or_default()
    }

    fn has_scopes(&self, scopes: &[String]) -> bool {
        let (text, list) = match (&self.scope, &self.scp) {
            (serde_json::Value::Null, scp) => (scp.as_str(), scp.as_array()),
            (scope, _) => (scope.as_str(), None),
        };
        let list = list.into_iter().flatten().filter_map(serde_json::Value::as_str);
        let granted: Vec<_> = text.unwrap_or_default().split(' ').chain(list).collect();
        scopes.iter().all(|scope| granted.contains(&scope.as_str()))
    }

    /// Returns whether the token proves multi-factor authentication. Either `acr` has Passport's
    /// value for it, in a token of Passport, or `amr` has a second factor of [RFC 8176, section
    /// 2](https://www.rfc-editor.org/rfc/rfc8176#section-2).
    fn is_multi_factor(&self, is_external: bool) -> bool {
        const SECOND_FACTORS: [&str; 4] = ["fido", "hwk", "mfa", "otp"];
        let methods = self.amr.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
        let acr = self.acr.as_str().unwrap_or_default();
        let of_passport =
            acr == PASSPORT_MFA || acr.strip_prefix(PASSPORT_MFA).is_some_and(|rest| rest.starts_with(':'));
        (of_passport && !is_external) || methods.into_iter().any(|method| SECOND_FACTORS.contains(&method))
    }
}

/// Passport's value of `acr` for multi-factor authentication. In a token, `:` and a method can
/// follow, such as `:totp`.
const PASSPORT_MFA: &str = "urn:passport:authn:mfa";

impl Rule {
    /// Evaluates the rule without permission checks. If the result depends on such checks, returns
    /// a formula of them.
    ///
    /// `is_negated` says whether this rule is below an odd number of negations. In two cases the
    /// result of a rule is `is_negated`. The negations around the rule turn this result into false,
    /// so the rule never grants access:
    /// - The path does not match the pattern of [`TenantInPath`](Self::TenantInPath).
    /// - The rule depends on roles of the caller that are not known.
    pub(super) fn evaluate(&self, caller: &IdInfo, request: RequestHead<'_>, is_negated: bool) -> Evaluation {
        let evaluated = |rule: &Self| rule.evaluate(caller, request, is_negated);
        Evaluation::Settled(match self {
            Self::Remote(remote) => return Evaluation::Remote(Arc::clone(remote)),
            Self::Not(rule) => return !rule.evaluate(caller, request, !is_negated),
            Self::Both(one, other) => return evaluated(one).and(|| evaluated(other)),
            Self::Either(one, other) => return evaluated(one).or(|| evaluated(other)),
            Self::ServiceAccount => caller.is_service_account(),
            // A token with `managed_identity_id` but without `is_service_account` is contradictory:
            // its caller is neither a user nor a service account.
            Self::User => !caller.is_service_account() && caller.managed_identity_id().is_none(),
            Self::Passport => !caller.is_external(),
            Self::Issuer(name) => caller.issuer_name() == name.as_str(),
            Self::AnyRole(roles) => roles::has_any(caller, roles).unwrap_or(is_negated),
            Self::AllRoles(roles) => roles::has_all(caller, roles).unwrap_or(is_negated),
            Self::Permission { permission, by } => by.permit(caller, permission).unwrap_or(is_negated),
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
            Self::MultiFactor => RareClaims::of(caller).is_multi_factor(caller.is_external()),
            Self::Acr(acr) => RareClaims::of(caller).acr.as_str() == Some(acr),
            Self::Check { check, .. } => check(caller, request),
            // The issuer is asked before the rules are evaluated, or the request is rejected.
            Self::Introspected(_) => true,
        })
    }

    /// Returns whether the result depends on the roles of the caller.
    pub(super) fn reads_roles(&self) -> bool {
        match self {
            Self::AnyRole(_) | Self::AllRoles(_) => true,
            Self::Permission { by, .. } => !by.is_empty(),
            Self::Not(rule) => rule.reads_roles(),
            Self::Both(one, other) | Self::Either(one, other) => one.reads_roles() || other.reads_roles(),
            Self::ServiceAccount
            | Self::User
            | Self::Passport
            | Self::Issuer(_)
            | Self::Scopes(_)
            | Self::Tenant(_)
            | Self::TenantInPath { .. }
            | Self::TenantInHeader(_)
            | Self::MultiFactor
            | Self::Acr(_)
            | Self::Remote(_)
            | Self::Introspected(_)
            | Self::Check { .. } => false,
        }
    }

    /// Returns whether the result depends on the path of the request.
    pub(super) fn reads_path(&self) -> bool {
        match self {
            Self::TenantInPath { .. } => true,
            Self::Not(rule) => rule.reads_path(),
            Self::Both(one, other) | Self::Either(one, other) => one.reads_path() || other.reads_path(),
            Self::ServiceAccount
            | Self::User
            | Self::Passport
            | Self::Issuer(_)
            | Self::AnyRole(_)
            | Self::AllRoles(_)
            | Self::Permission { .. }
            | Self::Scopes(_)
            | Self::Tenant(_)
            | Self::TenantInHeader(_)
            | Self::MultiFactor
            | Self::Acr(_)
            | Self::Remote(_)
            | Self::Introspected(_)
            // If a function of the application reads the path, the function itself has to handle
            // ambiguous paths.
            | Self::Check { .. } => false,
        }
    }
}

/// Shows the text that responses and log events contain.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ServiceAccount => f.write_str("service account"),
            Self::User => f.write_str("user"),
            Self::Passport => f.write_str("token of Passport"),
            Self::Issuer(name) => write!(f, "token of the issuer {name}"),
            Self::AnyRole(roles) => match &roles[..] {
                [role] => write!(f, "role {role}"),
                roles => write!(f, "any of the roles {}", roles.join(", ")),
            },
            Self::AllRoles(roles) => write!(f, "all of the roles {}", roles.join(", ")),
            Self::Permission { permission, .. } => write!(f, "permission {permission}"),
            Self::Remote(remote) => write!(f, "permission {}", remote.permission),
            Self::Scopes(scopes) => write!(f, "scopes {}", scopes.join(" ")),
            Self::Tenant(tenant) => write!(f, "tenant {tenant}"),
            Self::TenantInPath { shown, .. } => write!(f, "tenant in the path {shown}"),
            Self::TenantInHeader(name) => write!(f, "tenant in the header {name}"),
            Self::MultiFactor => f.write_str("multi-factor authentication"),
            Self::Acr(acr) => write!(f, "authentication context {acr}"),
            Self::Introspected(Duration::ZERO) => f.write_str("introspected token"),
            Self::Introspected(max_age) => write!(f, "token introspected within {max_age:?}"),
            Self::Check { name, .. } => f.write_str(name),
            Self::Not(rule) => write!(f, "not {rule}"),
            Self::Both(one, other) => write!(f, "({one} and {other})"),
            Self::Either(one, other) => write!(f, "({one} or {other})"),
        }
    }
}
