use tower_layer::Layer;

use super::Authenticate;
use crate::TokenVerifier;

/// Lets only requests with a good token through and tells them who calls. See the [crate's front page](crate).
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct AuthenticateLayer {
    verifier: TokenVerifier,
}

impl AuthenticateLayer {
    /// Verifies tokens with `verifier`.
    pub fn new(verifier: TokenVerifier) -> Self {
        Self { verifier }
    }
}

impl<S> Layer<S> for AuthenticateLayer {
    type Service = Authenticate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticate::new(inner, self.verifier.clone())
    }
}
