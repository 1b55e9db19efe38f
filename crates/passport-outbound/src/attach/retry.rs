//! Restores a saved request after its token was rejected (401, or the gRPC status
//! `UNAUTHENTICATED`), to send it with another token.
//!
//! `token_rejection` detects a rejection, `next_step` in `future` decides whether to retry, and
//! `TokenEntry::reject` replaces the token.

use std::ops::ControlFlow;

use tower_service::Service;

use super::{
    OutboundRequest, OutboundResponse, RetryMode, request::attach, response::sealed::ResponseHead,
    response_watch::ResponseWatch,
};
use crate::token::SendableToken;

/// A saved request, and the service that sends it if the token is rejected. The service has not
/// been polled ready.
pub(super) struct Retry<S, R, P: RetryMode<R>> {
    pub(super) saved: P::Saved,
    pub(super) mode: P,
    pub(super) service: S,
}

/// A response that rejects the token. The saved request is restored only when another token has
/// been fetched: until then, the client can continue to send the first body.
pub(super) struct Rejected<S: Service<R>, R, P: RetryMode<R>> {
    pub(super) response: S::Response,
    pub(super) watch: ResponseWatch,
    pub(super) retry: Retry<S, R, P>,
}

/// A restored request with another token, which is sent when `service` is ready.
pub(super) struct SecondRequest<S, R> {
    pub(super) watch: ResponseWatch,
    pub(super) service: S,
    pub(super) request: R,
}

impl<S, R, P> Rejected<S, R, P>
where
    S: Service<R>,
    S::Response: OutboundResponse,
    R: OutboundRequest,
    P: RetryMode<R>,
{
    /// Restores the request and attaches `token`. Returns the response instead if `token` is the
    /// rejected one or `None`, or if the request cannot be restored.
    ///
    /// For a retry the response is dropped. If much of its body has not been read, the client
    /// closes the connection.
    pub(super) fn retry(
        self,
        token: Option<SendableToken>,
    ) -> ControlFlow<<S::Response as ResponseHead>::Watched, Box<SecondRequest<S, R>>> {
        let Self { response, watch, retry: Retry { saved, mode, service } } = self;
        let Some(token) = token.filter(|token| token.generation != watch.generation) else {
            return ControlFlow::Break(response.watched(None));
        };
        let Some(mut request) = mode.restore(saved) else {
            return ControlFlow::Break(response.watched(None));
        };
        let watch = ResponseWatch { generation: token.generation, ..watch };
        attach(&mut request, token);
        ControlFlow::Continue(Box::new(SecondRequest { watch, service, request }))
    }
}
