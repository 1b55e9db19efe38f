//! The state of a request that waits for authentication or authorization.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Request;

use super::{config::Config, extensions::set_caller};
use crate::{
    IdInfo, Rejection, VerifyError,
    authorize::{Decision, PermissionFuture},
};

/// The future that a request waits for before the inner service is called.
pub(super) enum PendingCaller {
    /// The verification of the token, which waits for signing keys or for a permit.
    Verification(Pin<Box<dyn Future<Output = Result<IdInfo, VerifyError>> + Send>>),
    /// The checks of a [`PermissionChecker`](crate::PermissionChecker).
    Permission(PermissionFuture),
}

impl PendingCaller {
    /// Polls the verification and then the permission checks. When the token is verified, stores
    /// the caller in the extensions of `request`. On success, `request` is ready for the inner
    /// service.
    pub(super) fn poll<B>(
        &mut self,
        request: &mut Request<B>,
        config: &Config,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Rejection>> {
        loop {
            match self {
                Self::Permission(permission) => return permission.as_mut().poll(cx),
                Self::Verification(verification) => {
                    let caller = ready!(verification.as_mut().poll(cx))?;
                    set_caller(request, caller, config);
                    match config.authorize(request) {
                        Decision::Allow => return Poll::Ready(Ok(())),
                        Decision::Reject(rejection) => return Poll::Ready(Err(rejection)),
                        Decision::Pending(permission) => *self = Self::Permission(permission),
                    }
                }
            }
        }
    }
}
