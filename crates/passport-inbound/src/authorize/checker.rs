//! Permission checks by another service.

use std::{error::Error, fmt, future::Future, pin::Pin};

use crate::{IdInfo, metrics::TARGET};

/// Checks permissions with another service: Passport's permission check, a policy engine or a
/// database.
///
/// [`Requirement::remote_permission`](crate::Requirement::remote_permission) creates a
/// requirement from a checker. The permission check is skipped if the other parts of the
/// requirement already decide. The request waits for the result, so give the check a timeout.
///
/// ```
/// use passport_inbound::{IdInfo, PermissionCheckError, PermissionChecker, Requirement};
///
/// #[derive(Debug)]
/// struct PolicyEngine;
///
/// impl PermissionChecker for PolicyEngine {
///     async fn check(
///         &self,
///         caller: &IdInfo,
///         permission: &str,
///     ) -> Result<bool, PermissionCheckError> {
///         // Two issuers can have the same id for different callers.
///         let is_allowed = query_policy(caller.issuer(), caller.user_id(), permission).await;
///         is_allowed.map_err(PermissionCheckError::new)
///     }
/// }
/// # async fn query_policy(_: &str, _: &str, _: &str) -> Result<bool, std::io::Error> { Ok(true) }
///
/// let may_run = Requirement::remote_permission(PolicyEngine, "payroll.run");
/// # let _ = may_run;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a `PermissionChecker`",
    note = "implement `PermissionChecker` for a struct; closures do not implement it",
    note = "for a check that needs no I/O, use `Requirement::from_fn`, which takes a closure"
)]
pub trait PermissionChecker: fmt::Debug + Send + Sync + 'static {
    /// Returns whether `caller` has `permission`.
    ///
    /// # Errors
    /// Returns an error if the other service cannot decide, for example because it is unreachable
    /// or a timeout has elapsed. If the decision on the request depends on the check, the request
    /// is then rejected with 503, or `UNAVAILABLE` on gRPC.
    ///
    /// # Cancel safety
    /// The future is dropped if the client disconnects.
    fn check(
        &self,
        caller: &IdInfo,
        permission: &str,
    ) -> impl Future<Output = Result<bool, PermissionCheckError>> + Send;
}

/// The error of a [`PermissionChecker::check`] that could not decide.
#[derive(Debug, thiserror::Error)]
#[error("permission check failed")]
pub struct PermissionCheckError(#[source] Box<dyn Error + Send + Sync>);

impl PermissionCheckError {
    /// Creates an error with a cause. The cause is logged at level warn. The response does not
    /// contain the cause.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }

    /// Logs the error with its cause, at level warn.
    pub(super) fn log(&self) {
        let cause = self.source();
        tracing::warn!(target: TARGET, cause = cause.map(tracing::field::display), "{self}");
    }
}

/// An object-safe form of [`PermissionChecker`], so that a requirement can contain checkers of
/// different types.
pub(super) trait DynPermissionCheck: fmt::Debug + Send + Sync {
    fn check_dyn<'a>(&'a self, caller: &'a IdInfo, permission: &'a str) -> CheckFuture<'a>;
}

pub(super) type CheckFuture<'a> =
    Pin<Box<dyn Future<Output = Result<bool, PermissionCheckError>> + Send + 'a>>;

impl<C: PermissionChecker> DynPermissionCheck for C {
    fn check_dyn<'a>(&'a self, caller: &'a IdInfo, permission: &'a str) -> CheckFuture<'a> {
        Box::pin(self.check(caller, permission))
    }
}
