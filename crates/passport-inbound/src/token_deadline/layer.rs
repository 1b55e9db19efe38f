//! The layer that ends response bodies when the token expires or is revoked.

use std::sync::Arc;

use passport_core::{Clock, SystemClock};
use tower_layer::Layer;

use super::TokenDeadline;

/// A layer that ends response bodies when the caller's token expires or is revoked, so that the
/// client has to reconnect with a new token.
///
/// The deadline is `exp` plus the verifier's clock skew, by default 60 s. If the verifier has a
/// [deny list](crate::TokenVerifierBuilder::deny_list) that denies the caller before, the deadline
/// is that moment. If the issuer's [`IntrospectionMode`](crate::IntrospectionMode) or a requirement
/// needs its answer, a stream also ends when the issuer says that the token is not active, or gives
/// no answer for twice the maximum age of an answer. What happens at the deadline depends on the
/// body:
///
/// - A gRPC stream ends with `UNAUTHENTICATED`.
/// - A stream of server-sent events ends.
/// - Any other body fails with an error, so that a client does not treat a truncated body as
///   complete.
///
/// Apply this layer inside an [`AuthenticateLayer`](crate::AuthenticateLayer), around routes
/// that stream. On other routes it costs a few nanoseconds. Without an `AuthenticateLayer`,
/// every request is rejected with 500.
///
/// The layer does not end these:
///
/// - the response to an anonymous request (see
///   [`optional`](crate::AuthenticateLayer::optional));
/// - a response body of known length;
/// - a request body;
/// - a call whose response has not begun: the deadline applies when it begins;
/// - an open stream when [`reject_if`](crate::TokenVerifierBuilder::reject_if) starts to reject
///   the caller, or when the signing key of the token is withdrawn: the stream continues until
///   the token expires;
/// - a WebSocket, which has no response body: use [`IdInfo::expired`](crate::IdInfo::expired).
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::{Router, routing::get};
/// use passport_inbound::TokenDeadlineLayer;
///
/// let events: Router = Router::new()
///     .route("/events", get(|| async { "data: hello\n\n" }))
///     .route_layer(TokenDeadlineLayer::new()); // apply the AuthenticateLayer after it
/// # let _ = events; }
/// ```
///
/// # Panics
/// The response body panics if it has to wait outside a tokio runtime with an enabled timer.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct TokenDeadlineLayer {
    pub(super) clock: Arc<dyn Clock>,
}

impl TokenDeadlineLayer {
    /// Creates a layer with the clock of the operating system.
    pub fn new() -> Self {
        Self { clock: Arc::new(SystemClock) }
    }

    /// Sets the clock that decides when a token has expired. Use the same clock as the verifier.
    /// Defaults to the clock of the operating system.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }
}

impl Default for TokenDeadlineLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for TokenDeadlineLayer {
    type Service = TokenDeadline<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TokenDeadline { inner, layer: self.clone() }
    }
}
