//! Reads the configuration from a TOML file, and from environment variables that override keys
//! of the file.

mod redaction;
mod secret_check;
mod suggestions;
mod tables;

use std::{collections::BTreeMap, fmt, path::Path};

use config::{Config, Environment, File};
use passport_config::{ManagedIdentitiesConfig, ManagedIdentityConfig, VerifierConfig};
use serde::Deserialize;

pub use self::secret_check::{CheckedSecret, SecretCheck};
pub(crate) use self::tables::{CallerConfig, Listen, ProxyHeaders, UpstreamConfig};
use crate::limits::{Limits, MAX_FORM};

/// The largest allowed value of `validate.max_token_size`, in bytes.
const MAX_TOKEN_SIZE: usize = 64 * 1024;

/// The configuration of a sidecar: the contents of its TOML file, and of the environment
/// variables that override keys of the file. The configuration is not validated yet.
///
/// [`SidecarServer::new`](crate::SidecarServer::new) validates the configuration, and reports
/// all mistakes together. `docs/sidecar.md` in the repository describes the keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SidecarConfig {
    pub(crate) listen: Listen,
    pub(crate) identities: BTreeMap<String, ManagedIdentityConfig>,
    pub(crate) callers: BTreeMap<String, CallerConfig>,
    pub(crate) upstreams: BTreeMap<String, UpstreamConfig>,
    /// The rules by which `/v1/validate` and `/v1/auth` accept a token.
    pub(crate) validate: Option<VerifierConfig>,
    pub(crate) limits: Limits,
}

/// The error of [`SidecarConfig::read`]. Its message contains no value of the configuration,
/// because a value under a wrong key could be a secret.
///
/// `Debug` prints the message, so that a `main` that returns this error shows the message.
#[derive(thiserror::Error)]
#[error("the configuration cannot be read: {0}")]
pub struct ReadError(String);

impl fmt::Debug for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<config::ConfigError> for ReadError {
    fn from(error: config::ConfigError) -> Self {
        Self(redaction::redact(&error))
    }
}

impl SidecarConfig {
    /// Reads a configuration from the TOML file at `path`, and from the environment variables that
    /// override keys of the file. If `path` is `None`, reads only the environment variables.
    ///
    /// The name of a variable is `PASSPORT_SIDECAR` and the path of the key, joined by `__`:
    /// `PASSPORT_SIDECAR__LISTEN__UNIX` sets `unix` of the table `listen`.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, a key is unknown, or a value has the wrong
    /// type.
    pub fn read(path: Option<&Path>) -> Result<Self, ReadError> {
        let mut config = Config::builder();
        if let Some(path) = path {
            config = config.add_source(File::from(path));
        }
        Self::deserialize(config.add_source(environment()).build()?)
    }

    /// Reads a configuration from TOML, without environment variables.
    #[cfg(test)]
    pub(crate) fn from_toml(text: &str) -> Result<Self, ReadError> {
        let source = File::from_str(text, config::FileFormat::Toml);
        Self::deserialize(Config::builder().add_source(source).build()?)
    }

    fn deserialize(config: Config) -> Result<Self, ReadError> {
        let table: BTreeMap<String, config::Value> = config.clone().try_deserialize()?;
        if let Some(problem) = suggestions::misspelled(table.keys().map(String::as_str)) {
            return Err(config::ConfigError::Message(problem).into());
        }
        Ok(config.try_deserialize()?)
    }

    /// Returns whether `listen.admin` is set, so that the sidecar opens the listener for health and
    /// metrics.
    #[must_use]
    pub fn has_admin(&self) -> bool {
        self.listen.admin.is_some()
    }

    /// Returns the size limit of the form of `/v1/validate` in bytes. The limit grows with
    /// `validate.max_token_size`, because the form contains a token.
    pub(crate) fn max_form(&self) -> usize {
        let token = self.validate.as_ref().and_then(VerifierConfig::max_token_size);
        MAX_FORM.max(token.unwrap_or_default().min(MAX_TOKEN_SIZE) + 1024)
    }

    /// Returns the table `identities` as a type of `passport-config`. That type builds the
    /// identities.
    pub(crate) fn identities(&self) -> ManagedIdentitiesConfig {
        ManagedIdentitiesConfig::from(self.identities.clone())
    }
}

/// Returns the configuration source that reads the environment variables.
///
/// The prefix ends with `__`, so that the variables that Kubernetes sets for a Service
/// `passport-sidecar`, such as `PASSPORT_SIDECAR_PORT`, are not read.
fn environment() -> Environment {
    Environment::with_prefix("PASSPORT_SIDECAR").prefix_separator("__").separator("__")
}

#[cfg(test)]
mod tests;
