//! The handle of a running dev Passport.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use http::{HeaderValue, header::InvalidHeaderValue};
use serde_json::Value;
use tokio::{
    runtime::Handle,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    Counters, DevIdentity, DevIdentityBuilder, DevPassportBuilder, Endpoint, EventReceiver, Fault,
    InvalidReceiverUri, InvalidToken, LogoutDelivery, StartError, TestJwtBuilder,
    events::{LogoutReceiver, SecurityEvent, receiver_uri},
    jwt::{own_claims, sign_statement, token_id},
    keys::RsaSigningKey,
    logout,
    push::push_sets,
    server_state::ServerState,
    transmitter::{transmit, transmit_token},
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
    /// The runtime that started the server.
    pub(crate) runtime: Handle,
    /// One task for each receiver to which events are pushed.
    pub(crate) pushes: Mutex<JoinSet<()>>,
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

    /// Returns a builder of a valid access token of the user `user_id` (`sub`). If the user has a
    /// [session](Self::start_session), the token has the session id (`sid`) and the tenant of the
    /// newest session.
    ///
    /// Logging out the user revokes the token. A token whose `jti` is changed or removed is revoked
    /// only by [`revoke_token`](Self::revoke_token).
    pub fn user_token(&self, user_id: &str) -> TestJwtBuilder {
        let token = TestJwtBuilder::for_user(&self.state, user_id);
        match self.state.registry().record_user_token(user_id, token.jti()) {
            Some(session) => token.tenant(&session.tenant_id).claim("sid", session.id),
            None => token,
        }
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

    /// Returns a JWT with exactly the given `typ` and `claims`, signed with RS256 by the key that
    /// signs tokens. Use this for SETs and logout tokens that a receiver must reject.
    #[must_use]
    pub fn sign_statement(&self, typ: &str, claims: &Value) -> String {
        sign_statement(&self.state, typ, claims)
    }

    /// Stops listening, waits up to 5 s for running requests, and closes all connections.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(());
        let _ = (&mut self.server).await;
    }
}

/// Revocation, sessions, and the receivers of events and of logout tokens.
impl DevPassport {
    /// Revokes `token`: introspection reports it as inactive. Has no effect if this Passport has
    /// not signed the token. Receivers get no event about a single token.
    pub fn revoke_token(&self, token: &str) {
        if let Some(claims) = own_claims(&self.state, token) {
            self.state.registry().revoke_token(token_id(token, &claims));
        }
    }

    /// Starts a session of the user `user_id` in the tenant `tenant_id`, and returns the session id
    /// (`sid`). Tokens that [`user_token`](Self::user_token) returns later belong to this session.
    #[must_use]
    pub fn start_session(&self, user_id: &str, tenant_id: &str) -> String {
        self.state.registry().start_session(user_id, tenant_id).id
    }

    /// Ends all sessions of the user `user_id`, and revokes the user's tokens. Receivers of events
    /// get the CAEP event `session-revoked` with the user as its subject. Receivers of logout
    /// tokens get a logout token without a `sid`. Returns the results of sending the logout tokens,
    /// in the order of the receivers' registration.
    ///
    /// # Cancel safety
    /// If the future is dropped, the sessions have ended and the event is queued, but some
    /// receivers may not have got the logout token.
    pub async fn log_out_user(&self, user_id: &str) -> Vec<LogoutDelivery> {
        self.state.registry().log_out_user(user_id);
        transmit(&self.state, &SecurityEvent::UserLoggedOut { user_id: user_id.to_owned() });
        logout::send_logout_tokens(&self.state, user_id, None).await
    }

    /// Ends the session `session_id`, and revokes its tokens, like
    /// [`log_out_user`](Self::log_out_user). The event has a complex subject (user, session and
    /// tenant), and the logout token has the session id (`sid`). Has no effect if there is no such
    /// session.
    ///
    /// # Cancel safety
    /// As for [`log_out_user`](Self::log_out_user).
    pub async fn log_out_session(&self, session_id: &str) -> Vec<LogoutDelivery> {
        let Some(ended) = self.state.registry().log_out_session(session_id) else {
            return Vec::new();
        };
        let user_id = ended.user_id.clone();
        transmit(&self.state, &SecurityEvent::SessionRevoked(ended));
        logout::send_logout_tokens(&self.state, &user_id, Some(session_id)).await
    }

    /// Registers a receiver of logout tokens ([OpenID Connect Back-Channel Logout
    /// 1.0](https://openid.net/specs/openid-connect-backchannel-1_0.html)). `client_id` is the
    /// `aud` of its logout tokens.
    ///
    /// # Errors
    /// When `uri` is not an absolute `http` or `https` URI.
    pub fn register_logout_receiver(&self, uri: &str, client_id: &str) -> Result<(), InvalidReceiverUri> {
        let receiver = LogoutReceiver { uri: receiver_uri(uri)?, client_id: client_id.to_owned() };
        self.state.receivers().add_logout(receiver);
        Ok(())
    }

    /// Registers a receiver to which SETs with the audience `audience` are pushed
    /// ([RFC 8935](https://www.rfc-editor.org/rfc/rfc8935)), one after the other. If there is no
    /// response within 5 s, or the status is 408, 429 or 5xx, a SET is sent again after 0.1 s and
    /// after 0.5 s. Then it is a [failure](EventReceiver::failures).
    ///
    /// # Errors
    /// When `uri` is not an absolute `http` or `https` URI.
    pub fn register_push_receiver(
        &self,
        uri: &str,
        audience: &str,
    ) -> Result<EventReceiver, InvalidReceiverUri> {
        let uri = receiver_uri(uri)?;
        let outbox = self.state.receivers().add_push(audience);
        let push = push_sets(Arc::clone(&outbox), uri, self.state.transport.clone());
        let mut pushes = self.pushes.lock().unwrap_or_else(PoisonError::into_inner);
        pushes.spawn_on(push, &self.runtime);
        Ok(EventReceiver::new(outbox))
    }

    /// Registers a receiver that polls SETs with the audience `audience`
    /// ([RFC 8936](https://www.rfc-editor.org/rfc/rfc8936)) at `/passport/events/poll`. It
    /// authenticates as `client`, with a secret (Basic) or with an access token (Bearer). Replaces
    /// the receiver of this client, if there is one.
    pub fn register_poll_receiver(&self, client: &DevIdentity, audience: &str) -> EventReceiver {
        EventReceiver::new(self.state.receivers().add_poll(client.client_id(), audience))
    }

    /// Waits until no SET waits for a receiver to which SETs are pushed: each SET was accepted or
    /// is a [failure](EventReceiver::failures). So a test can wait for its events without sleeping.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn events_pushed(&self) {
        let outboxes = self.state.receivers().push_outboxes();
        join_all(outboxes.iter().map(|outbox| outbox.settled())).await;
    }

    /// Sends `token` as a SET to each receiver of events. Does not check `token`, so that a test of
    /// a receiver can send wrong SETs, such as those of [`sign_statement`](Self::sign_statement).
    pub fn transmit_set(&self, token: &str) {
        transmit_token(&self.state, token);
    }

    /// Sends `token` to each receiver of logout tokens. Returns the results, in the order of the
    /// receivers' registration. Does not check `token`, so that a test of a receiver can send wrong
    /// logout tokens, such as those of [`sign_statement`](Self::sign_statement).
    pub async fn send_logout_token(&self, token: &str) -> Vec<LogoutDelivery> {
        logout::send_token(&self.state, token).await
    }
}
