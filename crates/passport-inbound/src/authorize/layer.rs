//! The layer that authorizes requests, and its settings.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tower_layer::Layer;

use super::{Require, Requirement};
use crate::{Rejection, response::rejection_config::RejectionConfig};

/// A layer that rejects callers that do not meet a [`Requirement`]. The response has the status
/// 403, or `PERMISSION_DENIED` on gRPC, and names the requirement.
///
/// Apply this layer inside an [`AuthenticateLayer`](crate::AuthenticateLayer). Without an
/// `AuthenticateLayer`, every request is rejected with 500.
///
/// In axum, apply this layer to the handler, as below: `.route_layer` does not apply to routes
/// that are added after it. If you use
/// [`AuthenticateLayer::require`](crate::AuthenticateLayer::require) instead, the order of the
/// layers cannot be wrong.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::{Router, routing::post};
/// use passport_inbound::{RequireLayer, Requirement};
///
/// let admins = Requirement::role("payroll.admin").and(Requirement::multi_factor());
/// let router: Router = Router::new()
///     .route("/payroll/run", post(|| async { "done" }).layer(RequireLayer::new(admins)));
/// # let _ = router; }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct RequireLayer {
    pub(super) requirement: Requirement,
    pub(super) rejections: RejectionConfig,
}

impl RequireLayer {
    /// Creates a layer that rejects callers that do not meet `requirement`.
    pub fn new(requirement: Requirement) -> Self {
        Self { requirement, rejections: RejectionConfig::default() }
    }

    /// Omits the unmet requirement from responses. If this method is not called, the
    /// [setting](crate::AuthenticateLayer::without_error_details) of the `AuthenticateLayer`
    /// applies.
    pub fn without_error_details(mut self) -> Self {
        self.rejections.hides_details = true;
        self
    }

    /// Sets a function that changes or replaces the response to a rejected request. Defaults to the
    /// function of the `AuthenticateLayer`, which also lists the rules for such a function
    /// ([`with_rejection_response`](crate::AuthenticateLayer::with_rejection_response)).
    pub fn with_rejection_response(
        mut self,
        respond: impl Fn(&Rejection, Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.rejections.custom = Some(Arc::new(respond));
        self
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Require { inner, layer: self.clone() }
    }
}

/// A name for a [`RequireLayer`] with [`Requirement::service_account`]. It corresponds to the
/// attribute `[RequireServiceAccount]` of Passport's .NET SDK.
#[derive(Debug)]
pub enum RequireServiceAccountLayer {}

impl RequireServiceAccountLayer {
    /// Creates a [`RequireLayer`] that rejects all callers but service accounts
    /// ([`Requirement::service_account`]).
    #[expect(clippy::new_ret_no_self, reason = "it is a name for one kind of RequireLayer")]
    pub fn new() -> RequireLayer {
        RequireLayer::new(Requirement::service_account())
    }
}
