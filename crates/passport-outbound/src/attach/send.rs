//! Attaches the token to a request and sends it.

use std::sync::Arc;

use tower_service::Service;

use super::{
    OutboundRequest, RetryMode,
    allowed_origins::MatchedOrigin,
    policy::AttachPolicy,
    response_watch::ResponseWatch,
    retry::Retry,
    state::{AttachState, SlowState},
    token_rejection::is_grpc_call,
};
use crate::token::SendableToken;

/// Attaches `token` to `request` and sends it through `ready`, a service that was polled ready.
/// Saves the request first if `mode` saves requests.
pub(super) fn send<S, R, P>(
    ready: &mut S,
    mut request: R,
    origin: MatchedOrigin,
    token: &SendableToken,
    policy: Arc<AttachPolicy>,
    mode: &P,
) -> AttachState<S, R, P>
where
    S: Service<R> + Clone,
    R: OutboundRequest,
    P: RetryMode<R>,
{
    let mut retry = None;
    if P::SAVES {
        // The request is saved before the token is attached, because a retry uses a newer token.
        let saved;
        (request, saved) = mode.save(request);
        retry = saved.map(|saved| Retry { saved, mode: mode.clone(), service: ready.clone() });
    }
    let is_grpc = is_grpc_call(request.method(), request.headers());
    match policy.attach(request.headers_mut(), &token.authorization) {
        Ok(is_attached) => {
            let response = ready.call(request);
            let generation = token.generation;
            let watch = is_attached.then_some(ResponseWatch { policy, generation, origin, is_grpc });
            AttachState::Sent { response, watch, retry }
        }
        Err(error) => {
            release(ready);
            SlowState::Failed(Some(error.into())).into()
        }
    }
}

/// Replaces a service that was polled ready, and is not called, by a clone of it. This releases the
/// capacity that `poll_ready` reserved.
pub(super) fn release<S: Clone>(ready: &mut S) {
    let not_ready = ready.clone();
    *ready = not_ready;
}
