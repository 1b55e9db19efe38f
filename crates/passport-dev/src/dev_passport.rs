//! The handle of a running dev Passport.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, header::InvalidHeaderValue};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    Counters, DevIdentityBuilder, DevPassportBuilder, Endpoint, Fault, InvalidToken, StartError,
    TestJwtBuilder, keys::RsaSigningKey, server_state::ServerState,
};

/// A running dev Passport. The server stops when this value is dropped, or when
/// [`DevPassport::shutdown`] is called.
///
/// The server runs in tasks on the tokio runtime that started it.
#[derive(Debug)]
pub struct DevPassport {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<ServerState>,
    pub(crate) stop: watch::Sender<()>,
    pub(crate) server: JoinHandle<()>,
}

impl DevPassport {
    /// Starts a dev Passport on a free port of 127.0.0.1, with the defaults of
    /// [`DevPassport::builder`].
    ///
    /// # Errors
    /// Returns [`StartError::Bind`] if no port can be bound.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> DevPassportBuilder {
        DevPassportBuilder::default()
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the issuer (`iss`) of the tokens, for example `http://127.0.0.1:40123`. The issuer
    /// is also the base URL of the endpoints.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.state.issuer()
    }

    /// Returns the audience (`aud`) of the tokens.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.state.audience
    }

    /// Returns a builder of a managed identity named `name`. [`DevIdentityBuilder::create`]
    /// registers the identity.
    pub fn managed_identity(&self, name: &str) -> DevIdentityBuilder {
        DevIdentityBuilder::new(Arc::clone(&self.state), name)
    }

    /// Returns a builder of a valid access token of the user `user_id` (`sub`).
    pub fn user_token(&self, user_id: &str) -> TestJwtBuilder {
        TestJwtBuilder::for_user(&self.state, user_id)
    }

    /// Returns a token of `user-1` with the defect `kind`. A resource server must reject this
    /// token.
    #[must_use]
    pub fn invalid_token(&self, kind: InvalidToken) -> String {
        kind.derive_from(self.user_token("user-1"), self.issuer())
    }

    /// Publishes a new signing key, and signs new tokens with the new key. The old keys stay in the
    /// JWKS.
    pub async fn rotate_keys(&self) {
        self.publish_next_key().await;
        self.state.keys().sign_with_newest();
    }

    /// Adds a new signing key to the JWKS. New tokens are still signed with the current key.
    pub async fn publish_next_key(&self) {
        let kid = self.state.keys().next_kid();
        let key = RsaSigningKey::generate(kid).await;
        self.state.keys().publish(key);
    }

    /// Removes all keys from the JWKS except the key that signs new tokens. A verifier that fetches
    /// the JWKS then rejects tokens that were signed with a removed key.
    pub fn retire_old_keys(&self) {
        self.state.keys().retire_all_but_signing();
    }

    /// Returns the published keys as a JWKS (JSON), for a verifier with static keys.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.state.keys().jwks().to_string()
    }

    /// Sets the `Cache-Control` header of the JWKS response. By default, the response has no such
    /// header, because Passport documents none.
    ///
    /// # Errors
    /// Returns [`InvalidHeaderValue`] if `value` has characters that a header cannot have.
    pub fn set_jwks_cache_control(&self, value: &str) -> Result<(), InvalidHeaderValue> {
        let value = HeaderValue::from_str(value)?;
        self.state.settings().jwks_cache_control = Some(value);
        Ok(())
    }

    /// Sets whether the JOSE header of new tokens has a key id (`kid`). Defaults to true. The
    /// tokens in Passport's documentation have no `kid`. For a token without a `kid`, a verifier
    /// tries all keys.
    pub fn set_kid_in_tokens(&self, kid: bool) {
        self.state.settings().kid_in_tokens = kid;
    }

    /// Sets the lifetime of new tokens. Fractions of a second are ignored. Defaults to 3600 s.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.state.settings().token_lifetime = lifetime;
    }

    /// Makes each response of `endpoint` fail with `fault`, until [`DevPassport::clear_fault`] is
    /// called. Replaces the current fault of `endpoint`.
    pub fn inject(&self, endpoint: Endpoint, fault: Fault) {
        self.state.faults().insert(endpoint, fault);
    }

    /// Removes the fault of `endpoint`. The endpoint then responds normally again.
    pub fn clear_fault(&self, endpoint: Endpoint) {
        self.state.faults().remove(&endpoint);
    }

    /// Returns the counters of requests to each endpoint.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.state.counters
    }

    /// Stops listening, waits up to 5 s for running requests, and closes all connections.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(());
        let _ = (&mut self.server).await;
    }
}
