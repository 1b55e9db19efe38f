use bytes::Bytes;
use http::Response;
use tower_layer::Layer;

use super::{Require, Requirement};
use crate::{Rejection, respond::Responder};

/// Lets managed identities pass and nobody else. Passport's `[RequireServiceAccount]`.
///
/// Put it inside of an [`AuthenticateLayer`](crate::AuthenticateLayer): in axum, apply it with `.route_layer` before
/// `.layer(AuthenticateLayer::new(..))`. A user gets 403, or `PERMISSION_DENIED` on gRPC.
#[derive(Clone, Debug, Default)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct RequireServiceAccountLayer {
    responder: Responder,
}

impl RequireServiceAccountLayer {
    /// The guard.
    pub fn new() -> Self {
        Self::default()
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

impl<S> Layer<S> for RequireServiceAccountLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Require::new(inner, Requirement::ServiceAccount, self.responder.clone())
    }
}
