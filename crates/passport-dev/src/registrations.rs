//! The managed identities that the program registers when it starts, and the users whose tokens
//! it prints.

use std::{collections::BTreeMap, path::Path};

use config::{Config, ConfigError, File};
use passport_dev::{DevIdentity, DevIdentityBuilder, DevPassport, TestJwtBuilder};
use serde::Deserialize;

/// The content of the file that `--identities` names. The extension of the file (`.toml`,
/// `.json`, `.yaml`) determines the format.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Registrations {
    /// The managed identities by name.
    pub(crate) identities: BTreeMap<String, IdentityRegistration>,
    /// The users by id (`sub`).
    pub(crate) users: BTreeMap<String, UserRegistration>,
}

/// A managed identity. The name of the identity is its key in the table `identities`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct IdentityRegistration {
    /// The client secret. Defaults to a random secret.
    pub(crate) secret: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) tenant: Option<String>,
}

/// A user. The `sub` of the user's tokens is the key in the table `users`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UserRegistration {
    roles: Vec<String>,
    permissions: Vec<String>,
    tenant: Option<String>,
}

impl Registrations {
    /// Reads and parses the file at `path`.
    ///
    /// # Errors
    /// Returns a [`ConfigError`] if the file
    ///
    /// - cannot be read or parsed;
    /// - has an unknown key, or a value of a wrong type;
    /// - has no identity.
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let in_file = |problem: &str| ConfigError::Message(format!("{}: {problem}", path.display()));
        let config = Config::builder().add_source(File::from(path)).build()?;
        let read: Self = config.try_deserialize().map_err(|error| in_file(&error.to_string()))?;
        if read.identities.is_empty() {
            return Err(in_file("no identities; add a table [identities.NAME]"));
        }
        Ok(read)
    }

    /// Registers all identities at `passport`, in the order of their names. Returns the registered
    /// identities.
    pub(crate) fn register(&self, passport: &DevPassport) -> Vec<DevIdentity> {
        let register = |(name, identity): (&String, &IdentityRegistration)| identity.register(passport, name);
        self.identities.iter().map(register).collect()
    }
}

impl IdentityRegistration {
    /// Registers the identity `name` at `passport`.
    fn register(&self, passport: &DevPassport, name: &str) -> DevIdentity {
        let builder = self.roles.iter().fold(passport.managed_identity(name), DevIdentityBuilder::role);
        let builder = self.secret.iter().fold(builder, DevIdentityBuilder::secret);
        self.tenant.iter().fold(builder, DevIdentityBuilder::tenant).create()
    }
}

impl std::fmt::Debug for IdentityRegistration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityRegistration").field("roles", &self.roles).finish_non_exhaustive()
    }
}

impl UserRegistration {
    /// Creates a user with `roles`, without permissions, of the default tenant.
    pub(crate) fn with_roles(roles: &[&str]) -> Self {
        Self { roles: roles.iter().map(|&role| role.to_owned()).collect(), ..Self::default() }
    }

    /// Returns a token of this user with the `sub` `id`, issued by `passport`.
    pub(crate) fn token(&self, passport: &DevPassport, id: &str) -> String {
        let token = self.roles.iter().fold(passport.user_token(id), TestJwtBuilder::role);
        let token = self.permissions.iter().fold(token, TestJwtBuilder::permission);
        self.tenant.iter().fold(token, |token, tenant| token.tenant(tenant)).build()
    }
}

#[cfg(test)]
mod tests;
