use std::fmt;

#[cfg(feature = "reqwest")]
use passport_core::SecretProviders;
use passport_core::{ConfigError, ConfigProblem};
#[cfg(feature = "reqwest")]
use passport_outbound::{Identity, ManagedIdentityHttpClient, ManagedIdentityHttpClientBuilder};
use passport_outbound::{ManagedIdentity, ManagedIdentityBuilder};
use serde::Deserialize;
use serde_json::Value;

use super::{ConfigRegistry, options, schema};
#[cfg(feature = "reqwest")]
use crate::reader::Reader;
use crate::{
    problems::WHOLE,
    table::{self, Values},
};

/// The configuration of one managed identity, with the names of the .NET options.
///
/// serde deserializes this type from TOML, YAML, JSON or environment variables. Numbers and
/// booleans can be strings, because environment variables have no other type. All mistakes are
/// reported in one error, when the identity is [built](Self::build).
///
/// | key | |
/// |---|---|
/// | `client_id` | the client id of the service; required |
/// | `client_secret_ref` | a reference to the client secret: `env:NAME` or `file:/path` |
/// | `secret_provider` | the provider of the secret, if the reference does not name one |
/// | `passport_base_url` | the URL of Passport, the issuer of the tokens |
/// | `token_url` | the URL of token requests, if it is not below `passport_base_url` |
/// | `scopes` | the requested scopes: a list, or a string with spaces |
/// | `cache_tokens` | whether tokens are cached |
/// | `cache` | the store in which a fleet shares its tokens, or a sidecar |
/// | `refresh_threshold` | how long before its expiry a token is refreshed |
/// | `request_timeout` | the time limit of one token fetch |
/// | `client_authentication` | how the service authenticates token requests |
/// | `signing_algorithm`, `key_id`, `assertion_audience` | for `private_key_jwt` |
/// | `base_url` | the URL of the called service, for a `ManagedIdentityHttpClient` |
/// | `also_allow` | other origins that are allowed to receive the token |
/// | `ca_file` | a PEM file with a private CA, for Passport and the called service |
/// | `danger_plain_http` | whether Passport and the called service can be on plain `http` |
/// | `user_agent` | the `User-Agent` header of requests to Passport and the called service |
///
/// - `client_secret_ref` is never the secret itself. It is required, unless the tokens come from
///   a sidecar.
/// - `cache` is `{ sidecar = { .. } }`, or `{ redis = { .. } }` if the program registers this
///   store.
/// - Durations are `60` (seconds), `"60s"` or `"00:01:00"`.
/// - `client_authentication` is `client_secret_basic`, `client_secret_basic_raw`,
///   `client_secret_post` or `private_key_jwt`.
///
/// The defaults are those of [`ManagedIdentityBuilder`]. For editors, the repository has a JSON
/// Schema in `docs/config.schema.json`.
///
/// ```
/// use passport_config::ManagedIdentityConfig;
///
/// let config: ManagedIdentityConfig = serde_json::from_str(
///     r#"{
///         "client_id": "mi-erp-sync-clientid",
///         "client_secret_ref": "env:ERP_SYNC_SECRET",
///         "refresh_threshold": "60s"
///     }"#,
/// )?;
/// let identity = config.build()?;
/// assert_eq!(identity.client_id().as_str(), "mi-erp-sync-clientid");
///
/// let invalid: ManagedIdentityConfig =
///     serde_json::from_str(r#"{ "clientid": "mi-1", "refresh_threshold": "soon" }"#)?;
/// println!("{}", invalid.build().unwrap_err()); // prints all four mistakes
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Deserialize)]
#[serde(from = "Value")]
pub struct ManagedIdentityConfig {
    /// The unparsed values by key, or `None` if the configuration is not a table.
    pub(super) values: Option<Values>,
}

/// Converts any value. If the value is not a table, the mistake is reported when the identity is
/// built, because an error of serde would contain the value.
impl From<Value> for ManagedIdentityConfig {
    fn from(value: Value) -> Self {
        let values = if let Value::Object(values) = value { Some(values) } else { None };
        Self { values }
    }
}

impl ManagedIdentityConfig {
    /// Builds the identity, with a secret from an environment variable, a file or systemd.
    ///
    /// # Errors
    /// A [`ConfigError`] with every mistake. A missing secret is not detected by this method. It is
    /// detected when the secret is read: by the first token request, or by
    /// [`ManagedIdentity::ready`].
    pub fn build(&self) -> Result<ManagedIdentity, ConfigError> {
        self.build_with(ConfigRegistry::default())
    }

    /// Builds the identity with the secret providers and stores of `registry`. The keys
    /// `secret_provider` and `client_secret_ref` (by its scheme) can name these providers, and the
    /// key `cache` can name these stores.
    ///
    /// # Errors
    /// The errors of [`build`](Self::build).
    pub fn build_with(&self, registry: impl Into<ConfigRegistry>) -> Result<ManagedIdentity, ConfigError> {
        self.builder(registry)?.build()
    }

    /// Returns a builder with the configured settings. Use it to add settings that a file cannot
    /// contain, such as a transport, a cache or a clock.
    ///
    /// # Errors
    /// A [`ConfigError`] with every mistake in the configuration. The builder's `build` checks the
    /// settings that are added to the builder.
    pub fn builder(
        &self,
        registry: impl Into<ConfigRegistry>,
    ) -> Result<ManagedIdentityBuilder, ConfigError> {
        let registry = registry.into();
        table::build(self.values()?, &registry.secrets, |settings, reader| {
            options::builder(settings, reader, &registry)
        })
    }

    /// Builds an HTTP client for the service at `base_url`. The client attaches tokens of this
    /// identity to its requests. The secret is read from an environment variable, a file or
    /// systemd.
    ///
    /// # Errors
    /// A [`ConfigError`] with every mistake, including a missing `base_url`.
    #[cfg(feature = "reqwest")]
    pub fn http_client(&self) -> Result<ManagedIdentityHttpClient, ConfigError> {
        self.http_client_with(ConfigRegistry::default())
    }

    /// Builds a client like [`http_client`](Self::http_client), with the secret providers and
    /// stores of `registry`.
    ///
    /// # Errors
    /// The errors of [`http_client`](Self::http_client).
    #[cfg(feature = "reqwest")]
    pub fn http_client_with(
        &self,
        registry: impl Into<ConfigRegistry>,
    ) -> Result<ManagedIdentityHttpClient, ConfigError> {
        let registry = registry.into();
        let identity = table::build(self.values()?, &registry.secrets, |settings, reader| {
            let builder = options::builder(settings, reader, &registry);
            options::require_base_url(settings, reader);
            builder
        })?;
        self.http_client_builder(identity.build()?)?.client_pool(registry.clients.clone()).build()
    }

    /// Returns a builder of an HTTP client for the service at `base_url`. The client attaches
    /// tokens of `identity` to its requests.
    ///
    /// `identity` is, for example, a [`CallerIdentity`](passport_outbound::CallerIdentity), or the
    /// configured identity with additional settings.
    ///
    /// # Errors
    /// A [`ConfigError`] when `base_url` is missing, or a setting of the client is not valid.
    #[cfg(feature = "reqwest")]
    pub fn http_client_builder(
        &self,
        identity: impl Into<Identity>,
    ) -> Result<ManagedIdentityHttpClientBuilder, ConfigError> {
        let (secrets, table) = (SecretProviders::default(), table::read(self.values()?)?);
        let mut reader = Reader::new(&secrets);
        let builder = options::client_builder(&table.settings, &mut reader, identity.into());
        reader.finish(builder)
    }

    fn values(&self) -> Result<&Values, ConfigError> {
        let problem = || ConfigProblem::new(WHOLE, "expected a table with client_id, client_secret_ref, ...");
        self.values.as_ref().ok_or_else(|| ConfigError::new(vec![problem()]))
    }

    /// Returns the [JSON Schema](https://json-schema.org) of the configuration of one identity,
    /// with the stores of `registry`.
    #[must_use]
    pub fn json_schema(registry: &ConfigRegistry) -> Value {
        schema::of_identity(registry)
    }
}

/// Omits the values, because a value can be a secret that was set by mistake.
impl fmt::Debug for ManagedIdentityConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentityConfig")
            .field("keys", &self.values.iter().flat_map(Values::keys).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
