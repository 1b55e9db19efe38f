use std::task::{Context, Poll};

use http::{Request, Response};
use tower_service::Service;

use super::{
    AuthenticateFuture, AuthenticateLayer,
    extensions::{set_anonymous, set_caller},
    pending_caller::PendingCaller,
};
use crate::{
    IdInfo, Rejection, ResponseBody,
    authorize::Decision,
    response::{drain::Drain, render::reject},
    verify::{VerifyProgress, counters},
};

/// The service that [`AuthenticateLayer`] makes.
#[derive(Clone, Debug)]
pub struct Authenticate<S> {
    pub(super) inner: S,
    pub(super) layer: AuthenticateLayer,
}

/// The result of authentication, as far as it is known at once.
enum Authentication {
    Caller(IdInfo),
    /// There is no token, and none is required.
    Anonymous,
    /// The path is public, or the request a preflight: it needs no authorization either.
    Public,
    Rejected(Rejection),
    Pending(PendingCaller),
}

impl<S> Authenticate<S> {
    fn authenticate<B>(&self, request: &Request<B>) -> Authentication {
        if self.layer.config.credential_rules.as_ref().is_some_and(|rules| rules.needs_no_token(request)) {
            return Authentication::Public;
        }
        let token = match self.layer.config.token(request) {
            Ok(Some(token)) => token,
            Ok(None) if self.layer.is_optional => return Authentication::Anonymous,
            Ok(None) => return Authentication::Rejected(Rejection::CredentialsMissing),
            Err(reason) => {
                counters::rejected(reason);
                return Authentication::Rejected(reason.into());
            }
        };
        match self.layer.verifier.verify_now(token) {
            VerifyProgress::Done(Ok(caller)) => Authentication::Caller(caller),
            VerifyProgress::Done(Err(error)) => Authentication::Rejected(error.into()),
            VerifyProgress::Waiting(wait) => {
                let (verifier, token) = (self.layer.verifier.clone(), token.to_owned());
                let verification = async move { verifier.verify_after(wait, &token).await };
                Authentication::Pending(PendingCaller::Verification(Box::pin(verification)))
            }
        }
    }
}

impl<S, B, R> Service<Request<B>> for Authenticate<S>
where
    B: 'static,
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = AuthenticateFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let decision = match self.authenticate(&request) {
            Authentication::Caller(caller) => {
                set_caller(&mut request, caller, &self.layer.config);
                self.layer.config.authorize(&request)
            }
            Authentication::Anonymous => {
                set_anonymous(&mut request, &self.layer.config);
                self.layer.config.authorize(&request)
            }
            Authentication::Public => {
                set_anonymous(&mut request, &self.layer.config);
                Decision::Allow
            }
            Authentication::Rejected(rejection) => Decision::Reject(rejection),
            Authentication::Pending(caller) => return self.pending(caller, request),
        };
        match decision {
            Decision::Allow => AuthenticateFuture::forwarded(self.inner.call(request)),
            Decision::Reject(rejection) => {
                let response = reject(rejection, &request, &self.layer.config.rejections);
                AuthenticateFuture::rejected(response, Drain::of(request))
            }
            Decision::Pending(permission) => self.pending(PendingCaller::Permission(permission), request),
        }
    }
}

impl<S: Clone> Authenticate<S> {
    fn pending<B>(&mut self, mut caller: PendingCaller, request: Request<B>) -> AuthenticateFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        let config = self.layer.config.clone();
        let check = Box::new(move |request: &mut _, cx: &mut Context<'_>| {
            let result = caller.poll(request, &config, cx);
            result.map_err(|rejection| reject(rejection, request, &config.rejections))
        });
        AuthenticateFuture::checking(check, &mut self.inner, request)
    }
}
