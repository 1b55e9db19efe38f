use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::header::AUTHORIZATION;
use tower_service::Service;

use super::{
    AttachTokenFuture, NoReplay, OutboundRequest, OutboundResponse, Replay,
    future::Spare,
    response::sealed::Head,
    rules::{Needs, Rules},
    watch::Watch,
};
use crate::credential::{Credential, Sendable};

/// The error of a client with a token layer: what the client says, an [`AttachError`](super::AttachError) or a
/// [`TokenError`](crate::TokenError), boxed. Downcast to tell them apart.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The service that [`AttachTokenLayer`](super::AttachTokenLayer) makes.
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
        match self.rules.admit(&mut request) {
            Err(refused) => return AttachTokenFuture::failed(refused.into()),
            Ok(Needs::Nothing) => return AttachTokenFuture::forwarding(self.inner.call(request), None, None),
            Ok(Needs::Token) => {}
        }
        match self.rules.identity.credential() {
            Credential::Ready(token) => send(&mut self.inner, request, token, &self.rules, &self.replay),
            Credential::Pending(credential) => {
                // The service that was polled ready goes into the future; its clone was not, and stays here. See
                // "Be careful when cloning inner services" in the documentation of `tower::Service`.
                let not_ready = self.inner.clone();
                let ready = mem::replace(&mut self.inner, not_ready);
                AttachTokenFuture::waiting(
                    credential,
                    ready,
                    request,
                    Arc::clone(&self.rules),
                    self.replay.clone(),
                )
            }
            Credential::Refused(error) => AttachTokenFuture::failed(error.into()),
        }
    }
}

/// Sends `request` with `token` through a service that is ready.
pub(super) fn send<S, R, P>(
    ready: &mut S,
    request: R,
    token: Sendable,
    rules: &Arc<Rules>,
    replay: &P,
) -> AttachTokenFuture<S, R, P>
where
    S: Service<R> + Clone,
    R: OutboundRequest,
    P: Replay<R>,
{
    // What is kept has no token in it: it is sent again with another.
    let (mut request, kept) = replay.keep(request);
    let spare = kept.map(|kept| Spare { kept, replay: replay.clone(), service: ready.clone() });
    let watch = Watch { rules: Arc::clone(rules), generation: token.generation };
    attach(&mut request, token);
    AttachTokenFuture::forwarding(ready.call(request), Some(watch), spare)
}

pub(super) fn attach(request: &mut impl OutboundRequest, token: Sendable) {
    request.headers_mut().insert(AUTHORIZATION, token.authorization);
}
