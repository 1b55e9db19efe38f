use bytes::Bytes;
use http::Response;
use tower_layer::Layer;

use super::{Require, Requirement};
use crate::{Rejection, respond::Responder};

/// Lets callers pass that satisfy a [`Requirement`], and nobody else.
///
/// Put it inside of an [`AuthenticateLayer`](crate::AuthenticateLayer): in axum, apply it with `.route_layer` before
/// `.layer(AuthenticateLayer::new(..))`; or give that one the requirement
/// ([`AuthenticateLayer::require`](crate::AuthenticateLayer::require)), and the order cannot be got wrong. Others get 403, or
/// `PERMISSION_DENIED` on gRPC, and are told what they lack.
///
/// ```
/// # #[cfg(feature = "axum")] {
/// use axum::{Router, routing::post};
/// use passport_inbound::{RequireLayer, Requirement};
///
/// let router: Router = Router::new()
///     .route("/payroll/run", post(|| async { "done" }))
///     .route_layer(RequireLayer::new(Requirement::role("payroll.admin").and(Requirement::multi_factor())));
/// # let _ = router; }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct RequireLayer {
    requirement: Requirement,
    responder: Responder,
}

impl RequireLayer {
    /// The guard.
    pub fn new(requirement: Requirement) -> Self {
        Self { requirement, responder: Responder::default() }
    }

    /// Does not tell callers what the route demands. See [`AuthenticateLayer::opaque`](crate::AuthenticateLayer::opaque).
    pub fn opaque(mut self) -> Self {
        self.responder.is_opaque = true;
        self
    }

    /// Answers in your own words. See [`AuthenticateLayer::respond_with`](crate::AuthenticateLayer::respond_with).
    pub fn respond_with(
        mut self,
        respond: impl Fn(&Rejection, Response<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        self.responder.respond_with(respond);
        self
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Require::new(inner, self.requirement.clone(), self.responder.clone())
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
