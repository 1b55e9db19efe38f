use tower_layer::Layer;

use super::AttachToken;
use crate::{AllowedOrigins, ManagedIdentity};

/// Attaches the token of a [`ManagedIdentity`] to each request. See the [crate's front page](crate).
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct AttachTokenLayer {
    identity: ManagedIdentity,
    origins: AllowedOrigins,
}

impl AttachTokenLayer {
    /// Attaches the token of `identity` to requests that go to `origins`; other requests fail.
    pub fn new(identity: ManagedIdentity, origins: AllowedOrigins) -> Self {
        Self { identity, origins }
    }
}

impl<S> Layer<S> for AttachTokenLayer {
    type Service = AttachToken<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AttachToken::new(inner, self.identity.clone(), self.origins.clone())
    }
}
