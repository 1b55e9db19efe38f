use std::{
    net::SocketAddr,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use http::{HeaderValue, header::InvalidHeaderValue};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    Counters, DevIdentityBuilder, DevPassportBuilder, Endpoint, Fault, Hostile, StartError, TestJwtBuilder,
    keys::SigningKey, server_state::ServerState,
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

    /// Settings before the start.
    pub fn builder() -> DevPassportBuilder {
        DevPassportBuilder::default()
    }

    /// Returns the address that is listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The issuer, for example `http://127.0.0.1:40123`: what its tokens say and where its endpoints are.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.state.issuer()
    }

    /// The audience of its tokens.
    #[must_use]
    pub fn audience(&self) -> &str {
        &self.state.audience
    }

    /// Describes a managed identity named `name`; finish with [`DevIdentityBuilder::create`].
    pub fn managed_identity(&self, name: &str) -> DevIdentityBuilder {
        DevIdentityBuilder::new(Arc::clone(&self.state), name)
    }

    /// A user's access token, complete and valid: `sub` is `user_id`, the rest can be changed.
    pub fn user_token(&self, user_id: &str) -> TestJwtBuilder {
        TestJwtBuilder::for_user(&self.state, user_id)
    }

    /// A token that a resource server must refuse.
    #[must_use]
    pub fn hostile_token(&self, hostile: Hostile) -> String {
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
        let key = SigningKey::generate(kid).await;
        self.state.keys().publish(key);
    }

    /// Takes all keys but the signing one out of the JWKS.
    pub fn retire_old_keys(&self) {
        self.state.keys().retire_all_but_signing();
    }

    /// The key set, as it is published at the moment: for a verifier that takes its keys from a text.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.state.keys().jwks().to_string()
    }

    /// What the key set's `Cache-Control` says. Nothing by default, as nothing is documented of Passport's.
    ///
    /// # Errors
    /// When a header cannot have that value.
    pub fn set_jwks_cache_control(&self, value: &str) -> Result<(), InvalidHeaderValue> {
        let value = HeaderValue::from_str(value)?;
        *self.state.jwks_cache_control.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        Ok(())
    }

    /// What discovery says from now on of how clients prove who they are. All three ways are taken, whatever it says.
    pub fn advertise_client_authentication<M: Into<String>>(&self, methods: impl IntoIterator<Item = M>) {
        let methods = methods.into_iter().map(Into::into).collect();
        *self.state.client_authentication.lock().unwrap_or_else(PoisonError::into_inner) = methods;
    }

    /// Whether new tokens name their key in the header (`kid`). They do by default; Passport's own samples do not.
    pub fn set_kid_in_tokens(&self, kid: bool) {
        self.state.kid_in_tokens.store(kid, Ordering::SeqCst);
    }

    /// How long new tokens last, in whole seconds. 3600 s by default.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.state.token_lifetime_s.store(lifetime.as_secs(), Ordering::SeqCst);
    }

    /// Makes `endpoint` fail until [`DevPassport::heal`].
    pub fn inject(&self, endpoint: Endpoint, fault: Fault) {
        self.state.faults.inject(endpoint, fault);
    }

    /// Ends the fault of `endpoint`.
    pub fn heal(&self, endpoint: Endpoint) {
        self.state.faults.heal(endpoint);
    }

    /// How often each endpoint was asked.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.state.counters
    }

    /// Stops listening, lets running requests finish (5 s at most) and ends.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(());
        let _ = (&mut self.server).await;
    }
}
