//! Identities from a file or from the environment.
//!
//! What is read is kept as it came; only when an identity is asked for is it looked at, and then all of it, so that one run
//! shows every mistake.

mod identities;
mod options;
mod reader;
mod schema;
mod value;

use std::{collections::BTreeMap, fmt};

use passport_core::{ConfigError, ConfigProblem, SecretProviders};
use serde::Deserialize;
use serde_json::Value;

pub use self::identities::{ManagedIdentities, ManagedIdentitiesConfig};
use self::reader::Reader;
use crate::{ManagedIdentity, ManagedIdentityBuilder};

/// A managed identity as a configuration file or the environment describes it, by the names of the .NET options.
///
/// From anything that serde reads: TOML, YAML, JSON, environment variables. Numbers and switches may be texts, as the
/// environment has nothing else. Every mistake is told at once, when the identity is [built](Self::build).
///
/// | key | |
/// |---|---|
/// | `client_id` | who the service is; required |
/// | `client_secret_ref` | where its secret is (`env:NAME`, `file:/path`), never the secret itself; required |
/// | `secret_provider` | who finds the secret, if the reference does not say |
/// | `passport_base_url` | Passport, and the issuer of its tokens |
/// | `token_url` | where tokens are requested, if not below the base URL |
/// | `scopes` | what is asked for: a list, or a text with blanks |
/// | `cache_tokens` | whether tokens are kept |
/// | `refresh_threshold` | how long before its expiry a token is refreshed: `60`, `"60s"`, `"00:01:00"` |
/// | `request_timeout` | the most that one attempt to get a token takes |
/// | `client_authentication` | `client_secret_basic`, `client_secret_basic_raw`, `client_secret_post`, `private_key_jwt` |
/// | `signing_algorithm`, `key_id`, `assertion_audience` | for `private_key_jwt` |
/// | `base_url` | the service that is called, for a `ManagedIdentityHttpClient` |
/// | `also_allow` | other origins that may see the token |
///
/// Defaults are those of the [`ManagedIdentityBuilder`]; `docs/config.schema.json` in the repository is for editors.
///
/// ```
/// use passport_outbound::ManagedIdentityConfig;
///
/// let config: ManagedIdentityConfig = serde_json::from_str(
///     r#"{ "client_id": "mi-erp-sync-clientid", "client_secret_ref": "env:ERP_SYNC_SECRET", "refresh_threshold": "60s" }"#,
/// )?;
/// let identity = config.build()?;
/// assert_eq!(identity.client_id().as_str(), "mi-erp-sync-clientid");
///
/// let wrong: ManagedIdentityConfig = serde_json::from_str(r#"{ "clientid": "mi-1", "refresh_threshold": "soon" }"#)?;
/// println!("{}", wrong.build().unwrap_err()); // all four mistakes
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Deserialize)]
#[serde(from = "Value")]
pub struct ManagedIdentityConfig {
    /// None if what stands there is no table.
    values: Option<BTreeMap<String, Value>>,
}

/// Whatever it is, it is no error of serde's, which would show the value.
impl From<Value> for ManagedIdentityConfig {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(values) => Self { values: Some(values.into_iter().collect()) },
            _ => Self { values: None },
        }
    }
}

impl ManagedIdentityConfig {
    /// The identity, with a secret from the environment or from a file.
    ///
    /// # Errors
    /// A [`ConfigError`] with every mistake.
    pub fn build(&self) -> Result<ManagedIdentity, ConfigError> {
        self.builder(&SecretProviders::default())?.build()
    }

    /// Settings for the identity, for whatever a file cannot say: a transport, a cache, a clock. `secrets` are the providers
    /// that `secret_provider`, or the scheme of `client_secret_ref`, may name.
    ///
    /// # Errors
    /// A [`ConfigError`] with every mistake. What the builder is told afterwards, its `build` checks.
    pub fn builder(&self, secrets: &SecretProviders) -> Result<ManagedIdentityBuilder, ConfigError> {
        let mut problems = Vec::new();
        let builder = options::builder(&mut Reader::new(self.values()?, &mut problems), secrets);
        match builder {
            Some(builder) if problems.is_empty() => Ok(builder),
            _ => Err(ConfigError::new(problems)),
        }
    }

    fn values(&self) -> Result<&BTreeMap<String, Value>, ConfigError> {
        let problem =
            || ConfigProblem::new(WHOLE, "it is not a table; write client_id, client_secret_ref, ... in it");
        self.values.as_ref().ok_or_else(|| ConfigError::new(vec![problem()]))
    }

    /// The [JSON Schema](https://json-schema.org) of the configuration of one identity.
    #[must_use]
    pub fn json_schema() -> Value {
        schema::of_identity()
    }

    /// A client of the service at `base_url`, in the name of this identity.
    ///
    /// # Errors
    /// A [`ConfigError`] with every mistake; that there is no `base_url` is one here.
    #[cfg(feature = "reqwest")]
    pub fn http_client(
        &self,
        identity: impl Into<crate::Identity>,
    ) -> Result<crate::ManagedIdentityHttpClientBuilder, ConfigError> {
        let mut problems = Vec::new();
        let target = options::target(&mut Reader::new(self.values()?, &mut problems), true);
        match target {
            Some((base_url, others)) if problems.is_empty() => {
                let builder = crate::ManagedIdentityHttpClient::builder(identity, &base_url);
                Ok(others.into_iter().fold(builder, crate::ManagedIdentityHttpClientBuilder::also_allow))
            }
            _ => Err(ConfigError::new(problems)),
        }
    }
}

/// Keys only: a value may be a secret in the wrong place.
impl fmt::Debug for ManagedIdentityConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentityConfig")
            .field("keys", &self.values.iter().flat_map(BTreeMap::keys).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// The option that a problem is with when it is with all of them.
const WHOLE: &str = "configuration";

/// The problems of one of several, under its name.
fn within<'a>(path: &str, error: &'a ConfigError) -> impl Iterator<Item = ConfigProblem> + use<'a> {
    let path = path.to_owned();
    error.problems().iter().map(move |problem| {
        let option =
            if problem.option == WHOLE { path.clone() } else { format!("{path}.{}", problem.option) };
        ConfigProblem::new(option, &problem.problem)
    })
}

#[cfg(test)]
mod tests;
