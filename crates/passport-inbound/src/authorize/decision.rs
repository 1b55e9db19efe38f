//! The decision whether to forward a request. The decision can still depend on permission
//! checks, which run later.

use std::{future::Future, pin::Pin};

use super::{evaluate::Evaluation, request_head::RequestHead, requirement::Requirement};
use crate::{Rejection, metrics::TARGET, request_path::is_plain, response::rejection::required_identity};

/// The decision whether to forward a request.
pub(crate) enum Decision {
    /// The caller meets the requirement.
    Allow,
    Reject(Rejection),
    /// The decision depends on a [`PermissionChecker`](super::PermissionChecker). The future runs
    /// the permission checks and returns the decision.
    Pending(PermissionFuture),
}

/// A future that runs the permission checks of a requirement. The result is `Ok` if the request
/// is forwarded, and otherwise the rejection.
pub(crate) type PermissionFuture = Pin<Box<dyn Future<Output = Result<(), Rejection>> + Send>>;

impl Requirement {
    /// Decides whether the caller of a request meets the requirement. Runs no permission check: if
    /// the decision depends on one, returns [`Decision::Pending`]. A request without a caller is
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
        let outcome = match self.evaluate(caller, request) {
            Evaluation::Settled(true) => return Decision::Allow,
            Evaluation::Settled(false) => {
                return Decision::Reject(Rejection::Forbidden(self.unmet_by(caller)));
            }
            outcome => outcome,
        };
        let (caller, requirement) = (caller.clone(), self.clone());
        Decision::Pending(Box::pin(async move {
            match outcome.resolve(&caller).await {
                Some(true) => Ok(()),
                Some(false) => Err(Rejection::Forbidden(requirement.unmet_by(&caller))),
                None => Err(Rejection::PermissionCheckFailed),
            }
        }))
    }
}
