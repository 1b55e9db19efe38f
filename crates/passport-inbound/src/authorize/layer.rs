use bytes::Bytes;
use http::Response;
use tower_layer::Layer;

use super::{Require, Requirement};
use crate::{
    Rejection,
    response::{protocol::Form, rejection_config::RejectionConfig},
};

/// Lets callers pass that satisfy a [`Requirement`], and nobody else.
///
/// Put it inside of an [`AuthenticateLayer`](crate::AuthenticateLayer): in axum, apply it to the
/// handler, as below, so that it stays with its route: `.route_layer` does not guard routes that
/// are added after it. Or give that one the requirement
/// ([`AuthenticateLayer::require`](crate::AuthenticateLayer::require)), and the order cannot be got wrong. Others get 403, or
/// `PERMISSION_DENIED` on gRPC, and are told what they lack.
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
    requirement: Requirement,
    rejections: RejectionConfig,
}

impl RequireLayer {
    /// The guard.
    pub fn new(requirement: Requirement) -> Self {
        Self { requirement, rejections: RejectionConfig::default() }
    }

    /// Does not tell callers what the route demands. See
    /// [`AuthenticateLayer::opaque`](crate::AuthenticateLayer::opaque), whose settings hold here
    /// where this layer has none.
    pub fn opaque(mut self) -> Self {
        self.rejections.is_opaque = true;
        self
    }

    /// Answers in your own words. See [`AuthenticateLayer::respond_with`](crate::AuthenticateLayer::respond_with).
    pub fn respond_with(
        mut self,
        respond: impl Fn(&Rejection, Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.rejections.respond_with(respond);
        self
    }

    /// Refuses in HTTP, whatever the caller's content type. See
    /// [`AuthenticateLayer::http_only`](crate::AuthenticateLayer::http_only).
    pub fn http_only(mut self) -> Self {
        self.rejections.form = Some(Form::Http);
        self
    }

    /// Refuses in gRPC. See [`AuthenticateLayer::grpc_only`](crate::AuthenticateLayer::grpc_only).
    pub fn grpc_only(mut self) -> Self {
        self.rejections.form = Some(Form::Grpc);
        self
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Require::new(inner, self.requirement.clone(), self.rejections.clone())
    }
}

/// Lets managed identities pass and nobody else: Passport's `[RequireServiceAccount]`, and a [`RequireLayer`] with
/// [`Requirement::service_account`].
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct RequireServiceAccountLayer(RequireLayer);

impl RequireServiceAccountLayer {
    /// The guard.
    pub fn new() -> Self {
        Self(RequireLayer::new(Requirement::service_account()))
    }

    /// As [`RequireLayer::opaque`].
    pub fn opaque(self) -> Self {
        Self(self.0.opaque())
    }

    /// As [`RequireLayer::respond_with`].
    pub fn respond_with(
        self,
        respond: impl Fn(&Rejection, Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        Self(self.0.respond_with(respond))
    }

    /// As [`RequireLayer::http_only`].
    pub fn http_only(self) -> Self {
        Self(self.0.http_only())
    }

    /// As [`RequireLayer::grpc_only`].
    pub fn grpc_only(self) -> Self {
        Self(self.0.grpc_only())
    }
}

impl Default for RequireServiceAccountLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for RequireServiceAccountLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Self::Service {
        self.0.layer(inner)
    }
}
