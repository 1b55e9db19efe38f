//! The layer that records audit events.

use std::sync::Arc;

use tower_layer::Layer;

use super::{Audit, AuditSink, event::TracingSink};

/// A layer that records an audit event for each call of a service account and for each rejected
/// request. The layer does not change responses.
///
/// Apply this layer outside the [`AuthenticateLayer`](crate::AuthenticateLayer): in axum, add it
/// after the `AuthenticateLayer`. By default, events are logged with `tracing`, target
/// `passport_inbound::audit`, with the fields of Passport's event `mi.api.call`;
/// `docs/telemetry.md` lists these fields.
///
/// If `request.id_info()?` rejects a request in a tonic service, this is a response of the
/// service, and is not recorded as a rejection.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::{Router, routing::get};
/// use passport_inbound::{AuditLayer, AuthenticateLayer, TokenVerifier};
///
/// # fn main() -> Result<(), passport_inbound::ConfigError> {
/// let verifier = TokenVerifier::builder("bizfirstgo-api").build()?;
/// let api: Router = Router::new()
///     .route("/payroll", get(|| async { "payroll" }))
///     .layer(AuthenticateLayer::new(verifier))
///     .layer(AuditLayer::new());
/// # let _ = api; Ok(()) } main().unwrap(); }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct AuditLayer {
    pub(super) sink: Arc<dyn AuditSink>,
}

impl AuditLayer {
    /// Creates a layer that logs events with `tracing`.
    pub fn new() -> Self {
        Self::with_sink(TracingSink)
    }

    /// Creates a layer that sends events to `sink`. The sink receives an event for each request,
    /// including calls of users and anonymous requests.
    pub fn with_sink(sink: impl AuditSink) -> Self {
        Self { sink: Arc::new(sink) }
    }
}

impl Default for AuditLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Audit { inner, layer: self.clone() }
    }
}
