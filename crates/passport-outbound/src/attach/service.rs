//! The service that attaches a token to each request.

use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::header::AUTHORIZATION;
use tower_service::Service;

use super::{
    AttachError, AttachTokenFuture, NoRetry, OutboundRequest, OutboundResponse, RetryMode,
    error::BoxError,
    future::AwaitingToken,
    policy::{AttachDecision, AttachPolicy},
    response::sealed::ResponseHead,
    send::send,
};
use crate::{identity::SelectedIdentity, token::Credential};

/// The service of [`AttachTokenLayer`](super::AttachTokenLayer). The inner client must be
/// `Clone`.
///
/// The response is an `http::Response<B>` with a [`WatchedBody<B>`](super::WatchedBody), or an
/// unchanged `reqwest::Response`.
///
/// # Errors
/// Errors are boxed; downcast them to one of these types:
///
/// - [`AttachError`]: the request must not carry a token. Nothing was sent.
/// - [`TokenError`](crate::TokenError): no token could be fetched. Nothing was sent.
/// - The error type of the inner client: the client failed, and the request may have been sent.
///
/// `poll_ready` fails only if the inner client's `poll_ready` fails.
#[derive(Clone, Debug)]
pub struct AttachToken<S, P = NoRetry> {
    inner: S,
    policy: Arc<AttachPolicy>,
    mode: P,
}

impl<S, P> AttachToken<S, P> {
    pub(super) fn new(inner: S, policy: Arc<AttachPolicy>, mode: P) -> Self {
        Self { inner, policy, mode }
    }
}

impl<S, R, P> Service<R> for AttachToken<S, P>
where
    S: Service<R> + Clone,
    S::Response: OutboundResponse,
    S::Error: Into<BoxError>,
    R: OutboundRequest,
    P: RetryMode<R>,
{
    type Response = <S::Response as ResponseHead>::Watched;
    type Error = BoxError;
    type Future = AttachTokenFuture<S, R, P>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: R) -> Self::Future {
        let origin = match self.policy.admit(&request) {
            Err(error) => return self.reject(error.into()),
            Ok(AttachDecision::Unchanged) => {
                return AttachTokenFuture::forwarding(self.inner.call(request), None, None);
            }
            Ok(AttachDecision::WithToken(origin)) => origin,
        };
        let policy = self.policy.for_request(&request);
        let credential = match policy.identity.select(request.extensions()) {
            Err(error) => return self.reject(AttachError::from(error).into()),
            Ok(SelectedIdentity::Caller(authorization)) => {
                request.headers_mut().insert(AUTHORIZATION, authorization);
                return AttachTokenFuture::forwarding(self.inner.call(request), None, None);
            }
            Ok(SelectedIdentity::Managed(identity)) => identity.credential(),
        };
        match credential {
            Credential::Ready(token) => send(&mut self.inner, request, origin, token, policy, &self.mode),
            Credential::Pending(credential) => {
                // The future must call the service that was polled ready. A clone of that service,
                // which was not polled, stays here. See "Be careful when cloning inner services" in
                // the documentation of `tower::Service`.
                let not_ready = self.inner.clone();
                let ready = mem::replace(&mut self.inner, not_ready);
                let mode = self.mode.clone();
                let held = AwaitingToken { ready, request, origin, policy, mode };
                AttachTokenFuture::waiting(credential, held)
            }
            Credential::Failed(error) => self.reject(error.into()),
        }
    }
}

impl<S, P> AttachToken<S, P> {
    /// Returns a future that fails with `error`; the request is not sent. Replaces the inner
    /// service by a clone of it, to release the capacity that `poll_ready` reserved.
    fn reject<R>(&mut self, error: BoxError) -> AttachTokenFuture<S, R, P>
    where
        S: Service<R> + Clone,
        P: RetryMode<R>,
    {
        let not_ready = self.inner.clone();
        self.inner = not_ready;
        AttachTokenFuture::failed(error)
    }
}
