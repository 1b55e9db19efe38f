use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::PermissionFuture;
use crate::{
    Rejection, ResponseBody,
    response::{
        future::{Check, CheckedFuture},
        rejection_config::RejectionConfig,
    },
};

pin_project! {
    /// The response future of [`Require`](super::Require).
    ///
    /// # Cancel safety
    /// Dropping it ends this request, and a [`PermissionCheck`](super::PermissionCheck) that was
    /// asked for it.
    pub struct RequireFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        pub(super) checked: CheckedFuture<S, B, PendingPermission>,
    }
}

impl<S, B, R> Future for RequireFuture<S, B>
where
    B: 'static,
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<ResponseBody<R>>, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().checked.poll(cx)
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for RequireFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireFuture").finish_non_exhaustive()
    }
}

/// A request that waits for a [`PermissionCheck`](super::PermissionCheck).
pub(super) struct PendingPermission {
    pub(super) permission: PermissionFuture,
    pub(super) rejections: RejectionConfig,
}

impl<B> Check<B> for PendingPermission {
    fn poll(&mut self, _: &mut Request<B>, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        self.permission.as_mut().poll(cx)
    }

    fn rejection_config(&self) -> &RejectionConfig {
        &self.rejections
    }
}
