use std::{
    mem,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use passport_core::{AccessToken, CallerToken};
use tower_service::Service;

use super::{AuthenticateFuture, future::PendingVerdict};
use crate::{
    IdInfo, Rejection, ResponseBody, TokenVerifier,
    bearer::bearer,
    challenge::{Protocol, refusal},
    respond::Responder,
    telemetry,
    verifier::Verdict,
};

/// The service that [`AuthenticateLayer`](super::AuthenticateLayer) makes.
#[derive(Clone, Debug)]
pub struct Authenticate<S> {
    inner: S,
    verifier: TokenVerifier,
    responder: Responder,
    hands_on: bool,
}

/// What can be said of a request at once.
enum Decision {
    Pass(IdInfo),
    Refuse(Rejection),
    Wait(PendingVerdict),
}

impl<S> Authenticate<S> {
    pub(super) fn new(inner: S, verifier: TokenVerifier, responder: Responder, hands_on: bool) -> Self {
        Self { inner, verifier, responder, hands_on }
    }

    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    fn decide<B>(&self, request: &Request<B>) -> Decision {
        let token = match bearer(request.headers()) {
            Ok(Some(token)) => token,
            Ok(None) => return Decision::Refuse(Rejection::CredentialsMissing),
            Err(reason) => {
                telemetry::rejected(reason);
                return Decision::Refuse(reason.into());
            }
        };
        match self.verifier.verify_now(token) {
            Verdict::Settled(Ok(caller)) => Decision::Pass(caller),
            Verdict::Settled(Err(error)) => Decision::Refuse(error.into()),
            Verdict::Waits(wait) => {
                let (verifier, token) = (self.verifier.clone(), token.to_owned());
                Decision::Wait(PendingVerdict::new(async move { verifier.verify_after(wait, &token).await }))
            }
        }
    }
}

impl<S, B, R> Service<Request<B>> for Authenticate<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = AuthenticateFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        match self.decide(&request) {
            Decision::Pass(caller) => {
                introduce(&mut request, caller, self.hands_on);
                AuthenticateFuture::passed(self.inner.call(request))
            }
            Decision::Refuse(rejection) => {
                AuthenticateFuture::refused(refusal(rejection, Protocol::of(&request), &self.responder))
            }
            Decision::Wait(verdict) => {
                // The service that was polled ready goes into the future; its clone was not, and stays here. See
                // "Be careful when cloning inner services" in the documentation of `tower::Service`.
                let not_ready = self.inner.clone();
                let ready = mem::replace(&mut self.inner, not_ready);
                AuthenticateFuture::waiting(verdict, ready, request, self.responder.clone(), self.hands_on)
            }
        }
    }
}

/// Tells the inner service who calls, and its logs not to show the token.
pub(super) fn introduce<B>(request: &mut Request<B>, caller: IdInfo, hands_on: bool) {
    if hands_on && let Some(token) = handed_on(request.headers(), &caller) {
        request.extensions_mut().insert(token);
    } else if is_of_another(request) {
        request.extensions_mut().remove::<CallerToken>();
    }
    if let Some(authorization) = request.headers_mut().get_mut(AUTHORIZATION) {
        authorization.set_sensitive(true);
    }
    request.extensions_mut().insert(caller);
}

/// Whether a token was handed on that is not this caller's. (A layer outside of this one may have handed on the same.)
fn is_of_another<B>(request: &Request<B>) -> bool {
    let Some(left) = request.extensions().get::<CallerToken>() else { return false };
    !matches!(bearer(request.headers()), Ok(Some(token)) if token == left.token().expose().as_bytes())
}

/// The token that was just verified, to be shown to others.
fn handed_on(headers: &HeaderMap, caller: &IdInfo) -> Option<CallerToken> {
    let token = std::str::from_utf8(bearer(headers).ok()??).ok()?;
    AccessToken::new(token, caller.expires_at()).ok().map(CallerToken::new)
}

/// So that a single service of a tonic server can be authenticated: its name is that of the service inside.
#[cfg(feature = "tonic")]
impl<S: tonic::server::NamedService> tonic::server::NamedService for Authenticate<S> {
    const NAME: &'static str = S::NAME;
}
