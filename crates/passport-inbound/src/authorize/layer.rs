use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use tower_layer::Layer;

use super::{Require, Requirement};
use crate::{Rejection, response::rejection_config::RejectionConfig};

/// A layer that rejects callers that do not meet a [`Requirement`].
///
/// Put it inside of an [`AuthenticateLayer`](crate::AuthenticateLayer): in axum, apply it to the
/// handler, as below, so that it stays with its route: `.route_layer` does not guard routes that
/// are added after it. Or give that one the requirement
/// ([`AuthenticateLayer::require`](crate::AuthenticateLayer::require)), and the order cannot be
/// wrong. Other callers get 403, or `PERMISSION_DENIED` on gRPC, with the requirement.
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
    /// Creates a layer that checks `requirement`.
    pub fn new(requirement: Requirement) -> Self {
        Self { requirement, rejections: RejectionConfig::default() }
    }

    /// Omits the requirement from responses. See
    /// [`AuthenticateLayer::without_error_details`](crate::AuthenticateLayer::without_error_details), whose settings hold here
    /// where this layer has none.
    pub fn without_error_details(mut self) -> Self {
        self.rejections.hides_details = true;
        self
    }

    /// Answers in your own words. See
    /// [`AuthenticateLayer::with_rejection_response`](crate::AuthenticateLayer::with_rejection_response).
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

/// Creates a [`RequireLayer`] with [`Requirement::service_account`]: Passport's
/// `[RequireServiceAccount]`.
#[derive(Debug)]
pub enum RequireServiceAccountLayer {}

impl RequireServiceAccountLayer {
    /// Creates the layer.
    #[expect(clippy::new_ret_no_self, reason = "it is a name for one kind of RequireLayer")]
    pub fn new() -> RequireLayer {
        RequireLayer::new(Requirement::service_account())
    }
}
