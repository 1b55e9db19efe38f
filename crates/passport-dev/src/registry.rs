//! What this Passport knows: identities, their secrets, and the tokens it has revoked. Plain data, no I/O.

use std::collections::{HashMap, HashSet};

use aws_lc_rs::{constant_time, rand};
use passport_core::Hex;

use crate::client_key::ClientKey;

/// A managed identity as the registry keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) managed_identity_id: String,
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) tenant_id: String,
    pub(crate) roles: Vec<String>,
    pub(crate) enabled: bool,
    pub(crate) secrets: Vec<StoredSecret>,
    /// What it may sign assertions with, in place of a secret.
    pub(crate) key: Option<ClientKey>,
}

/// An authenticated client, and which of its secrets it has shown.
pub(crate) struct Client {
    pub(crate) client_id: String,
    pub(crate) secret_id: String,
}

#[derive(Clone)]
pub(crate) struct StoredSecret {
    pub(crate) secret_id: String,
    value: String,
    /// The `jti` of each token that was got with it, so that revoking the secret revokes them.
    issued: Vec<String>,
}

impl StoredSecret {
    /// A new secret, and what is shown of it once.
    fn new(value: String) -> (Self, (String, String)) {
        let secret = Self { secret_id: random_id("sec-"), value, issued: Vec::new() };
        let shown = (secret.secret_id.clone(), secret.value.clone());
        (secret, shown)
    }
}

impl std::fmt::Debug for StoredSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredSecret").field("secret_id", &self.secret_id).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// By client id.
    identities: HashMap<String, Identity>,
    revoked_tokens: HashSet<String>,
    /// Client id and `jti` of each assertion that was accepted.
    used_assertions: HashSet<(String, String)>,
}

impl Registry {
    /// Adds an identity with one secret: the secret's id and its value.
    pub(crate) fn add(&mut self, mut identity: Identity, secret: String) -> (String, String) {
        let (secret, shown) = StoredSecret::new(secret);
        identity.secrets.push(secret);
        self.identities.insert(identity.client_id.clone(), identity);
        shown
    }

    pub(crate) fn get(&self, client_id: &str) -> Option<&Identity> {
        self.identities.get(client_id)
    }

    /// Returns the client of the enabled identity that `secret` belongs to.
    pub(crate) fn authenticate(&self, client_id: &str, secret: &str) -> Option<Client> {
        let identity = self.identities.get(client_id).filter(|identity| identity.enabled)?;
        let stored = identity.secrets.iter().find(|stored| {
            constant_time::verify_slices_are_equal(stored.value.as_bytes(), secret.as_bytes()).is_ok()
        })?;
        Some(Client { client_id: identity.client_id.clone(), secret_id: stored.secret_id.clone() })
    }

    /// Whether this assertion was not used before; it is by now.
    pub(crate) fn is_first_use(&mut self, client_id: &str, jti: &str) -> bool {
        self.used_assertions.insert((client_id.to_owned(), jti.to_owned()))
    }

    pub(crate) fn note_issued(&mut self, client_id: &str, secret_id: &str, jti: &str) {
        let secrets = self.identities.get_mut(client_id).map(|identity| &mut identity.secrets);
        if let Some(secret) = secrets.into_iter().flatten().find(|secret| secret.secret_id == secret_id) {
            secret.issued.push(jti.to_owned());
        }
    }

    /// Another active secret for `client_id`: its id and its value.
    pub(crate) fn generate_secret(&mut self, client_id: &str) -> Option<(String, String)> {
        let identity = self.identities.get_mut(client_id)?;
        let (secret, shown) = StoredSecret::new(random_secret());
        identity.secrets.push(secret);
        Some(shown)
    }

    /// Forgets a secret and revokes every token that was got with it.
    pub(crate) fn revoke_secret(&mut self, client_id: &str, secret_id: &str) {
        let Some(identity) = self.identities.get_mut(client_id) else {
            return;
        };
        let revoked = identity.secrets.extract_if(.., |secret| secret.secret_id == secret_id);
        self.revoked_tokens.extend(revoked.flat_map(|secret| secret.issued));
    }

    /// Disabling revokes every token of the identity; enabling brings none of them back.
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

    pub(crate) fn set_roles(&mut self, client_id: &str, roles: Vec<String>) {
        if let Some(identity) = self.identities.get_mut(client_id) {
            identity.roles = roles;
        }
    }

    pub(crate) fn is_revoked(&self, jti: &str) -> bool {
        self.revoked_tokens.contains(jti)
    }
}

pub(crate) fn random_secret() -> String {
    random_id("mics_sk_")
}

/// `prefix` and 24 random hexadecimal digits, the length Passport's own samples have.
pub(crate) fn random_id(prefix: &str) -> String {
    let mut random = [0; 12];
    rand::fill(&mut random).expect("the operating system gives randomness");
    format!("{prefix}{}", Hex(&random))
}
