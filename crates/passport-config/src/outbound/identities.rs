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

/// Several managed identities by name: one for each service that calls under its own identity.
///
/// ```
/// use passport_config::ManagedIdentitiesConfig;
///
/// let config: ManagedIdentitiesConfig = serde_json::from_str(r#"{ "identities": {
///     "erp":     { "client_id": "mi-erp-sync-clientid", "client_secret_ref": "env:ERP_SYNC_SECRET" },
///     "payroll": { "client_id": "mi-payroll-clientid", "client_secret_ref": "file:/run/secrets/payroll" }
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
    /// The keys beside it. They may be the application's own, or `identities` misspelled.
    #[serde(flatten)]
    others: BTreeMap<String, IgnoredAny>,
}

impl From<BTreeMap<String, ManagedIdentityConfig>> for ManagedIdentitiesConfig {
    fn from(identities: BTreeMap<String, ManagedIdentityConfig>) -> Self {
        Self { identities, others: BTreeMap::new() }
    }
}

impl ManagedIdentitiesConfig {
    /// Builds the identities, with secrets from the environment or from files.
    ///
    /// # Errors
    /// A [`ConfigError`] with every mistake of all of them. It is one that two have the same
    /// `client_id` at one Passport: neither could be revoked without the other, and an audit could
    /// not tell who did what.
    pub fn build(&self) -> Result<ManagedIdentities, ConfigError> {
        self.build_with(ConfigRegistry::default())
    }

    /// Builds the identities with the secret providers and stores of `registry`.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_with(&self, registry: impl Into<ConfigRegistry>) -> Result<ManagedIdentities, ConfigError> {
        self.build_each(registry, |_, builder| builder)
    }

    /// Builds the identities, and applies `settings` to the builder of each name: a transport for
    /// all, a cache for some.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_each(
        &self,
        registry: impl Into<ConfigRegistry>,
        mut settings: impl FnMut(&str, ManagedIdentityBuilder) -> ManagedIdentityBuilder,
    ) -> Result<ManagedIdentities, ConfigError> {
        let (registry, mut problems) = (registry.into(), Vec::new());
        problems.extend(self.misspelled());
        if self.identities.is_empty() && problems.is_empty() {
            problems.push(ConfigProblem::new("identities", "there are none; name at least one"));
        }
        let (mut by_name, mut names) = (BTreeMap::new(), HashMap::new());
        for (name, config) in &self.identities {
            match config.builder(&registry).and_then(|builder| settings(name, builder).build()) {
                Ok(identity) => {
                    if let Some(other) =
                        names.insert((identity.client_id().clone(), identity.token_url().clone()), name)
                    {
                        problems.push(shared(name, other));
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

    /// The keys that were meant to be `identities`. A key of another word may be the application's
    /// own, as long as there are identities.
    fn misspelled(&self) -> impl Iterator<Item = ConfigProblem> {
        let is_meant = |key: &&String| {
            let is_likely = self.identities.is_empty() || key.eq_ignore_ascii_case(IDENTITIES);
            is_likely && suggestion(&[IDENTITIES], key).is_some()
        };
        let problem = format!("there is no such key; did you mean `{IDENTITIES}`?");
        self.others.keys().filter(is_meant).map(move |key| ConfigProblem::new(key.clone(), &problem))
    }

    /// Returns the [JSON Schema](https://json-schema.org) of the configuration, with the stores of
    /// `registry`.
    #[must_use]
    pub fn json_schema(registry: &ConfigRegistry) -> Value {
        schema::of_identities(registry)
    }
}

const IDENTITIES: &str = "identities";

/// An error of serde would show the value.
fn by_name<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, ManagedIdentityConfig>, D::Error> {
    match Value::deserialize(from)? {
        Value::Object(table) => Ok(table.into_iter().map(|(name, value)| (name, value.into())).collect()),
        _ => Err(de::Error::custom(
            "identities: it is not a table; write the identities in it, by their names",
        )),
    }
}

fn shared(name: &str, other: &str) -> ConfigProblem {
    ConfigProblem::new(
        format!("identities.{name}.client_id"),
        format_args!(
            "`{other}` has the same one; make an identity for each, or revoking the one revokes the other"
        ),
    )
}

/// Managed identities by name. Each is cheap to clone.
#[derive(Clone)]
pub struct ManagedIdentities {
    by_name: BTreeMap<String, ManagedIdentity>,
    /// The configurations of the same names, for clients.
    #[cfg(feature = "reqwest")]
    configs: BTreeMap<String, ManagedIdentityConfig>,
    #[cfg(feature = "reqwest")]
    clients: ClientPool,
}

impl ManagedIdentities {
    /// Returns the identity `name`.
    ///
    /// # Errors
    /// A [`ConfigError`] with the names there are, if none is called so.
    pub fn get(&self, name: &str) -> Result<&ManagedIdentity, ConfigError> {
        self.by_name.get(name).ok_or_else(|| {
            let known: Vec<_> = self.by_name.keys().map(String::as_str).collect();
            let problem = format_args!("there is none of that name; there are {}", known.join(", "));
            ConfigError::new(vec![ConfigProblem::new(format!("identities.{name}"), problem)])
        })
    }

    /// Builds a client with the identity `name`, of the service at its `base_url`.
    ///
    /// # Errors
    /// A [`ConfigError`] if none is called so, or it has no `base_url`.
    #[cfg(feature = "reqwest")]
    pub fn http_client(&self, name: &str) -> Result<ManagedIdentityHttpClient, ConfigError> {
        let identity = self.get(name)?.clone();
        let builder = self.configs[name].http_client_builder(identity);
        let client = builder.and_then(|builder| builder.sharing(self.clients.clone()).build());
        client.map_err(|error| ConfigError::new(within(&format!("identities.{name}"), &error).collect()))
    }

    /// Returns all identities, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ManagedIdentity)> {
        self.by_name.iter().map(|(name, identity)| (name.as_str(), identity))
    }
}

impl fmt::Debug for ManagedIdentities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, identity)| (name, identity.client_id()))).finish()
    }
}
