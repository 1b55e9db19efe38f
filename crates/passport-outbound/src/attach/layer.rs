//! The layer that attaches tokens, and the methods that configure the layer.

use std::sync::Arc;

use bytes::Bytes;
use tower_layer::Layer;

use super::{
    AllowedOrigins, AttachToken, BufferedBody, ExistingAuthorization, IgnoreTrailers, NoRetry, RetryBuffered,
    RetryCloned, WatchTrailers, error::BoxError, policy::AttachPolicy,
};
use crate::identity::Identity;

/// A layer that attaches the token of an [`Identity`] to each request. The [crate's front
/// page](crate) has an example.
///
/// For each request:
///
/// 1. If the origin of the request is not in [`AllowedOrigins`], or the `Host` header names
///    another host, the request fails with an [`AttachError`](crate::AttachError).
/// 2. If the request already has an `Authorization` header, it fails, unless
///    [`existing_authorization`](Self::existing_authorization) permits the header.
/// 3. The cached token is attached. If no valid token is cached, the request waits for a token
///    fetch. If the fetch fails, the request fails with a [`TokenError`](crate::TokenError).
/// 4. If the receiver rejects the token (401, or the gRPC status `UNAUTHENTICATED`), the token
///    is replaced. The request is then retried once, but only with
///    [`retry_unauthorized`](Self::retry_unauthorized) or
///    [`retry_unauthorized_buffered`](Self::retry_unauthorized_buffered).
///
/// To use another identity for one request, insert a [`RequestIdentity`](crate::RequestIdentity)
/// into the extensions of the `http::Request`. This does not work with a `reqwest::Request`,
/// because reqwest does not expose the extensions of a request. With reqwest, use a
/// [`ManagedIdentityHttpClient`](crate::ManagedIdentityHttpClient).
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct AttachTokenLayer<P = NoRetry, T = IgnoreTrailers> {
    policy: Arc<AttachPolicy>,
    mode: P,
    trailers: T,
}

impl AttachTokenLayer {
    /// Creates a layer that attaches a token of `identity` to each request to one of `origins`.
    /// Requests to other origins fail.
    ///
    /// The layer returns the response of the client unchanged. For gRPC clients, use
    /// [`for_grpc`](Self::for_grpc). With `new`, the layer detects a rejection of the token in the
    /// headers of a gRPC response, but not in its trailers.
    pub fn new(identity: impl Into<Identity>, origins: AllowedOrigins) -> Self {
        Self::with_trailers(identity.into(), origins, IgnoreTrailers)
    }
}

impl AttachTokenLayer<NoRetry, WatchTrailers> {
    /// Creates a layer for a gRPC client. The layer attaches a token of `identity` to each request
    /// to one of `origins`. Requests to other origins fail.
    ///
    /// The body of a response is a [`WatchedBody`](super::WatchedBody). It detects a rejection of
    /// the token in the trailers of a gRPC call, where servers put the status of a call that has
    /// sent messages. tonic's generated clients accept this body.
    pub fn for_grpc(identity: impl Into<Identity>, origins: AllowedOrigins) -> Self {
        Self::with_trailers(identity.into(), origins, WatchTrailers)
    }
}

impl<T> AttachTokenLayer<NoRetry, T> {
    fn with_trailers(identity: Identity, origins: AllowedOrigins, trailers: T) -> Self {
        let policy = AttachPolicy { identity, origins, existing: ExistingAuthorization::default() };
        Self { policy: Arc::new(policy), mode: NoRetry, trailers }
    }
}

impl<P, T> AttachTokenLayer<P, T> {
    #[cfg(feature = "reqwest-middleware")]
    pub(super) fn identity(&self) -> &Identity {
        &self.policy.identity
    }

    /// Sets what happens to a request that already has an `Authorization` header. Defaults to
    /// [`Reject`](ExistingAuthorization::Reject).
    pub fn existing_authorization(mut self, existing: ExistingAuthorization) -> Self {
        Arc::make_mut(&mut self.policy).existing = existing;
        self
    }

    /// Retries a request once, with a new token, if the receiver rejects the first token. Works for
    /// `http` requests whose body is `Clone`, and for reqwest requests whose body is not a stream.
    ///
    /// Off by default, for two reasons:
    ///
    /// - The layer copies the head of each request.
    /// - A receiver can have side effects before it rejects the token. A receiver with
    ///   `passport-inbound` has none, because that crate verifies the token first. But a receiver
    ///   that acts first, and then returns the 401 of another service, acts twice. For such a
    ///   receiver, do not enable the retry, or send only idempotent requests.
    ///
    /// The timeouts of the inner client (reqwest's `timeout`, `grpc-timeout`) apply to each of the
    /// two requests separately, and not to the wait for the new token. To limit the total time,
    /// place a `tower::timeout::TimeoutLayer` above this layer.
    pub fn retry_unauthorized(self) -> AttachTokenLayer<RetryCloned, T> {
        self.with_mode(RetryCloned)
    }

    /// Retries like [`retry_unauthorized`](Self::retry_unauthorized), for bodies that cannot be
    /// cloned, such as streams.
    ///
    /// The layer keeps the first `max_bytes` that the client reads from the body in memory, without
    /// copying them. The retry sends these bytes, and then the rest of the body. Two special cases:
    ///
    /// - If the client has read more than `max_bytes` when the rejection arrives, the request is
    ///   not retried.
    /// - If the client is still sending the first request when the retry starts, the first request
    ///   is aborted.
    ///
    /// `wrap` converts a [`BufferedBody`] to the client's body type, for example
    /// `tonic::body::Body::new`, `reqwest::Body::wrap` or `axum::body::Body::new`. Each request
    /// costs a few small allocations.
    pub fn retry_unauthorized_buffered<B, F>(
        self,
        max_bytes: usize,
        wrap: F,
    ) -> AttachTokenLayer<RetryBuffered<F>, T>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>>,
        F: Fn(BufferedBody<B>) -> B + Clone,
    {
        self.with_mode(RetryBuffered { max_bytes, wrap })
    }

    /// Returns a copy of the layer that attaches tokens of `identity`.
    #[cfg(feature = "reqwest-middleware")]
    pub(super) fn with_identity(&self, identity: Identity) -> Self
    where
        P: Clone,
        T: Clone,
    {
        let policy = Arc::new(self.policy.with_identity(identity));
        Self { policy, mode: self.mode.clone(), trailers: self.trailers.clone() }
    }

    fn with_mode<Q>(self, mode: Q) -> AttachTokenLayer<Q, T> {
        AttachTokenLayer { policy: self.policy, mode, trailers: self.trailers }
    }
}

impl<S, P: Clone, T> Layer<S> for AttachTokenLayer<P, T> {
    type Service = AttachToken<S, P, T>;

    fn layer(&self, inner: S) -> Self::Service {
        AttachToken::new(inner, Arc::clone(&self.policy), self.mode.clone())
    }
}
