use std::sync::Arc;

use passport_core::{Clock, SystemClock};
use tower_layer::Layer;

use super::EndStreams;
use crate::response::rejection_config::RejectionConfig;

/// Ends what is still being sent when the caller's token has expired, with what the verifier grants clocks (by default 60 s after its
/// `exp`): a gRPC stream with `UNAUTHENTICATED`, a stream of server-sent events by its end, any other body by an error, as half of
/// it is not to pass for the whole. The client comes again, with a token that is good.
///
/// Put it inside of an [`AuthenticateLayer`](crate::AuthenticateLayer), around routes that stream; others it costs a few
/// nanoseconds. Outside of it, it would know no caller: each request is answered with 500 then, as by a guard. A body of which the
/// caller is not known ([`optional`](crate::AuthenticateLayer::optional)) is left alone; so is what a caller still sends, a call
/// whose response has not begun, and a body that is there as a whole. A caller who comes onto the deny list meanwhile, or whose key
/// is withdrawn, goes on until the token expires. A WebSocket is no body any more once it stands: there, select on
/// [`IdInfo::until_expiry`](crate::IdInfo::until_expiry).
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::{Router, routing::get};
/// use passport_inbound::EndStreamsLayer;
///
/// let events: Router = Router::new()
///     .route("/events", get(|| async { "data: hello\n\n" }))
///     .route_layer(EndStreamsLayer::new()); // and the AuthenticateLayer after it
/// # let _ = events; }
/// ```
///
/// # Panics
/// The body, when it has to wait outside of a tokio runtime with a timer.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct EndStreamsLayer {
    clock: Arc<dyn Clock>,
    rejections: RejectionConfig,
}

impl EndStreamsLayer {
    /// The layer.
    pub fn new() -> Self {
        Self { clock: Arc::new(SystemClock), rejections: RejectionConfig::default() }
    }

    /// Reads the time from `clock`, which is to be the verifier's. Defaults to the operating system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Refuses in HTTP, whatever the caller's content type. See
    /// [`AuthenticateLayer::http_only`](crate::AuthenticateLayer::http_only).
    pub fn http_only(mut self) -> Self {
        self.rejections.http_only();
        self
    }

    /// Refuses in gRPC. See [`AuthenticateLayer::grpc_only`](crate::AuthenticateLayer::grpc_only).
    pub fn grpc_only(mut self) -> Self {
        self.rejections.grpc_only();
        self
    }
}

impl Default for EndStreamsLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for EndStreamsLayer {
    type Service = EndStreams<S>;

    fn layer(&self, inner: S) -> Self::Service {
        EndStreams::new(inner, Arc::clone(&self.clock), self.rejections.clone())
    }
}
