use std::{error::Error, fmt, future::Future, pin::Pin};

use crate::{IdInfo, metrics::TARGET};

/// Asks somebody else whether a caller has a permission: Passport's permission check, a policy engine, a database.
///
/// It is asked only where the answer matters: not for a caller whom another part of the requirement refuses, or lets in, by
/// itself. Put a time limit on it: the request waits for the answer.
pub trait PermissionCheck: fmt::Debug + Send + Sync + 'static {
    /// Whether `caller` has `permission`.
    ///
    /// # Errors
    /// When there is no answer. Nobody is let in then: the caller gets 503, or `UNAVAILABLE` on gRPC.
    fn check(
        &self,
        caller: &IdInfo,
        permission: &str,
    ) -> impl Future<Output = Result<bool, PermissionUnknown>> + Send;
}

/// There is no answer to a [`PermissionCheck`].
#[derive(Debug, thiserror::Error)]
#[error("it could not be found out whether the caller has the permission")]
pub struct PermissionUnknown(#[source] Box<dyn Error + Send + Sync>);

impl PermissionUnknown {
    /// Because of `cause`, which is for operators: callers do not see it.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }

    pub(super) fn log(&self) {
        let cause = self.source();
        tracing::warn!(target: TARGET, cause = cause.map(tracing::field::display), "{self}");
    }
}

/// [`PermissionCheck`] behind a pointer.
pub(super) trait DynPermissionCheck: fmt::Debug + Send + Sync {
    fn check_dyn<'a>(&'a self, caller: &'a IdInfo, permission: &'a str) -> Checking<'a>;
}

pub(super) type Checking<'a> = Pin<Box<dyn Future<Output = Result<bool, PermissionUnknown>> + Send + 'a>>;

impl<C: PermissionCheck> DynPermissionCheck for C {
    fn check_dyn<'a>(&'a self, caller: &'a IdInfo, permission: &'a str) -> Checking<'a> {
        Box::pin(self.check(caller, permission))
    }
}
