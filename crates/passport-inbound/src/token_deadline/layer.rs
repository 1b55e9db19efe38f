use std::sync::Arc;

use passport_core::{Clock, SystemClock};
use tower_layer::Layer;

use super::TokenDeadline;

/// A layer that ends response bodies when the caller's token has expired, the tolerated clock skew
/// included (by default 60 s after its `exp`): a gRPC stream with `UNAUTHENTICATED`, a stream of
/// server-sent events by its end, any other body by an error, so that a part does not pass for the
/// whole. The client reconnects with a new token.
///
/// Put it inside of an [`AuthenticateLayer`](crate::AuthenticateLayer), around routes that stream;
/// other routes cost a few nanoseconds. Outside of it, each request is rejected with 500, as there
/// is no caller. The body of a response to an anonymous request
/// ([`optional`](crate::AuthenticateLayer::optional)) does not end; nor does a request body, a call
/// whose response has not begun, or a body of known length. A caller that is added to the deny
/// list, or whose key is withdrawn, goes on until the token expires. An open WebSocket has no
/// response body: select on [`IdInfo::expired`](crate::IdInfo::expired) there.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::{Router, routing::get};
/// use passport_inbound::TokenDeadlineLayer;
///
/// let events: Router = Router::new()
///     .route("/events", get(|| async { "data: hello\n\n" }))
///     .route_layer(TokenDeadlineLayer::new()); // and the AuthenticateLayer after it
/// # let _ = events; }
/// ```
///
/// # Panics
/// The body, when it has to wait outside of a tokio runtime with a timer.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct TokenDeadlineLayer {
    pub(super) clock: Arc<dyn Clock>,
}

impl TokenDeadlineLayer {
    /// Creates the layer.
    pub fn new() -> Self {
        Self { clock: Arc::new(SystemClock) }
    }

    /// Reads the time from `clock`, which must be the verifier's. Defaults to the operating
    /// system's.
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
