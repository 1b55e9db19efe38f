use std::sync::Arc;

use passport_core::{AccessToken, ClientId, SecretSource};

use crate::{ManagedIdentityBuilder, TokenError, credential::Credential, engine::Engine};

/// A service's own identity at Passport: a client id, the place of its secret, and the token it has now.
///
/// Cheap to clone; clones share the token. Building one does no I/O, so a service starts while Passport is down. Make
/// one for each service that calls: a shared identity can neither be revoked nor audited by service.
#[derive(Clone, Debug)]
pub struct ManagedIdentity {
    engine: Arc<Engine>,
}

impl ManagedIdentity {
    /// An identity for `client_id`, whose secret is at `secret`.
    pub fn builder(client_id: impl Into<String>, secret: SecretSource) -> ManagedIdentityBuilder {
        ManagedIdentityBuilder::new(client_id.into(), secret)
    }

    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine: Arc::new(engine) }
    }

    /// The client id.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.engine.client_id
    }

    /// A token that may be sent now: the kept one, or a new one if there is none.
    ///
    /// Layers do this by themselves; it is for code that speaks to a service in another way.
    ///
    /// # Errors
    /// When there is no live token and none can be had. All callers that wait share one attempt and its error.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the attempt running for the others.
    pub async fn token(&self) -> Result<AccessToken, TokenError> {
        self.engine.token().await
    }

    pub(crate) fn credential(&self) -> Credential {
        self.engine.credential()
    }
}
