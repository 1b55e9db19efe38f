use std::sync::Arc;

use bytes::Bytes;
use tower_layer::Layer;

use super::{
    AllowedOrigins, AttachToken, BufferBody, BufferedBody, CloneRequest, ExistingAuthorization, NoReplay,
    error::BoxError, policy::AttachPolicy,
};
use crate::identity::Identity;

/// Attaches the token of an [`Identity`] to each request. See the [crate's front page](crate).
///
/// An `http::Request` may name another one in its extensions ([`InTheNameOf`](crate::InTheNameOf));
/// reqwest shows nobody the extensions of its requests, so with reqwest that takes a
/// [`ManagedIdentityHttpClient`](crate::ManagedIdentityHttpClient).
///
/// When a receiver refuses the token (401, or the gRPC status `UNAUTHENTICATED`), it is replaced.
/// With [`replay_clones`](Self::replay_clones) or [`replay_buffered`](Self::replay_buffered) the
/// request is then sent once more.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct AttachTokenLayer<P = NoReplay> {
    policy: Arc<AttachPolicy>,
    mode: P,
}

impl AttachTokenLayer {
    /// Attaches the token of `identity` to requests that go to `origins`; other requests fail.
    pub fn new(identity: impl Into<Identity>, origins: AllowedOrigins) -> Self {
        let existing = ExistingAuthorization::default();
        let policy = AttachPolicy { identity: identity.into(), origins, existing };
        Self { policy: Arc::new(policy), mode: NoReplay }
    }
}

impl<P> AttachTokenLayer<P> {
    #[cfg(feature = "reqwest-middleware")]
    pub(super) fn identity(&self) -> &Identity {
        &self.policy.identity
    }

    /// What becomes of a request that carries an `Authorization` header already. It is refused by
    /// default.
    pub fn existing_authorization(mut self, existing: ExistingAuthorization) -> Self {
        Arc::make_mut(&mut self.policy).existing = existing;
        self
    }

    /// Sends a request once more, with a new token, when a receiver refused the old one. For `http`
    /// requests whose body is `Clone`, and for reqwest's; one of reqwest's whose body is a stream
    /// is not sent again.
    ///
    /// Off by default: it costs a copy of each request's head, and a receiver may refuse late. One
    /// that looks at the token first, as ours do, has done nothing yet; but one that acts, and then
    /// hands on a refusal that it got itself from another service, acts twice. If yours may, leave
    /// it off, or for idempotent requests only.
    ///
    /// The wait for the new token, and the second try, come on top of the time limits of the client
    /// below (reqwest's `timeout`, `grpc-timeout`); a limit for the whole stands above the layer
    /// (`tower::timeout`).
    pub fn replay_clones(self) -> AttachTokenLayer<CloneRequest> {
        self.with_mode(CloneRequest)
    }

    /// The same, for bodies that cannot be cloned, streams among them: up to `max_bytes` of what is
    /// read from one are remembered (shared, not copied), and what is left of it when the refusal
    /// comes is sent after that. If more had been read by then, the request is not sent again. A
    /// first request that is still being sent then is aborted.
    ///
    /// `wrap` makes the client's body type of a [`BufferedBody`]: `tonic::body::Body::new`,
    /// `reqwest::Body::wrap`, `axum::body::Body::new`. It costs a few small allocations for each
    /// request.
    pub fn replay_buffered<B, F>(self, max_bytes: usize, wrap: F) -> AttachTokenLayer<BufferBody<F>>
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
