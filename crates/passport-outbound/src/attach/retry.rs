//! The retry of a request after its token was rejected (401, or UNAUTHENTICATED of gRPC). Which
//! responses reject a token, `token_rejection` decides; whether to retry, [`next_step`] in `future`,
//! and `TokenEntry::reject` replaces the token.
//!
//! [`next_step`]: super::future

use std::ops::ControlFlow;

use tower_service::Service;

use super::{
    OutboundRequest, OutboundResponse, RetryMode, request::attach, response::sealed::ResponseHead,
    response_watch::ResponseWatch,
};
use crate::token::SendableToken;

/// What it takes to send a request a second time. The service has not been polled ready.
pub(super) struct Retry<S, R, P: RetryMode<R>> {
    pub(super) saved: P::Saved,
    pub(super) mode: P,
    pub(super) service: S,
}

/// A response that rejects the token. The request is restored only when there is another token:
/// until then, its first body is not touched.
pub(super) struct Rejected<S: Service<R>, R, P: RetryMode<R>> {
    pub(super) response: S::Response,
    pub(super) watch: ResponseWatch,
    pub(super) retry: Retry<S, R, P>,
}

/// A request to be sent for the second time.
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
    /// Returns the same request with `token`, if it is another token and the request can be
    /// restored; otherwise the response. A response that is not returned is dropped: if much of its
    /// body is outstanding, its connection is closed.
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
