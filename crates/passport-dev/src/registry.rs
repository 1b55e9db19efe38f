//! The registered identities with their secrets, and the revoked tokens. Does no I/O.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use aws_lc_rs::{constant_time, rand};
use passport_core::Hex;

use crate::client_key::ClientKey;

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
    pub(crate) secrets: Vec<StoredSecret>,
    /// The public key that verifies the identity's assertions. `None` if the identity can
    /// authenticate only with a secret.
    pub(crate) key: Option<ClientKey>,
}

impl StoredIdentity {
    /// Adds an active secret with the given value and a new id. Returns the secret.
    fn add_secret(&mut self, value: String) -> DevSecret {
        let secret = DevSecret { id: random_id("sec-"), value };
        self.secrets.push(StoredSecret { secret: secret.clone(), issued: Vec::new() });
        secret
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

/// An active secret and the tokens that were issued for it.
#[derive(Clone, Debug)]
pub(crate) struct StoredSecret {
    secret: DevSecret,
    /// The `jti` of each token that was issued for this secret. Revoking the secret revokes these
    /// tokens.
    issued: Vec<String>,
}

/// The registered identities, the revoked tokens, and the assertions that clients have used.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// The identities by client id.
    identities: HashMap<String, StoredIdentity>,
    /// The `jti` of each revoked token.
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
            constant_time::verify_slices_are_equal(stored.secret.value.as_bytes(), secret.as_bytes()).is_ok()
        })?;
        Some(AuthenticatedClient {
            client_id: identity.client_id.clone(),
            secret_id: stored.secret.id.clone(),
        })
    }

    /// Stores that the client `client_id` has used the assertion `jti`. Returns true for the first
    /// use, and false for each later use, which must be rejected.
    pub(crate) fn record_assertion(&mut self, client_id: &str, jti: &str) -> bool {
        self.used_assertions.insert((client_id.to_owned(), jti.to_owned()))
    }

    /// Stores that the token `jti` was issued for a secret, so that revoking the secret revokes the
    /// token. Has no effect if there is no such secret.
    pub(crate) fn record_issued(&mut self, client_id: &str, secret_id: &str, jti: &str) {
        let secrets = self.identities.get_mut(client_id).map(|identity| &mut identity.secrets);
        if let Some(secret) = secrets.into_iter().flatten().find(|stored| stored.secret.id == secret_id) {
            secret.issued.push(jti.to_owned());
        }
    }

    /// Adds an active secret with a random value to an identity, and returns the new secret.
    /// Returns `None` if no identity has this `client_id`.
    pub(crate) fn generate_secret(&mut self, client_id: &str) -> Option<DevSecret> {
        self.identities.get_mut(client_id).map(|identity| identity.add_secret(random_secret()))
    }

    /// Removes a secret, and revokes each token that was issued for this secret. Has no effect if
    /// there is no such secret.
    pub(crate) fn revoke_secret(&mut self, client_id: &str, secret_id: &str) {
        let Some(identity) = self.identities.get_mut(client_id) else {
            return;
        };
        let revoked = identity.secrets.extract_if(.., |stored| stored.secret.id == secret_id);
        self.revoked_tokens.extend(revoked.flat_map(|secret| secret.issued));
    }

    /// Enables or disables an identity. Disabling also revokes the tokens that were issued for the
    /// secrets of the identity. These tokens stay revoked when the identity is enabled again.
    pub(crate) fn set_enabled(&mut self, client_id: &str, enabled: bool) {
        let Some(identity) = self.identities.get_mut(client_id) else {
            return;
        };
        identity.enabled = enabled;
        if !enabled {
            let issued = identity.secrets.iter_mut().flat_map(|secret| secret.issued.drain(..));
            self.revoked_tokens.extend(issued);
        }
    }

    /// Sets the roles of the identity's new tokens, and removes the previous roles.
    pub(crate) fn set_roles(&mut self, client_id: &str, roles: Vec<String>) {
        if let Some(identity) = self.identities.get_mut(client_id) {
            identity.roles = roles;
        }
    }

    /// Returns whether the token `jti` was revoked.
    pub(crate) fn is_revoked(&self, jti: &str) -> bool {
        self.revoked_tokens.contains(jti)
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
