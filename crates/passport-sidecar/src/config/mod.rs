//! The configuration: a TOML file, and environment variables that override it.

mod redaction;
mod secret_check;
mod suggestions;
mod tables;

use std::{collections::BTreeMap, path::Path};

use config::{Config, Environment, File};
use passport_config::{ManagedIdentitiesConfig, ManagedIdentityConfig};
use serde::Deserialize;

pub use self::secret_check::{CheckedSecret, SecretCheck};
pub(crate) use self::tables::{CallerConfig, Listen, ProxyHeaders, UpstreamConfig, ValidateConfig};
use crate::limits::{Limits, MAX_FORM};

/// The largest value of `validate.max_token_size`.
const MAX_TOKEN: usize = 64 * 1024;

/// A configuration as it was read. [`SidecarServer::new`](crate::SidecarServer::new) validates it, and reports
/// every mistake at once.
///
/// `docs/sidecar.md` has its keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SidecarConfig {
    pub(crate) listen: Listen,
    pub(crate) identities: BTreeMap<String, ManagedIdentityConfig>,
    pub(crate) callers: BTreeMap<String, CallerConfig>,
    pub(crate) upstreams: BTreeMap<String, UpstreamConfig>,
    pub(crate) validate: Option<ValidateConfig>,
    pub(crate) limits: Limits,
}

/// A configuration cannot be read. The error shows no value of it.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be read: {0}")]
pub struct ReadError(String);

impl From<config::ConfigError> for ReadError {
    fn from(error: config::ConfigError) -> Self {
        Self(redaction::redact(&error))
    }
}

impl SidecarConfig {
    /// Reads the file at `path`, if any, and the environment variables that override it:
    /// `PASSPORT_SIDECAR__LISTEN__UNIX` is `unix` of the table `listen`.
    ///
    /// # Errors
    /// When the file cannot be read, or a key or the type of a value is not valid.
    pub fn read(path: Option<&Path>) -> Result<Self, ReadError> {
        let mut config = Config::builder();
        if let Some(path) = path {
            config = config.add_source(File::from(path));
        }
        Self::deserialize(config.add_source(environment()).build()?)
    }

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

    /// Whether there is an admin listener, which shows metrics.
    #[must_use]
    pub fn has_admin(&self) -> bool {
        self.listen.admin.is_some()
    }

    /// Returns the bytes of the largest form. That of `/v1/validate` has a token.
    pub(crate) fn max_form(&self) -> usize {
        let token = self.validate.as_ref().and_then(|validate| validate.max_token_size);
        MAX_FORM.max(token.unwrap_or_default().min(MAX_TOKEN) + 1024)
    }

    pub(crate) fn identities(&self) -> ManagedIdentitiesConfig {
        ManagedIdentitiesConfig::from(self.identities.clone())
    }
}

/// Returns the source of environment variables. Kubernetes sets variables for a Service
/// `passport-sidecar` with one `_` after the name, so that they are not read.
fn environment() -> Environment {
    Environment::with_prefix("PASSPORT_SIDECAR").prefix_separator("__").separator("__")
}

#[cfg(test)]
mod tests;
