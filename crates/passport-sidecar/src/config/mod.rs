//! What a sidecar is told: a file, and the environment over it.

mod build;
mod keys;
mod limits;
mod masked;
mod parts;
mod secrets;

use std::{collections::BTreeMap, path::Path};

use config::{Config, Environment, File};
use passport_outbound::{ManagedIdentitiesConfig, ManagedIdentityConfig};
use serde::Deserialize;

use self::parts::{CallerConfig, UpstreamConfig, ValidateConfig};
pub use self::secrets::{CheckedSecret, SecretCheck};
pub(crate) use self::{
    build::build,
    parts::{Limits, Listen, ProxyHeaders},
};
use crate::router::MAX_FORM;

/// The most that `validate.max_token_size` may be.
const MAX_TOKEN: usize = 64 * 1024;

/// The configuration, as it was read. It is judged by [`Sidecar::new`](crate::Sidecar::new), which tells every mistake at once.
///
/// `docs/sidecar.md` has its keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SidecarConfig {
    #[serde(default)]
    pub(crate) listen: Listen,
    #[serde(default)]
    identities: BTreeMap<String, ManagedIdentityConfig>,
    #[serde(default)]
    callers: BTreeMap<String, CallerConfig>,
    #[serde(default)]
    upstreams: BTreeMap<String, UpstreamConfig>,
    validate: Option<ValidateConfig>,
    #[serde(default)]
    pub(crate) limits: Limits,
}

/// A configuration that cannot be read. No value of the configuration is in it.
#[derive(Debug, thiserror::Error)]
#[error("the configuration cannot be read: {0}")]
pub struct ReadError(String);

impl From<config::ConfigError> for ReadError {
    fn from(error: config::ConfigError) -> Self {
        Self(masked::masked(&error))
    }
}

impl SidecarConfig {
    /// Reads the file at `path`, if there is one, and variables of the environment over it: `PASSPORT_SIDECAR__LISTEN__UNIX` is
    /// `unix` of the table `listen`.
    ///
    /// # Errors
    /// When the file cannot be read, or what stands there is of another form.
    pub fn read(path: Option<&Path>) -> Result<Self, ReadError> {
        let mut config = Config::builder();
        if let Some(path) = path {
            config = config.add_source(File::from(path));
        }
        Self::of(config.add_source(environment()).build()?)
    }

    fn of(config: Config) -> Result<Self, ReadError> {
        let table: BTreeMap<String, config::Value> = config.clone().try_deserialize()?;
        if let Some(problem) = keys::misspelled(table.keys().map(String::as_str)) {
            return Err(config::ConfigError::Message(problem).into());
        }
        Ok(config.try_deserialize()?)
    }

    /// Whether somebody may look at metrics.
    #[must_use]
    pub fn has_admin(&self) -> bool {
        self.listen.admin.is_some()
    }

    /// Bytes of the largest form: that of `/v1/validate` has a token.
    fn max_form(&self) -> usize {
        let token = self.validate.as_ref().and_then(|validate| validate.max_token_size);
        MAX_FORM.max(token.unwrap_or_default().min(MAX_TOKEN) + 1024)
    }

    fn identities(&self) -> ManagedIdentitiesConfig {
        ManagedIdentitiesConfig::from(self.identities.clone())
    }
}

/// The variables that Kubernetes sets for a Service `passport-sidecar` have one `_` behind that
/// name, and so are none of them.
fn environment() -> Environment {
    Environment::with_prefix("PASSPORT_SIDECAR").prefix_separator("__").separator("__")
}

#[cfg(test)]
mod tests;
