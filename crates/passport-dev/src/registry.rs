//! Registered identities, their secrets, and revoked tokens. Does no I/O.

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
    /// Whether the identity can authenticate. If false, its secrets and its key are rejected.
    pub(crate) enabled: bool,
    /// The active secrets.
    pub(crate) secrets: Vec<StoredSecret>,
    /// The public key of the identity's assertions. `None` if it can only send a secret.
    pub(crate) key: Option<ClientKey>,
}

impl StoredIdentity {
    /// Adds an active secret with a new id.
    fn add_secret(&mut self, value: String) -> DevSecret {
        let secret = DevSecret { id: random_id("sec-"), value };
        self.secrets.push(StoredSecret { secret: secret.clone(), issued: Vec::new() });
        secret
    }
}

/// An authenticated client, and the id of its credential: of the secret that it sent, or of its
/// key.
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

    /// Returns the value of the secret, which a client sends.
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
    /// The `jti` of each token that was issued for this secret. They are revoked with it.
    issued: Vec<String>,
}

/// The registered identities, the revoked tokens, and the assertions that were used.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// The identities by client id.
    identities: HashMap<String, StoredIdentity>,
    /// The `jti` of each revoked token.
    revoked_tokens: HashSet<String>,
    /// The client id and `jti` of each accepted assertion, which is not accepted again.
    used_assertions: HashSet<(String, String)>,
}

impl Registry {
    /// Adds an identity with one active secret, or replaces the identity with the same client id.
    /// Returns the secret.
    pub(crate) fn add(&mut self, mut identity: StoredIdentity, secret: String) -> DevSecret {
        let secret = identity.add_secret(secret);
        self.identities.insert(identity.client_id.clone(), identity);
        secret
    }

    /// Returns the identity with `client_id`.
    pub(crate) fn get(&self, client_id: &str) -> Option<&StoredIdentity> {
        self.identities.get(client_id)
    }

    /// Authenticates a client with a secret. Returns `None` if the client is unknown or disabled,
    /// or if `secret` is not one of its active secrets.
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

    /// Records the use of the assertion `jti`. Returns whether it is the first use: an assertion is
    /// accepted once.
    pub(crate) fn record_assertion(&mut self, client_id: &str, jti: &str) -> bool {
        self.used_assertions.insert((client_id.to_owned(), jti.to_owned()))
    }

    /// Records that the token `jti` was issued for a secret, so that it is revoked with the secret.
    pub(crate) fn record_issued(&mut self, client_id: &str, secret_id: &str, jti: &str) {
        let secrets = self.identities.get_mut(client_id).map(|identity| &mut identity.secrets);
        if let Some(secret) = secrets.into_iter().flatten().find(|stored| stored.secret.id == secret_id) {
            secret.issued.push(jti.to_owned());
        }
    }

    /// Adds another active secret to an identity. Returns `None` if there is no such identity.
    pub(crate) fn generate_secret(&mut self, client_id: &str) -> Option<DevSecret> {
        self.identities.get_mut(client_id).map(|identity| identity.add_secret(random_secret()))
    }

    /// Removes a secret and revokes each token that was issued for it.
    pub(crate) fn revoke_secret(&mut self, client_id: &str, secret_id: &str) {
        let Some(identity) = self.identities.get_mut(client_id) else {
            return;
        };
        let revoked = identity.secrets.extract_if(.., |stored| stored.secret.id == secret_id);
        self.revoked_tokens.extend(revoked.flat_map(|secret| secret.issued));
    }

    /// Enables or disables an identity. Disabling also revokes the tokens that were issued for its
    /// secrets. They stay revoked when it is enabled again.
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

    /// Replaces the roles of the identity's new tokens.
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

/// Returns `prefix` and 24 random hexadecimal digits, as many as in the ids of Passport's
/// samples.
pub(crate) fn random_id(prefix: &str) -> String {
    let mut random = [0; 12];
    rand::fill(&mut random).expect("the operating system provides randomness");
    format!("{prefix}{}", Hex(&random))
}
