//! Attaches the token to a request and sends it.

use std::sync::Arc;

use tower_service::Service;

use super::{
    AttachTokenFuture, OutboundRequest, RetryMode, allowed_origins::MatchedOrigin, policy::AttachPolicy,
    request::attach, response_watch::ResponseWatch, retry::Retry,
};
use crate::token::SendableToken;

/// Attaches `token` to `request` and sends it through `ready`, a service that was polled ready.
/// Saves the request first if `mode` saves requests.
#[inline(always)] // a function call would move the request once more
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
    P: RetryMode<R>,
{
    let watch = ResponseWatch { policy, generation: token.generation, origin };
    if !P::SAVES {
        attach(&mut request, token);
        return AttachTokenFuture::forwarding(ready.call(request), Some(watch), None);
    }
    // The request is saved before the token is attached, because a retry uses a newer token.
    let (mut request, saved) = mode.save(request);
    let retry = saved.map(|saved| Retry { saved, mode: mode.clone(), service: ready.clone() });
    attach(&mut request, token);
    AttachTokenFuture::forwarding(ready.call(request), Some(watch), retry)
}
