use tower_layer::Layer;

use super::{Require, Requirement};

/// Lets managed identities pass and nobody else. Passport's `[RequireServiceAccount]`.
///
/// Put it inside of an [`AuthenticateLayer`](crate::AuthenticateLayer): in axum, apply it with `.route_layer` before
/// `.layer(AuthenticateLayer::new(..))`. A user gets 403, or `PERMISSION_DENIED` on gRPC.
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct RequireServiceAccountLayer {
    _private: (),
}

impl RequireServiceAccountLayer {
    /// The guard.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<S> Layer<S> for RequireServiceAccountLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Require::new(inner, Requirement::ServiceAccount)
    }
}
