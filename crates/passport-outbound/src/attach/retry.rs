//! Restores a saved request after a receiver rejected its token (401, or the gRPC status
//! `UNAUTHENTICATED`), and attaches a newer token to it.
//!
//! `token_rejection` detects a rejection. `next_step` in `future` decides whether to retry the
//! request. `TokenEntry::reject` makes the rejected token due for replacement.

use std::ops::ControlFlow;

use http::header::AUTHORIZATION;
use tower_service::Service;

use super::{OutboundRequest, OutboundResponse, RetryMode, response_watch::ResponseWatch};
use crate::token::SendableToken;

/// A saved request, and the service that sends it if the receiver rejects the token. The service
/// has not been polled ready.
pub(super) struct Retry<S, R, P: RetryMode<R>> {
    pub(super) saved: P::Saved,
    pub(super) mode: P,
    pub(super) service: S,
}

/// A response that rejects the token, and the data for a retry. The saved request is restored
/// only when a newer token has been fetched. Until then, the client can continue to send the
/// body of the first request.
pub(super) struct Rejected<S: Service<R>, R, P: RetryMode<R>> {
    pub(super) response: S::Response,
    pub(super) watch: ResponseWatch,
    pub(super) retry: Retry<S, R, P>,
}

/// A restored request with a newer token. It is sent when `service` is ready.
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
    /// Restores the request and attaches `token` to it. Returns the response that rejects the token
    /// instead in these cases:
    ///
    /// - `token` is the rejected token.
    /// - `token` is `None`, because no token could be fetched.
    /// - The request cannot be restored.
    ///
    /// If the request is retried, the response is dropped. The client then closes the connection if
    /// much of the response's body has not been read.
    pub(super) fn retry(self, token: Option<SendableToken>) -> ControlFlow<S::Response, SecondRequest<S, R>> {
        let Self { response, watch, retry: Retry { saved, mode, service } } = self;
        let Some(token) = token.filter(|token| token.generation != watch.generation) else {
            return ControlFlow::Break(response);
        };
        let Some(mut request) = mode.restore(saved) else {
            return ControlFlow::Break(response);
        };
        let watch = ResponseWatch { generation: token.generation, ..watch };
        request.headers_mut().insert(AUTHORIZATION, token.authorization);
        ControlFlow::Continue(SecondRequest { watch, service, request })
    }
}
