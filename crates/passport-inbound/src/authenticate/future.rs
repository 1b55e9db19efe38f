use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{config::Config, extensions::set_caller};
use crate::{
    IdInfo, Rejection, ResponseBody, VerifyError,
    authorize::{Decision, PermissionFuture},
    response::{
        future::{Check, CheckedFuture},
        rejection_config::RejectionConfig,
    },
};

pin_project! {
    /// The response future of [`Authenticate`](super::Authenticate).
    ///
    /// # Cancel safety
    /// Dropping it ends this request. A fetch of keys goes on, for other requests.
    pub struct AuthenticateFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        pub(super) checked: CheckedFuture<S, B, PendingCaller>,
    }
}

impl<S, B, R> Future for AuthenticateFuture<S, B>
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

impl<S: Service<Request<B>>, B> fmt::Debug for AuthenticateFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthenticateFuture").finish_non_exhaustive()
    }
}

/// A request whose token is not verified yet, or whose caller is not authorized yet.
pub(super) struct PendingCaller {
    pub(super) step: Step,
    pub(super) config: Config,
}

/// What the request waits for.
pub(super) enum Step {
    /// Keys, or a permit to verify the token.
    Verification(Pin<Box<dyn Future<Output = Result<IdInfo, VerifyError>> + Send>>),
    /// A [`PermissionCheck`](crate::PermissionCheck).
    Permission(PermissionFuture),
}

impl<B> Check<B> for PendingCaller {
    fn poll(&mut self, request: &mut Request<B>, cx: &mut Context<'_>) -> Poll<Result<(), Rejection>> {
        loop {
            match &mut self.step {
                Step::Permission(permission) => return permission.as_mut().poll(cx),
                Step::Verification(verification) => {
                    let caller = ready!(verification.as_mut().poll(cx))?;
                    set_caller(request, caller, &self.config);
                    match self.config.authorize(request) {
                        Decision::Allow => return Poll::Ready(Ok(())),
                        Decision::Reject(rejection) => return Poll::Ready(Err(rejection)),
                        Decision::Ask(permission) => self.step = Step::Permission(permission),
                    }
                }
            }
        }
    }

    fn rejection_config(&self) -> &RejectionConfig {
        &self.config.rejections
    }
}
