//! The service that attaches a token to each request.

use std::{
    fmt,
    marker::PhantomData,
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::header::AUTHORIZATION;
use tower_service::Service;

use super::{
    AttachError, AttachTokenFuture, ExistingAuthorization, IgnoreTrailers, NoRetry, OutboundRequest,
    OutboundResponse, RetryMode, TrailerMode,
    allowed_origins::MatchedOrigin,
    error::BoxError,
    policy::AttachPolicy,
    response_watch::ResponseWatch,
    send::{release, send},
    state::{AttachState, AwaitingToken, SlowState},
    token_rejection::is_grpc_call,
    trailer_mode::sealed::Respond,
};
use crate::{
    identity::{Identity, SelectedIdentity},
    token::{Credential, ServiceToken},
};

/// The service of [`AttachTokenLayer`](super::AttachTokenLayer). The inner client must be
/// `Clone`.
///
/// The response is that of the inner client. With
/// [`AttachTokenLayer::for_grpc`](super::AttachTokenLayer::for_grpc), its body is a
/// [`WatchedBody`](super::WatchedBody).
///
/// # Errors
/// Errors are boxed; downcast them to one of these types:
///
/// - [`AttachError`]: the request must not carry a token. Nothing was sent.
/// - [`TokenError`](crate::TokenError): no token could be fetched. Nothing was sent.
/// - The error type of the inner client: the client failed, and the request may have been sent.
///
/// `poll_ready` fails only if the inner client's `poll_ready` fails.
pub struct AttachToken<S, P = NoRetry, T = IgnoreTrailers> {
    inner: S,
    policy: Arc<AttachPolicy>,
    mode: P,
    token: ServiceToken,
    trailers: PhantomData<fn() -> T>,
}

impl<S, P, T> AttachToken<S, P, T> {
    pub(super) fn new(inner: S, policy: Arc<AttachPolicy>, mode: P) -> Self {
        Self { inner, policy, mode, token: ServiceToken::default(), trailers: PhantomData }
    }
}

impl<S: Clone, P: Clone, T> Clone for AttachToken<S, P, T> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.policy), self.mode.clone())
    }
}

impl<S, R, P, T> Service<R> for AttachToken<S, P, T>
where
    S: Service<R> + Clone,
    S::Response: OutboundResponse,
    S::Error: Into<BoxError>,
    R: OutboundRequest,
    P: RetryMode<R>,
    T: TrailerMode<S::Response>,
{
    type Response = <T as Respond<S::Response>>::Response;
    type Error = BoxError;
    type Future = AttachTokenFuture<S, R, P, T>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline] // a function call would move the request and the response future
    fn call(&mut self, mut request: R) -> Self::Future {
        let origin = match self.policy.admit(&request) {
            Err(error) => return self.reject(error.into()),
            Ok(origin) => origin,
        };
        let policy = self.policy.for_request(&request);
        let may_use_copy =
            Arc::ptr_eq(&policy, &self.policy) && policy.existing != ExistingAuthorization::Keep;
        let copy = if may_use_copy { self.token.fresh() } else { None };
        let Some(token) = copy else {
            return self.call_without_copy(request, origin, policy);
        };
        if P::SAVES {
            return send(&mut self.inner, request, origin, token, policy, &self.mode).into();
        }
        // Does the same as `send`, but moves neither the request nor the response future.
        let is_grpc = is_grpc_call(request.method(), request.headers());
        let generation = token.generation;
        match policy.attach(request.headers_mut(), &token.authorization) {
            Err(error) => self.reject(error.into()),
            Ok(is_attached) => {
                let response = self.inner.call(request);
                // Built after the call: otherwise the watch is moved an additional time.
                let watch = is_attached.then_some(ResponseWatch { policy, generation, origin, is_grpc });
                AttachTokenFuture::sent(response, watch)
            }
        }
    }
}

impl<S, P, T> AttachToken<S, P, T> {
    /// Handles a request if the service has no copy of a fresh token for it.
    fn call_without_copy<R>(
        &mut self,
        mut request: R,
        origin: MatchedOrigin,
        policy: Arc<AttachPolicy>,
    ) -> AttachTokenFuture<S, R, P, T>
    where
        S: Service<R> + Clone,
        R: OutboundRequest,
        P: RetryMode<R>,
    {
        match policy.needs_token(request.headers()) {
            Err(error) => return self.reject(error.into()),
            Ok(false) => return AttachTokenFuture::sent(self.inner.call(request), None),
            Ok(true) => {}
        }
        self.keep_copies();
        let credential = match policy.identity.select(request.extensions()) {
            Err(error) => return self.reject(AttachError::from(error).into()),
            Ok(SelectedIdentity::Caller(authorization)) => {
                request.headers_mut().insert(AUTHORIZATION, authorization);
                return AttachTokenFuture::sent(self.inner.call(request), None);
            }
            Ok(SelectedIdentity::Managed(identity)) => identity.credential(),
        };
        match credential {
            Credential::Ready(token) => {
                send(&mut self.inner, request, origin, &token, policy, &self.mode).into()
            }
            Credential::Pending(credential) => {
                // The future must call the service that was polled ready. A clone of that service,
                // which was not polled, stays here. See "Be careful when cloning inner services" in
                // the documentation of `tower::Service`.
                let not_ready = self.inner.clone();
                let ready = mem::replace(&mut self.inner, not_ready);
                let mode = self.mode.clone();
                let held = Some(AwaitingToken { ready, request, origin, policy, mode });
                AttachState::from(SlowState::Waiting { credential, held }).into()
            }
            Credential::Failed(error) => self.reject(error.into()),
        }
    }

    /// Counts a call. From the second call on, the service keeps private copies of the token and of
    /// the policy.
    fn keep_copies(&mut self) {
        if let Identity::Managed(identity) = &self.policy.identity
            && self.token.count_call(&identity.manager)
        {
            self.policy = Arc::new(AttachPolicy::clone(&self.policy));
        }
    }

    /// Returns a future that fails with `error`; the request is not sent.
    #[cold]
    fn reject<R>(&mut self, error: BoxError) -> AttachTokenFuture<S, R, P, T>
    where
        S: Service<R> + Clone,
        P: RetryMode<R>,
    {
        release(&mut self.inner);
        AttachState::from(SlowState::Failed(Some(error))).into()
    }
}

impl<S: fmt::Debug, P: fmt::Debug, T> fmt::Debug for AttachToken<S, P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { inner, policy, mode, .. } = self;
        f.debug_struct("AttachToken")
            .field("inner", inner)
            .field("policy", policy)
            .field("mode", mode)
            .finish_non_exhaustive()
    }
}
