//! The registered identities with their secrets, the users, and the revoked tokens. Does no I/O.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use aws_lc_rs::{constant_time, rand};
use passport_core::Hex;

use crate::{
    client_key::ClientKey,
    users::{EndedSession, Session, Users},
};

/// The [`AuthenticatedClient::secret_id`] of a client that sent an assertion instead of a
/// secret.
pub(crate) const KEY_ID: &str = "private-key";

/// A registered managed identity.
#[derive(Clone, Debug)]
pub(crate) struct StoredIdentity {
    pub(crate) managed_identity_id: String,
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) tenant_id: String,
    /// The roles of new tokens.
    pub(crate) roles: Vec<String>,
    /// Whether the identity can authenticate. If false, the secrets and the key of the identity are
    /// rejected.
    pub(crate) enabled: bool,
    /// The active secrets.
    pub(crate) secrets: Vec<DevSecret>,
    /// The tokens that were issued for the active secrets and for the key.
    pub(crate) issued: Vec<IssuedToken>,
    /// The public key that verifies the identity's assertions. `None` if the identity can
    /// authenticate only with a secret.
    pub(crate) key: Option<ClientKey>,
}

impl StoredIdentity {
    /// Adds an active secret with the given value and a new id. Returns the secret.
    fn add_secret(&mut self, value: String) -> DevSecret {
        let secret = DevSecret { id: random_id("sec-"), value };
        self.secrets.push(secret.clone());
        secret
    }

    /// Returns whether the identity can get tokens for the credential `secret_id`.
    fn accepts(&self, secret_id: &str) -> bool {
        let is_key = self.key.is_some() && secret_id == KEY_ID;
        self.enabled && (is_key || self.secrets.iter().any(|secret| secret.id == secret_id))
    }
}

/// An authenticated client, and the id of the credential that the client used: the id of a
/// secret, or the id that stands for the key of the client.
pub(crate) struct AuthenticatedClient {
    pub(crate) client_id: String,
    pub(crate) secret_id: String,
}

/// A client secret and its id. `Debug` omits the secret.
#[derive(Clone)]
pub struct DevSecret {
    id: String,
    value: String,
}

impl DevSecret {
    /// Returns the id of the secret, for
    /// [`DevIdentity::revoke_secret`](crate::DevIdentity::revoke_secret).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the value of the secret, which a client sends to the token endpoint.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for DevSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevSecret").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A token that was issued for an identity.
#[derive(Clone, Debug)]
pub(crate) struct IssuedToken {
    jti: String,
    /// The [`AuthenticatedClient::secret_id`] that the token was issued for. Revoking the secret
    /// revokes the token.
    secret_id: String,
}

/// The registered identities, the users, the revoked tokens, and the assertions that clients have
/// used.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// The identities by client id.
    identities: HashMap<String, StoredIdentity>,
    users: Users,
    /// The id of each revoked token, as `jwt::token_id` returns it.
    revoked_tokens: HashSet<String>,
    /// The client id and `jti` of each accepted assertion. An assertion is not accepted again.
    used_assertions: HashSet<(String, String)>,
}

impl Registry {
    /// Adds `identity` with one active secret. If an identity with the same client id is
    /// registered, replaces it. Returns the secret.
    pub(crate) fn add(&mut self, mut identity: StoredIdentity, secret: String) -> DevSecret {
        let secret = identity.add_secret(secret);
        self.identities.insert(identity.client_id.clone(), identity);
        secret
    }

    /// Returns the identity with `client_id`. Returns `None` if no such identity is registered.
    pub(crate) fn get(&self, client_id: &str) -> Option<&StoredIdentity> {
        self.identities.get(client_id)
    }

    /// Authenticates a client with a secret. Returns `None` if the client is unknown or disabled,
    /// or if `secret` is not an active secret of the client.
    pub(crate) fn authenticate(&self, client_id: &str, secret: &str) -> Option<AuthenticatedClient> {
        let identity = self.identities.get(client_id).filter(|identity| identity.enabled)?;
        let stored = identity.secrets.iter().find(|stored| {
            constant_time::verify_slices_are_equal(stored.value.as_bytes(), secret.as_bytes()).is_ok()
        })?;
        Some(AuthenticatedClient { client_id: identity.client_id.clone(), secret_id: stored.id.clone() })
    }

    /// Stores that the client `client_id` has used the assertion `jti`. Returns true for the first
    /// use, and false for each later use, which must be rejected.
    pub(crate) fn record_assertion(&mut self, client_id: &str, jti: &str) -> bool {
        self.used_assertions.insert((client_id.to_owned(), jti.to_owned()))
    }

    /// Stores that the token `jti` was issued for a secret or for the key of a client, so that
    /// revoking the secret or disabling the client revokes the token. If the secret is not active
    /// or the client is disabled, the token is revoked from the beginning.
    pub(crate) fn record_issued(&mut self, client_id: &str, secret_id: &str, jti: &str) {
        let Some(identity) = self.identities.get_mut(client_id) else {
            return;
        };
        if identity.accepts(secret_id) {
            identity.issued.push(IssuedToken { jti: jti.to_owned(), secret_id: secret_id.to_owned() });
        } else {
            self.revoked_tokens.insert(jti.to_owned());
        }
    }

    /// Adds an active secret with a random value to an identity, and returns the new secret.
    /// Returns `None` if no identity has this `client_id`.
    pub(crate) fn generate_secret(&mut self, client_id: &str) -> Option<DevSecret> {
        self.identities.get_mut(client_id).map(|identity| identity.add_secret(random_secret()))
    }

    /// Removes a secret, and revokes each token that was issued for this secret. Returns false if
    /// there is no such secret.
    pub(crate) fn revoke_secret(&mut self, client_id: &str, secret_id: &str) -> bool {
        let Some(identity) = self.identities.get_mut(client_id) else {
            return false;
        };
        let active = identity.secrets.len();
        identity.secrets.retain(|secret| secret.id != secret_id);
        let revoked = identity.issued.extract_if(.., |token| token.secret_id == secret_id);
        self.revoked_tokens.extend(revoked.map(|token| token.jti));
        identity.secrets.len() < active
    }

    /// Enables or disables an identity. Disabling also revokes each token that was issued for the
    /// identity. These tokens stay revoked when the identity is enabled again. Returns false if
    /// nothing has changed.
    pub(crate) fn set_enabled(&mut self, client_id: &str, enabled: bool) -> bool {
        let Some(identity) = self.identities.get_mut(client_id).filter(|other| other.enabled != enabled)
        else {
            return false;
        };
        identity.enabled = enabled;
        if !enabled {
            self.revoked_tokens.extend(identity.issued.drain(..).map(|token| token.jti));
        }
        true
    }

    /// Sets the roles of the identity's new tokens, and removes the previous roles.
    pub(crate) fn set_roles(&mut self, client_id: &str, roles: Vec<String>) {
        if let Some(identity) = self.identities.get_mut(client_id) {
            identity.roles = roles;
        }
    }

    /// Starts a session of a user. Returns the session.
    pub(crate) fn start_session(&mut self, user_id: &str, tenant_id: &str) -> Session {
        let session = Session { id: random_id("ses-"), tenant_id: tenant_id.to_owned() };
        self.users.start_session(user_id, session.clone());
        session
    }

    /// Stores that the token `jti` was issued for a user. Returns the newest session of the user,
    /// to which the token belongs, or `None` if the user has no session.
    pub(crate) fn record_user_token(&mut self, user_id: &str, jti: &str) -> Option<Session> {
        self.users.record_issued(user_id, jti)
    }

    /// Ends all sessions of a user, and revokes each token that was issued for the user.
    pub(crate) fn log_out_user(&mut self, user_id: &str) {
        self.revoked_tokens.extend(self.users.log_out(user_id));
    }

    /// Ends a session, and revokes each token of this session. Returns the session, or `None` if
    /// there is no such session.
    pub(crate) fn log_out_session(&mut self, session_id: &str) -> Option<EndedSession> {
        let (ended, tokens) = self.users.end_session(session_id)?;
        self.revoked_tokens.extend(tokens);
        Some(ended)
    }

    /// Revokes a token. `token_id` is the id that `jwt::token_id` returns.
    pub(crate) fn revoke_token(&mut self, token_id: String) {
        self.revoked_tokens.insert(token_id);
    }

    /// Returns whether a token was revoked. `token_id` is the id that `jwt::token_id` returns.
    pub(crate) fn is_revoked(&self, token_id: &str) -> bool {
        self.revoked_tokens.contains(token_id)
    }
}

/// Returns a random client secret in the format of Passport's secrets.
pub(crate) fn random_secret() -> String {
    random_id("mics_sk_")
}

/// Returns `prefix` followed by 24 random hexadecimal digits. The ids in Passport's samples have
/// as many digits.
pub(crate) fn random_id(prefix: &str) -> String {
    let mut random = [0; 12];
    rand::fill(&mut random).expect("the operating system provides randomness");
    format!("{prefix}{}", Hex(&random))
}

#[cfg(test)]
mod tests;
