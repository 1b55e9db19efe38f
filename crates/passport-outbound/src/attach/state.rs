//! The state of a request that was sent, or waits to be sent.

use std::sync::Arc;

use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    RetryMode,
    allowed_origins::MatchedOrigin,
    error::BoxError,
    policy::AttachPolicy,
    response_watch::ResponseWatch,
    retry::{Rejected, Retry, SecondRequest},
};
use crate::token::PendingCredential;

pin_project! {
    /// The state of a request.
    #[project = AttachStateProjection]
    pub(super) enum AttachState<S, R, P>
    where
        S: Service<R>,
        P: RetryMode<R>,
    {
        /// The request was sent, and the future waits for the response. If a token was cached, this
        /// is the first state.
        Sent { #[pin] response: S::Future, watch: Option<ResponseWatch>, retry: Option<Retry<S, R, P>> },
        /// One of the states that few requests need. They share a box, to keep the future small,
        /// because the future is moved several times before it is polled.
        Slow { state: Box<SlowState<S, R, P>> },
    }
}

/// A state that few requests need.
pub(super) enum SlowState<S: Service<R>, R, P: RetryMode<R>> {
    /// The request failed before anything was sent.
    Failed(Option<BoxError>),
    /// The token is being fetched. `held` contains the service that was polled ready, and with it
    /// the capacity that `poll_ready` reserved.
    Waiting { credential: PendingCredential, held: Option<AwaitingToken<S, R, P>> },
    /// The receiver rejected the token, and a new token is being fetched. If the fetch fails, the
    /// response that rejects the token is returned.
    Replacing { credential: PendingCredential, rejected: Option<Rejected<S, R, P>> },
    /// A new token is available, and the future waits until the service is ready for the second
    /// request.
    Readying(Option<SecondRequest<S, R>>),
}

/// A request that waits for a token, and the data to send the request when the token arrives.
pub(super) struct AwaitingToken<S, R, P> {
    /// The service that was polled ready.
    pub(super) ready: S,
    pub(super) request: R,
    pub(super) origin: MatchedOrigin,
    pub(super) policy: Arc<AttachPolicy>,
    pub(super) mode: P,
}

/// What follows a state: another state, or the response that the call returns.
pub(super) enum NextState<S: Service<R>, R, P: RetryMode<R>> {
    State(AttachState<S, R, P>),
    Respond(S::Response),
}

impl<S: Service<R>, R, P: RetryMode<R>> From<SlowState<S, R, P>> for AttachState<S, R, P> {
    fn from(state: SlowState<S, R, P>) -> Self {
        Self::Slow { state: Box::new(state) }
    }
}
