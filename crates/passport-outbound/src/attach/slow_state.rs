//! Continues a request that waits: for a token, or for a second attempt after a receiver rejected
//! the token.

use std::{
    ops::ControlFlow,
    pin::Pin,
    task::{Context, Poll, ready},
};

use metrics::counter;
use passport_core::ClientId;
use tower_service::Service;

use super::{
    OutboundRequest, OutboundResponse, RetryMode,
    error::BoxError,
    retry::SecondRequest,
    send::send,
    state::{AttachState, AwaitingToken, NextState, SlowState},
};
use crate::metrics::{CLIENT_ID, RETRIES, TARGET};

impl<S, R, P> SlowState<S, R, P>
where
    S: Service<R> + Clone,
    S::Response: OutboundResponse,
    S::Error: Into<BoxError>,
    R: OutboundRequest,
    P: RetryMode<R>,
{
    /// Waits for the end of the state, and returns what follows.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<NextState<S, R, P>, BoxError>> {
        loop {
            match self {
                Self::Failed(error) => return Poll::Ready(Err(error.take().expect(POLLED_AGAIN))),
                Self::Waiting { credential, held } => {
                    let token = ready!(Pin::new(credential).poll(cx))?;
                    let AwaitingToken { mut ready, request, origin, policy, mode } =
                        held.take().expect(POLLED_AGAIN);
                    let sent = send(&mut ready, request, origin, &token, policy, &mode);
                    return Poll::Ready(Ok(NextState::State(sent)));
                }
                Self::Replacing { credential, rejected } => {
                    let token = ready!(Pin::new(credential).poll(cx));
                    match rejected.take().expect(POLLED_AGAIN).retry(token.ok()) {
                        ControlFlow::Break(response) => {
                            return Poll::Ready(Ok(NextState::Respond(response)));
                        }
                        ControlFlow::Continue(second) => *self = Self::Readying(Some(second)),
                    }
                }
                Self::Readying(second) => {
                    let service = &mut second.as_mut().expect(POLLED_AGAIN).service;
                    ready!(service.poll_ready(cx)).map_err(Into::into)?;
                    let SecondRequest { watch, mut service, request } = second.take().expect(POLLED_AGAIN);
                    if let Some(identity) = watch.policy.identity.managed() {
                        record_retry(identity.client_id());
                    }
                    let response = service.call(request);
                    let sent = AttachState::Sent { response, watch: Some(watch), retry: None };
                    return Poll::Ready(Ok(NextState::State(sent)));
                }
            }
        }
    }
}

const POLLED_AGAIN: &str = "`AttachTokenFuture` polled again after completion";

fn record_retry(client_id: &ClientId) {
    counter!(RETRIES, CLIENT_ID => client_id.to_string()).increment(1);
    tracing::debug!(target: TARGET, %client_id, "request sent again with another token");
}
