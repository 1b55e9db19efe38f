//! Sends a request with its token.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use tower_service::Service;

use super::{
    AttachTokenFuture, OutboundRequest, Replay, allowed_origins::MatchedOrigin, policy::AttachPolicy,
    response_watch::ResponseWatch,
};
use crate::token::SendableToken;

/// What it takes to send a request a second time. The service has not been polled ready.
pub(super) struct Retry<S, R, P: Replay<R>> {
    pub(super) saved: P::Saved,
    pub(super) mode: P,
    pub(super) service: S,
}

/// Sends `request` with `token` through a service that is ready.
#[inline(always)] // each call of it would move the request once more
pub(super) fn send<S, R, P>(
    ready: &mut S,
    mut request: R,
    origin: MatchedOrigin,
    token: SendableToken,
    policy: Arc<AttachPolicy>,
    mode: &P,
) -> AttachTokenFuture<S, R, P>
where
    S: Service<R> + Clone,
    R: OutboundRequest,
    P: Replay<R>,
{
    let watch = ResponseWatch { policy, generation: token.generation, origin };
    if !P::SAVES {
        attach(&mut request, token);
        return AttachTokenFuture::forwarding(ready.call(request), Some(watch), None);
    }
    // The saved request has no token in it: it is sent again with another one.
    let (mut request, saved) = mode.save(request);
    let retry = saved.map(|saved| Retry { saved, mode: mode.clone(), service: ready.clone() });
    attach(&mut request, token);
    AttachTokenFuture::forwarding(ready.call(request), Some(watch), retry)
}

/// Sets the `Authorization` header.
pub(super) fn attach(request: &mut impl OutboundRequest, token: SendableToken) {
    request.headers_mut().insert(AUTHORIZATION, token.authorization);
}
