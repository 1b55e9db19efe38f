use std::sync::Arc;

use bytes::Bytes;
use tower_layer::Layer;

use super::{
    AllowedOrigins, AttachToken, BufferBody, BufferedBody, CloneRequest, ExistingAuthorization, NoRetry,
    error::BoxError, policy::AttachPolicy,
};
use crate::identity::Identity;

/// A layer that attaches the token of an [`Identity`] to each request. See the [crate's front
/// page](crate).
///
/// An `http::Request` may name another identity in its extensions
/// ([`RequestIdentity`](crate::RequestIdentity)). reqwest does not expose the extensions of its requests;
/// use a [`ManagedIdentityHttpClient`](crate::ManagedIdentityHttpClient) there.
///
/// When a receiver rejects the token (401, or the gRPC status `UNAUTHENTICATED`), the token is
/// replaced. With [`retry_unauthorized`](Self::retry_unauthorized) or
/// [`retry_unauthorized_buffered`](Self::retry_unauthorized_buffered) the request is then retried.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct AttachTokenLayer<P = NoRetry> {
    policy: Arc<AttachPolicy>,
    mode: P,
}

impl AttachTokenLayer {
    /// Attaches the token of `identity` to requests to `origins`; other requests fail.
    pub fn new(identity: impl Into<Identity>, origins: AllowedOrigins) -> Self {
        let existing = ExistingAuthorization::default();
        let policy = AttachPolicy { identity: identity.into(), origins, existing };
        Self { policy: Arc::new(policy), mode: NoRetry }
    }
}

impl<P> AttachTokenLayer<P> {
    #[cfg(feature = "reqwest-middleware")]
    pub(super) fn identity(&self) -> &Identity {
        &self.policy.identity
    }

    /// Sets what happens to a request with an `Authorization` header. By default it is rejected.
    pub fn existing_authorization(mut self, existing: ExistingAuthorization) -> Self {
        Arc::make_mut(&mut self.policy).existing = existing;
        self
    }

    /// Retries a request with a new token when a receiver rejects the old one. For `http` requests
    /// whose body is `Clone`, and for requests of reqwest whose body is not a stream.
    ///
    /// Off by default: it copies the head of each request, and a receiver may reject late. A
    /// receiver that checks the token first, as ours do, has done nothing yet. A receiver that acts
    /// first, and then forwards a rejection from another service, acts twice. If yours may, leave
    /// this off, or use it for idempotent requests only.
    ///
    /// The wait for the new token, and the second request, are not covered by the time limits of
    /// the client below (reqwest's `timeout`, `grpc-timeout`). Put a limit for everything above the
    /// layer (`tower::timeout`).
    pub fn retry_unauthorized(self) -> AttachTokenLayer<CloneRequest> {
        self.with_mode(CloneRequest)
    }

    /// Retries like [`retry_unauthorized`](Self::retry_unauthorized), for bodies that cannot be cloned, such
    /// as streams. Up to `max_bytes` that were read from the body are recorded (shared, not
    /// copied), and the rest of it is sent after them. If more had been read when the rejection
    /// arrives, the request is not retried. A first request that is still being sent is aborted.
    ///
    /// `wrap` converts a [`BufferedBody`] to the client's body type: `tonic::body::Body::new`,
    /// `reqwest::Body::wrap`, `axum::body::Body::new`. It costs a few small allocations for each
    /// request.
    pub fn retry_unauthorized_buffered<B, F>(
        self,
        max_bytes: usize,
        wrap: F,
    ) -> AttachTokenLayer<BufferBody<F>>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
        F: Fn(BufferedBody<B>) -> B + Clone,
    {
        self.with_mode(BufferBody { max_bytes, wrap })
    }

    /// Returns the same layer for another identity.
    #[cfg(feature = "reqwest-middleware")]
    pub(super) fn with_identity(&self, identity: Identity) -> Self
    where
        P: Clone,
    {
        Self { policy: Arc::new(self.policy.with_identity(identity)), mode: self.mode.clone() }
    }

    fn with_mode<Q>(self, mode: Q) -> AttachTokenLayer<Q> {
        AttachTokenLayer { policy: self.policy, mode }
    }
}

impl<S, P: Clone> Layer<S> for AttachTokenLayer<P> {
    type Service = AttachToken<S, P>;

    fn layer(&self, inner: S) -> Self::Service {
        AttachToken::new(inner, Arc::clone(&self.policy), self.mode.clone())
    }
}
