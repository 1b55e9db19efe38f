//! Managed identities of the dev Passport: the builder, and a registered identity.

use std::{fmt, sync::Arc};

use crate::{
    DevSecret, TestJwtBuilder,
    client_key::{ClientKey, ClientKeyKind},
    events::SecurityEvent,
    registry::{StoredIdentity, random_id, random_secret},
    server_state::ServerState,
    transmitter::transmit,
};

/// A builder of a managed identity. [`DevIdentityBuilder::create`] registers the identity.
#[must_use]
pub struct DevIdentityBuilder {
    state: Arc<ServerState>,
    identity: StoredIdentity,
    secret: String,
    private_key: Option<String>,
}

impl DevIdentityBuilder {
    /// Creates a builder of the identity `name` with the default settings.
    pub(crate) fn new(state: Arc<ServerState>, name: &str) -> Self {
        let identity = StoredIdentity {
            managed_identity_id: random_id("mi-guid-"),
            client_id: format!("mi-{name}-clientid"),
            name: name.to_owned(),
            tenant_id: "tenant-1".to_owned(),
            roles: Vec::new(),
            enabled: true,
            secrets: Vec::new(),
            issued: Vec::new(),
            key: None,
        };
        Self { state, identity, secret: random_secret(), private_key: None }
    }

    /// Adds a role to the identity's tokens. By default, the tokens have no roles.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.identity.roles.push(role.into());
        self
    }

    /// Sets the tenant (`tenant_id`) of the identity's tokens. Defaults to `tenant-1`.
    pub fn tenant(mut self, tenant_id: impl Into<String>) -> Self {
        self.identity.tenant_id = tenant_id.into();
        self
    }

    /// Sets the value of the first client secret. Defaults to a random value.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = secret.into();
        self
    }

    /// Generates a key pair, so that the identity can authenticate with signed assertions
    /// (`private_key_jwt`) instead of its secret. [`DevIdentity::private_key`] returns the private
    /// key. By default, the identity has no key pair.
    pub fn signs_with(mut self, kind: ClientKeyKind) -> Self {
        let (key, private) = ClientKey::generate(kind);
        self.identity.key = Some(key);
        self.private_key = Some(private);
        self
    }

    /// Registers the identity with one active secret. If an identity with the same name is
    /// registered, replaces it, because the client id is derived from the name. The token endpoint
    /// then rejects the secrets of the replaced identity.
    #[must_use]
    pub fn create(self) -> DevIdentity {
        let client_id = self.identity.client_id.clone();
        let managed_identity_id = self.identity.managed_identity_id.clone();
        let first_secret = self.state.registry().add(self.identity, self.secret);
        let private_key = self.private_key.map(Into::into);
        DevIdentity { state: self.state, client_id, managed_identity_id, first_secret, private_key }
    }
}

impl fmt::Debug for DevIdentityBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevIdentityBuilder").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// A managed identity that is registered at the dev Passport. Its methods are the operations of
/// an administrator, such as adding and revoking secrets.
#[derive(Clone)]
pub struct DevIdentity {
    state: Arc<ServerState>,
    client_id: String,
    managed_identity_id: String,
    first_secret: DevSecret,
    private_key: Option<Arc<str>>,
}

impl fmt::Debug for DevIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevIdentity")
            .field("client_id", &self.client_id)
            .field("managed_identity_id", &self.managed_identity_id)
            .finish_non_exhaustive()
    }
}

impl DevIdentity {
    /// Returns the client id, for example `mi-payroll-clientid`. The client id is also the `sub` of
    /// the identity's tokens.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the object id of the identity. It is the claim `managed_identity_id` of the
    /// identity's tokens. Audit logs name the identity by this id.
    #[must_use]
    pub fn managed_identity_id(&self) -> &str {
        &self.managed_identity_id
    }

    /// Returns the first client secret, which [`DevIdentityBuilder::create`] registered.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.first_secret.value()
    }

    /// Returns the private key as PEM (PKCS#8). Returns `None` if
    /// [`DevIdentityBuilder::signs_with`] was not called, so that the identity has no key pair.
    #[must_use]
    pub fn private_key(&self) -> Option<&str> {
        self.private_key.as_deref()
    }

    /// Returns the id of the first client secret, for [`DevIdentity::revoke_secret`].
    #[must_use]
    pub fn secret_id(&self) -> &str {
        self.first_secret.id()
    }

    /// Adds an active client secret with a random value, and returns the new secret. The other
    /// secrets of the identity stay active.
    ///
    /// # Panics
    /// Never: identities are replaced but not removed.
    #[must_use]
    pub fn generate_secret(&self) -> DevSecret {
        let secret = self.state.registry().generate_secret(&self.client_id);
        secret.expect("identities are replaced but never removed")
    }

    /// Revokes the client secret with the id `secret_id`, and the tokens that were issued for this
    /// secret. The token endpoint then rejects the secret, and introspection reports the tokens as
    /// inactive. Receivers of events get the CAEP event `credential-change`. Has no effect if there
    /// is no active secret with this id.
    pub fn revoke_secret(&self, secret_id: &str) {
        if self.state.registry().revoke_secret(&self.client_id, secret_id) {
            let (client_id, secret_id) = (self.client_id.clone(), secret_id.to_owned());
            transmit(&self.state, &SecurityEvent::SecretRevoked { client_id, secret_id });
        }
    }

    /// Disables the identity. The token endpoint then rejects the secrets and the key of the
    /// identity, and introspection reports all its tokens as inactive. Receivers of events get the
    /// RISC event `account-disabled`, unless the identity is already disabled.
    pub fn disable(&self) {
        if self.state.registry().set_enabled(&self.client_id, false) {
            let client_id = self.client_id.clone();
            transmit(&self.state, &SecurityEvent::AccountDisabled { client_id });
        }
    }

    /// Enables the identity after [`disable`](Self::disable). The token endpoint then accepts the
    /// active secrets and the key of the identity again. Revoked tokens stay revoked. Receivers of
    /// events get the RISC event `account-enabled`, unless the identity is already enabled.
    pub fn enable(&self) {
        if self.state.registry().set_enabled(&self.client_id, true) {
            let client_id = self.client_id.clone();
            transmit(&self.state, &SecurityEvent::AccountEnabled { client_id });
        }
    }

    /// Replaces the roles of the identity's new tokens. Tokens that were already issued keep their
    /// roles.
    pub fn set_roles<R: Into<String>>(&self, roles: impl IntoIterator<Item = R>) {
        let roles = roles.into_iter().map(Into::into).collect();
        self.state.registry().set_roles(&self.client_id, roles);
    }

    /// Returns a builder of a token of this identity, for tests that change the token or send it
    /// themselves. If the test does not change the token, it equals a token that the token endpoint
    /// issues for the first secret. If the first secret is revoked, or the identity is disabled,
    /// the token is revoked as well. A token whose `jti` is changed or removed is revoked only by
    /// [`DevPassport::revoke_token`](crate::DevPassport::revoke_token).
    ///
    /// # Panics
    /// Never: identities are replaced but not removed.
    pub fn token(&self) -> TestJwtBuilder {
        let mut registry = self.state.registry();
        let identity = registry.get(&self.client_id).expect("identities are replaced but never removed");
        let token = TestJwtBuilder::for_managed_identity(&self.state, identity);
        registry.record_issued(&self.client_id, self.first_secret.id(), token.jti());
        token
    }
}
