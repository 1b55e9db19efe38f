use std::{error::Error, fmt, future::Future, pin::Pin};

use crate::{IdInfo, metrics::TARGET};

/// Checks remotely whether a caller has a permission: by Passport's permission check, a policy
/// engine or a database.
///
/// It is only called where the result matters: not if another part of the requirement decides by
/// itself. Put a time limit on it: the request waits for the result.
pub trait PermissionChecker: fmt::Debug + Send + Sync + 'static {
    /// Returns whether `caller` has `permission`.
    ///
    /// # Errors
    /// When there is no result. The request is rejected then, with 503 or `UNAVAILABLE` on gRPC.
    fn check(
        &self,
        caller: &IdInfo,
        permission: &str,
    ) -> impl Future<Output = Result<bool, PermissionCheckError>> + Send;
}

/// The error of a [`PermissionChecker`] that has no result.
#[derive(Debug, thiserror::Error)]
#[error("it could not be found out whether the caller has the permission")]
pub struct PermissionCheckError(#[source] Box<dyn Error + Send + Sync>);

impl PermissionCheckError {
    /// Creates an error with this cause, which is logged. Callers do not see it.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }

    pub(super) fn log(&self) {
        let cause = self.source();
        tracing::warn!(target: TARGET, cause = cause.map(tracing::field::display), "{self}");
    }
}

/// An object-safe [`PermissionChecker`].
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
