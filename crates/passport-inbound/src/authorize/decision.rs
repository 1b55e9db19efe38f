//! The decision whether to forward a request. The decision can still depend on permission
//! checks, which run later.

use std::{future::Future, pin::Pin};

use super::{evaluate::Evaluation, request_head::RequestHead, requirement::Requirement};
use crate::{
    IdInfo, Rejection, RejectionReason, introspection::IntrospectionError, metrics::TARGET,
    request_path::is_plain, response::rejection::required_identity,
};

/// The decision whether to forward a request.
pub(crate) enum Decision {
    /// The caller meets the requirement.
    Allow,
    Reject(Rejection),
    /// The decision depends on the issuer's answer about the token, or on a
    /// [`PermissionChecker`](super::PermissionChecker). The future asks the issuer, runs the
    /// permission checks, and returns the decision.
    Pending(PermissionFuture),
}

/// A future that introspects the token and runs the permission checks of a requirement. The
/// result is `Ok` if the request is forwarded, and otherwise the rejection.
pub(crate) type PermissionFuture = Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send>>;

impl Requirement {
    /// Decides whether the caller of a request meets the requirement. Sends no request: if the
    /// decision depends on one, returns [`Decision::Pending`]. A request without a caller is
    /// rejected.
    pub(crate) fn decide(&self, request: RequestHead<'_>) -> Decision {
        let caller = match required_identity(request.extensions) {
            Ok(caller) => caller,
            Err(rejection) => return Decision::Reject(rejection),
        };
        // This check comes first. For an ambiguous path, the router may have chosen another route
        // than the one that the requirement assumes.
        if self.reads_path() && !is_plain(request.routed_path()) {
            tracing::debug!(
                target: TARGET,
                "ambiguous path rejected: it has a dot segment, an empty segment, an encoded separator or invalid UTF-8"
            );
            return Decision::Reject(Rejection::Forbidden(self.unmet()));
        }
        let missing_answer =
            match self.introspection().map(|needed| (needed, caller.is_confirmed(needed.max_age))) {
                None | Some((_, Some(true))) => None,
                Some((needed, Some(false))) => Some(needed),
                Some((_, None)) => {
                    let issuer = caller.issuer_name().clone();
                    return Decision::Reject(Rejection::IntrospectionNotConfigured { issuer });
                }
            };
        let outcome = match (self.evaluate(caller, request), missing_answer) {
            (Evaluation::Settled(true), None) => return Decision::Allow,
            (Evaluation::Settled(false), None) => {
                return Decision::Reject(Rejection::Forbidden(self.unmet_by(caller)));
            }
            (outcome, _) => outcome,
        };
        let (caller, requirement) = (caller.clone(), self.clone());
        Decision::Pending(Box::pin(async move {
            // Before the other parts decide, so that a revoked token is never rejected with 403.
            if missing_answer.is_some() {
                caller.introspect(missing_answer).await.map_err(|error| unconfirmed(error, &caller))?;
            }
            match outcome.resolve(&caller).await {
                Some(true) => Ok(()),
                Some(false) => Err(Rejection::Forbidden(requirement.unmet_by(&caller))),
                None => Err(Rejection::PermissionCheckFailed),
            }
        }))
    }
}

/// Returns the rejection of a caller with a token that the issuer does not confirm.
fn unconfirmed(error: IntrospectionError, caller: &IdInfo) -> Rejection {
    let issuer = Some(caller.issuer_name().clone());
    match error {
        IntrospectionError::Inactive => Rejection::Token { reason: RejectionReason::Revoked, issuer },
        IntrospectionError::Expired => Rejection::Token { reason: RejectionReason::Expired, issuer },
        IntrospectionError::Unavailable { retry_after } => {
            Rejection::IntrospectionUnavailable { retry_after, issuer }
        }
    }
}
