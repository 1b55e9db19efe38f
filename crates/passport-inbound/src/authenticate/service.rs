//! The service of an [`AuthenticateLayer`].

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{
    AuthenticateFuture, AuthenticateLayer,
    extensions::{set_anonymous, set_caller},
    pending_caller::PendingCaller,
};
use crate::{
    Rejection, RejectionBody,
    authorize::Decision,
    response::rejected::Rejected,
    verify::{Verified, VerifyProgress, counters},
};

/// The service of an [`AuthenticateLayer`]. It rejects requests without a valid token.
#[derive(Clone, Debug)]
pub struct Authenticate<S> {
    pub(super) inner: S,
    pub(super) layer: AuthenticateLayer,
}

/// The result of authentication and authorization: a decision, or a future that the decision
/// depends on.
enum Authentication {
    Done(Decision),
    Pending(PendingCaller),
}

impl AuthenticateLayer {
    /// Authenticates and authorizes a request without waiting. If the decision needs keys, a permit
    /// or a permission check, returns a future for it.
    #[inline(always)] // a call would copy the decision
    fn authenticate<B>(&self, request: &mut Request<B>) -> Authentication {
        let config = &self.config;
        if config.credential_rules.as_ref().is_some_and(|rules| rules.needs_no_token(request)) {
            set_anonymous(request, config);
            // The requirement of the layer does not apply to public paths and preflights.
            return Authentication::Done(Decision::Allow);
        }
        let token = match config.token_marked(request) {
            Ok(Some(token)) => token,
            Ok(None) if config.is_optional => {
                set_anonymous(request, config);
                return Authentication::Done(config.authorize(request));
            }
            Ok(None) => return Authentication::Done(Decision::Reject(Rejection::MissingCredentials)),
            Err(reason) => {
                counters::rejected(reason);
                return Authentication::Done(Decision::Reject(reason.into()));
            }
        };
        match config.verifier.verify_now(token) {
            VerifyProgress::Done(Ok(Verified::Caller(caller))) => {
                set_caller(request, caller, config);
                Authentication::Done(config.authorize(request))
            }
            VerifyProgress::Done(Err(error)) => Authentication::Done(Decision::Reject(error.into())),
            progress => {
                let (verifier, token) = (config.verifier.clone(), token.to_owned());
                let verification = async move { verifier.verify_after(progress, &token).await };
                Authentication::Pending(PendingCaller::Verification(Box::pin(verification)))
            }
        }
    }
}

impl<S, B, R> Service<Request<B>> for Authenticate<S>
where
    B: 'static,
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: RejectionBody,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = AuthenticateFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline] // a call would move the request once more
    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.layer.authenticate(&mut request) {
            Authentication::Done(Decision::Allow) => AuthenticateFuture::forwarded(self.inner.call(request)),
            Authentication::Done(Decision::Reject(rejection)) => {
                let rejections = &self.layer.config.rejections;
                AuthenticateFuture::rejected(Rejected::new(rejection, &mut request, rejections))
            }
            Authentication::Done(Decision::Pending(permission)) => {
                self.pending(PendingCaller::Permission(permission), request)
            }
            Authentication::Pending(caller) => self.pending(caller, request),
        }
    }
}

impl<S: Clone> Authenticate<S> {
    /// Returns a response future that first waits for `caller`. If the request is not rejected, the
    /// future then calls the inner service.
    fn pending<B: 'static>(
        &mut self,
        mut caller: PendingCaller,
        request: Request<B>,
    ) -> AuthenticateFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        let config = Arc::clone(&self.layer.config);
        let check = Box::new(move |request: &mut _, cx: &mut Context<'_>| {
            let result = caller.poll(request, &config, cx);
            result.map_err(|rejection| Rejected::new(rejection, request, &config.rejections))
        });
        AuthenticateFuture::checking(check, &mut self.inner, request)
    }
}
