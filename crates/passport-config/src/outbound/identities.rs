use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use passport_core::{ConfigError, ConfigProblem};
#[cfg(feature = "reqwest")]
use passport_outbound::{ClientPool, ManagedIdentityHttpClient};
use passport_outbound::{ManagedIdentity, ManagedIdentityBuilder};
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};
use serde_json::Value;

use super::{ConfigRegistry, ManagedIdentityConfig, schema};
use crate::{problems::within, suggestions::suggestion};

/// The configuration of several managed identities by name.
///
/// ```
/// use passport_config::ManagedIdentitiesConfig;
///
/// let config: ManagedIdentitiesConfig = serde_json::from_str(r#"{ "identities": {
///     "erp": { "client_id": "mi-erp-sync-clientid", "client_secret_ref": "env:ERP_SECRET" },
///     "payroll": { "client_id": "mi-payroll-clientid", "client_secret_ref": "env:PAY_SECRET" }
/// } }"#)?;
/// let identities = config.build()?;
/// assert_eq!(identities.get("erp")?.client_id().as_str(), "mi-erp-sync-clientid");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct ManagedIdentitiesConfig {
    /// The identities by name.
    #[serde(default, deserialize_with = "by_name")]
    pub identities: BTreeMap<String, ManagedIdentityConfig>,
    /// The keys other than `identities`, which belong to the application or are misspelled.
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

impl From<BTreeMap<String, ManagedIdentityConfig>> for ManagedIdentitiesConfig {
    fn from(identities: BTreeMap<String, ManagedIdentityConfig>) -> Self {
        Self { identities, others: BTreeMap::new() }
    }
}

impl ManagedIdentitiesConfig {
    /// Builds the identities, with secrets from environment variables, files or systemd.
    ///
    /// # Errors
    /// A [`ConfigError`] with every mistake of all identities. Two identities with the same
    /// `client_id` at the same Passport are a mistake: one identity could not be revoked without
    /// the other, and an audit could not distinguish the two identities.
    pub fn build(&self) -> Result<ManagedIdentities, ConfigError> {
        self.build_with(ConfigRegistry::default())
    }

    /// Builds the identities with the secret providers and stores of `registry`.
    ///
    /// # Errors
    /// The errors of [`build`](Self::build).
    pub fn build_with(&self, registry: impl Into<ConfigRegistry>) -> Result<ManagedIdentities, ConfigError> {
        self.build_each(registry, |_, builder| builder)
    }

    /// Builds the identities with the secret providers and stores of `registry`. Before an identity
    /// is built, `settings` receives the name and the builder of the identity. It returns the
    /// builder, for example with an additional transport.
    ///
    /// # Errors
    /// The errors of [`build`](Self::build).
    pub fn build_each(
        &self,
        registry: impl Into<ConfigRegistry>,
        mut settings: impl FnMut(&str, ManagedIdentityBuilder) -> ManagedIdentityBuilder,
    ) -> Result<ManagedIdentities, ConfigError> {
        let (registry, mut problems) = (registry.into(), Vec::new());
        problems.extend(self.misspelled());
        if self.identities.is_empty() && problems.is_empty() {
            problems.push(ConfigProblem::new(IDENTITIES, "no identity configured; add at least one"));
        }
        let (mut by_name, mut names) = (BTreeMap::new(), HashMap::new());
        for (name, config) in &self.identities {
            match config.builder(&registry).and_then(|builder| settings(name, builder).build()) {
                Ok(identity) => {
                    if let Some(other) =
                        names.insert((identity.client_id().clone(), identity.token_url().clone()), name)
                    {
                        problems.push(duplicate(name, other));
                    }
                    by_name.insert(name.clone(), identity);
                }
                Err(error) => problems.extend(within(&format!("identities.{name}"), &error)),
            }
        }
        if !problems.is_empty() {
            return Err(ConfigError::new(problems));
        }
        Ok(ManagedIdentities {
            by_name,
            #[cfg(feature = "reqwest")]
            configs: self.identities.clone(),
            #[cfg(feature = "reqwest")]
            clients: registry.clients,
        })
    }

    /// Returns a problem for each key that is probably a misspelled `identities`.
    ///
    /// - If no identity is configured, these are all keys that are similar to `identities`.
    /// - If an identity is configured, these are only the keys that differ from `identities` in
    ///   upper and lower case. Other keys can belong to the application.
    fn misspelled(&self) -> impl Iterator<Item = ConfigProblem> {
        let is_misspelled = |key: &&String| {
            let is_likely = self.identities.is_empty() || key.eq_ignore_ascii_case(IDENTITIES);
            is_likely && suggestion(&[IDENTITIES], key).is_some()
        };
        let problem = format!("unknown key; did you mean `{IDENTITIES}`?");
        self.others.keys().filter(is_misspelled).map(move |key| ConfigProblem::new(key.clone(), &problem))
    }

    /// Returns the [JSON Schema](https://json-schema.org) of the configuration, with the stores of
    /// `registry`.
    #[must_use]
    pub fn json_schema(registry: &ConfigRegistry) -> Value {
        schema::of_identities(registry)
    }
}

const IDENTITIES: &str = "identities";

/// Deserializes the table of identities. The errors of serde are replaced, because serde's
/// errors contain values, which can be secrets.
fn by_name<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, ManagedIdentityConfig>, D::Error> {
    match Value::deserialize(from)? {
        Value::Object(table) => Ok(table.into_iter().map(|(name, value)| (name, value.into())).collect()),
        _ => Err(de::Error::custom("identities: expected a table of identities by name")),
    }
}

fn duplicate(name: &str, other: &str) -> ConfigProblem {
    ConfigProblem::new(
        format!("identities.{name}.client_id"),
        format_args!(
            "already used by the identity `{other}`; give each service its own identity, so that one \
             can be revoked without the other"
        ),
    )
}

/// Managed identities by name, built from a [`ManagedIdentitiesConfig`]. Each identity is cheap
/// to clone.
#[derive(Clone)]
pub struct ManagedIdentities {
    by_name: BTreeMap<String, ManagedIdentity>,
    /// The configurations of the identities by name, from which HTTP clients are built.
    #[cfg(feature = "reqwest")]
    configs: BTreeMap<String, ManagedIdentityConfig>,
    #[cfg(feature = "reqwest")]
    clients: ClientPool,
}

impl ManagedIdentities {
    /// Returns the identity that is configured as `name`.
    ///
    /// # Errors
    /// A [`ConfigError`] with the known names, when there is no identity `name`.
    pub fn get(&self, name: &str) -> Result<&ManagedIdentity, ConfigError> {
        self.by_name.get(name).ok_or_else(|| {
            let known: Vec<_> = self.by_name.keys().map(String::as_str).collect();
            let problem = format_args!("unknown identity; known identities are {}", known.join(", "));
            ConfigError::new(vec![ConfigProblem::new(format!("identities.{name}"), problem)])
        })
    }

    /// Builds an HTTP client for the service at the `base_url` of the identity `name`.
    ///
    /// # Errors
    /// A [`ConfigError`] when there is no identity `name`, or the identity has no `base_url`.
    #[cfg(feature = "reqwest")]
    pub fn http_client(&self, name: &str) -> Result<ManagedIdentityHttpClient, ConfigError> {
        let identity = self.get(name)?.clone();
        let builder = self.configs[name].http_client_builder(identity);
        let client = builder.and_then(|builder| builder.client_pool(self.clients.clone()).build());
        client.map_err(|error| ConfigError::new(within(&format!("identities.{name}"), &error).collect()))
    }

    /// Returns an iterator over the identities, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ManagedIdentity)> {
        self.by_name.iter().map(|(name, identity)| (name.as_str(), identity))
    }
}

impl fmt::Debug for ManagedIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, identity)| (name, identity.client_id()))).finish()
    }
}
