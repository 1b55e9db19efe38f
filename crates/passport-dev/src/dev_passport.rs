use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderValue, header::InvalidHeaderValue};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    Counters, DevIdentityBuilder, DevPassportBuilder, Endpoint, Fault, InvalidToken, StartError,
    TestJwtBuilder, keys::RsaSigningKey, server_state::ServerState,
};

/// A running dev Passport. It stops when this is dropped, or at [`DevPassport::shutdown`].
#[derive(Debug)]
pub struct DevPassport {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<ServerState>,
    pub(crate) stop: watch::Sender<()>,
    pub(crate) server: JoinHandle<()>,
}

impl DevPassport {
    /// Starts on a free port of 127.0.0.1, with the defaults of [`DevPassport::builder`].
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Returns the settings of a Passport that is not started yet.
    pub fn builder() -> DevPassportBuilder {
        DevPassportBuilder::default()
    }

    /// Returns the address that is listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the issuer in its tokens, which its endpoints are below: `http://127.0.0.1:40123`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.state.issuer()
    }

    /// Returns the audience of its tokens.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.state.audience
    }

    /// Describes a managed identity named `name`; finish with [`DevIdentityBuilder::create`].
    pub fn managed_identity(&self, name: &str) -> DevIdentityBuilder {
        DevIdentityBuilder::new(Arc::clone(&self.state), name)
    }

    /// Returns a complete and valid access token of a user, whose `sub` is `user_id`.
    pub fn user_token(&self, user_id: &str) -> TestJwtBuilder {
        TestJwtBuilder::for_user(&self.state, user_id)
    }

    /// Returns a token that a resource server must reject.
    #[must_use]
    pub fn invalid_token(&self, hostile: InvalidToken) -> String {
        hostile.mint(self.user_token("user-1"), self.issuer())
    }

    /// Publishes a new signing key and signs with it from now on. The old keys stay published.
    pub async fn rotate_keys(&self) {
        self.publish_next_key().await;
        self.state.keys().sign_with_newest();
    }

    /// Publishes a new signing key without signing with it yet.
    pub async fn publish_next_key(&self) {
        let kid = self.state.keys().next_kid();
        let key = RsaSigningKey::generate(kid).await;
        self.state.keys().publish(key);
    }

    /// Removes all keys except the signing one from the JWKS.
    pub fn retire_old_keys(&self) {
        self.state.keys().retire_all_but_signing();
    }

    /// Returns the published key set, for a verifier with static keys.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.state.keys().jwks().to_string()
    }

    /// Sets the `Cache-Control` of the key set. There is none by default, as none is documented for
    /// Passport.
    ///
    /// # Errors
    /// When `value` is not a header value.
    pub fn set_jwks_cache_control(&self, value: &str) -> Result<(), InvalidHeaderValue> {
        let value = HeaderValue::from_str(value)?;
        self.state.settings().jwks_cache_control = Some(value);
        Ok(())
    }

    /// Sets whether new tokens have a `kid` in their header. They do by default; Passport's own
    /// samples do not.
    pub fn set_kid_in_tokens(&self, kid: bool) {
        self.state.settings().kid_in_tokens = kid;
    }

    /// Sets the lifetime of new tokens, in whole seconds. Defaults to 3600 s.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.state.settings().token_lifetime = lifetime;
    }

    /// Makes `endpoint` fail until [`DevPassport::clear_fault`].
    pub fn inject(&self, endpoint: Endpoint, fault: Fault) {
        self.state.faults().insert(endpoint, fault);
    }

    /// Ends the fault of `endpoint`.
    pub fn clear_fault(&self, endpoint: Endpoint) {
        self.state.faults().remove(&endpoint);
    }

    /// Returns the number of requests to each endpoint.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.state.counters
    }

    /// Stops listening, and waits for running requests for 5 s at most.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(());
        let _ = (&mut self.server).await;
    }
}
