use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::header::AUTHORIZATION;
use tower_service::Service;

use super::{
    AttachTokenFuture, NoReplay, OutboundRequest, OutboundResponse, Replay,
    allowed_origins::Matched,
    future::{Held, Spare},
    policy::{Needs, Rules},
    response::sealed::Head,
    response_watch::Watch,
};
use crate::{
    identity::Whose,
    token::{Credential, Sendable},
};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The service that [`AttachTokenLayer`](super::AttachTokenLayer) makes, around a client that is `Clone`.
///
/// An `http::Response<B>` comes back with a [`WatchedBody<B>`](super::WatchedBody), a `reqwest::Response` as it is.
///
/// # Errors
/// Boxed; downcast to tell them apart. [`AttachError`](super::AttachError): the request must not have a token, and nothing
/// was sent. [`TokenError`](crate::TokenError): there is no token, and nothing was sent. Anything else is the client's own.
/// `poll_ready` fails only when the client's does.
#[derive(Clone, Debug)]
pub struct AttachToken<S, P = NoReplay> {
    inner: S,
    rules: Arc<Rules>,
    replay: P,
}

impl<S, P> AttachToken<S, P> {
    pub(super) fn new(inner: S, rules: Arc<Rules>, replay: P) -> Self {
        Self { inner, rules, replay }
    }

    /// The client inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }
}

impl<S, R, P> Service<R> for AttachToken<S, P>
where
    S: Service<R> + Clone,
    S::Response: OutboundResponse,
    S::Error: Into<BoxError>,
    R: OutboundRequest,
    P: Replay<R>,
{
    type Response = <S::Response as Head>::Watched;
    type Error = BoxError;
    type Future = AttachTokenFuture<S, R, P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: R) -> Self::Future {
        let origin = match self.rules.admit(&request) {
            Err(refused) => return self.refuse(refused.into()),
            Ok(Needs::Nothing) => return AttachTokenFuture::forwarding(self.inner.call(request), None, None),
            Ok(Needs::Token(origin)) => origin,
        };
        let rules = self.rules.of(&request);
        let credential = match rules.identity.whose(request.extensions()) {
            Err(refused) => return self.refuse(refused.into()),
            Ok(Whose::Caller(authorization)) => {
                request.headers_mut().insert(AUTHORIZATION, authorization);
                return AttachTokenFuture::forwarding(self.inner.call(request), None, None);
            }
            Ok(Whose::Service(identity)) => identity.credential(),
        };
        match credential {
            Credential::Ready(token) => send(&mut self.inner, request, origin, token, rules, &self.replay),
            Credential::Pending(credential) => {
                // The service that was polled ready goes into the future; its clone was not, and stays here. See
                // "Be careful when cloning inner services" in the documentation of `tower::Service`.
                let not_ready = self.inner.clone();
                let ready = mem::replace(&mut self.inner, not_ready);
                let replay = self.replay.clone();
                AttachTokenFuture::waiting(credential, Held { ready, request, origin, rules, replay })
            }
            Credential::Refused(error) => self.refuse(error.into()),
        }
    }
}

impl<S, P> AttachToken<S, P> {
    /// Ends a call that does not go out. The readiness that was reserved for it is given back: others may wait for it.
    fn refuse<R>(&mut self, error: BoxError) -> AttachTokenFuture<S, R, P>
    where
        S: Service<R> + Clone,
        P: Replay<R>,
    {
        let not_ready = self.inner.clone();
        self.inner = not_ready;
        AttachTokenFuture::failed(error)
    }
}

/// Sends `request` with `token` through a service that is ready.
#[inline(always)] // each call of it would move the request once more
pub(super) fn send<S, R, P>(
    ready: &mut S,
    mut request: R,
    origin: Matched,
    token: Sendable,
    rules: Arc<Rules>,
    replay: &P,
) -> AttachTokenFuture<S, R, P>
where
    S: Service<R> + Clone,
    R: OutboundRequest,
    P: Replay<R>,
{
    let watch = Watch { rules, generation: token.generation, origin };
    if !P::KEEPS {
        attach(&mut request, token);
        return AttachTokenFuture::forwarding(ready.call(request), Some(watch), None);
    }
    // What is kept has no token in it: it is sent again with another.
    let (mut request, kept) = replay.keep(request);
    let spare = kept.map(|kept| Spare { kept, replay: replay.clone(), service: ready.clone() });
    attach(&mut request, token);
    AttachTokenFuture::forwarding(ready.call(request), Some(watch), spare)
}

pub(super) fn attach(request: &mut impl OutboundRequest, token: Sendable) {
    request.headers_mut().insert(AUTHORIZATION, token.authorization);
}
