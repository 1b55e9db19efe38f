use std::fmt;

use passport_core::{ConfigError, ConfigProblem, SecretProviders, TransportPool};
use passport_inbound::{
    AuthenticateLayer, DenyList, DenyListBuilder, ProtectedResource, Requirement, TokenVerifier,
    TokenVerifierBuilder,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    deny_list::DenyListSettings,
    policy::{PolicySettings, introspected_issuers, issuer_names},
    protected_resource::ResourceSettings,
    schema,
    section::{build, find, values_of},
    settings::VerifierSettings,
    trust::Trust,
};
use crate::{problems::within, reader::Reader, setting::problem_of, table::Values, value::ConfigValue};

/// The configuration of a [`TokenVerifier`], and of the authorization around it.
///
/// serde deserializes this type from TOML, YAML, JSON or environment variables. Numbers and
/// booleans can be strings, because environment variables have no other type. All mistakes are
/// reported in one error, when the verifier is [built](Self::build). A key can also be written
/// as in .NET: `ExternalProviders`, `externalProviders` and `external_providers` are the same
/// key.
///
/// | key | |
/// |---|---|
/// | `audience` | the accepted audiences of Passport's tokens; required |
/// | `client_id` | the client id of the application, which is also an accepted audience |
/// | `issuer` | the URL of Passport, exactly as in the tokens |
/// | `valid_issuers` | the issuer again, as in .NET |
/// | `jwks_url`, `jwks_cache_file` | the URL of Passport's signing keys, and a file for them |
/// | `algorithms` | the accepted signature algorithms |
/// | `danger_plain_http` | whether Passport can be on plain `http` |
/// | `introspection` | how Passport is asked whether a token is still active |
/// | `passport` | `false` for a service without Passport |
/// | `issuers` | further trusted issuers |
/// | `external_providers` | further trusted issuers, with the names of the .NET options |
/// | `tenants` | the issuers that may speak for a tenant |
/// | `policies` | named requirements, for [`policy`](Self::policy) |
/// | `public_paths`, `public_grpc_services` | what needs no token, for [`layer`](Self::layer) |
/// | `protected_resource` | metadata, for [`protected_resource`](Self::protected_resource) |
/// | `deny_list` | denied callers, for [`deny_list`](Self::deny_list()) |
/// | `clock_skew` | the accepted difference between the clocks |
/// | `jwks_refresh_interval`, `jwks_cooldown` | when signing keys are refreshed |
/// | `jwks_max_stale`, `jwks_request_timeout` | what happens when an issuer is unreachable |
/// | `max_token_size` | the maximum size of a token |
/// | `cache_tokens`, `max_cached_tokens`, `max_cached_bytes` | the cache of verified tokens |
/// | `max_concurrent_verifications` | the maximum number of concurrent verifications |
/// | `ca_file` | a PEM file with a private CA, for all issuers |
/// | `user_agent` | the `User-Agent` header of requests to the issuers |
///
/// The defaults are those of [`TokenVerifierBuilder`]. For editors, the repository has a JSON
/// Schema in `docs/verifier.schema.json`.
///
/// ```
/// use passport_config::VerifierConfig;
///
/// let config: VerifierConfig = serde_json::from_str(
///     r#"{
///         "audience": "bizfirstgo-api",
///         "issuers": [{
///             "name": "partner", "preset": "keycloak",
///             "issuer": "https://sso.partner.example/realms/main",
///             "audience": "orders-api",
///             "tenant": { "fixed": "partner" },
///             "claims": { "roles": { "clerks": "orders.clerk" } }
///         }]
///     }"#,
/// )?;
/// let verifier = config.build()?;
/// // After a change of the file:
/// let changes = verifier.replace(config.builder()?)?;
/// assert!(changes.is_empty());
///
/// let invalid: VerifierConfig =
///     serde_json::from_str(r#"{ "audence": "bizfirstgo-api", "clock_skew": "1h" }"#)?;
/// println!("{}", invalid.build().unwrap_err()); // prints all three mistakes
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Deserialize)]
#[serde(from = "Value")]
pub struct VerifierConfig {
    /// The unparsed configuration. A mistake is reported when the verifier is built, because an
    /// error of serde would contain the value.
    value: Value,
    pub(super) secrets: SecretProviders,
    /// The opened deny list.
    deny_list: Option<DenyList>,
}

impl From<Value> for VerifierConfig {
    fn from(value: Value) -> Self {
        Self { value, secrets: SecretProviders::default(), deny_list: None }
    }
}

impl VerifierConfig {
    /// Sets the providers of the secrets for introspection. Defaults to `env`, `file` and
    /// `systemd`. For a reload, use the same providers: an issuer counts as changed if its secret
    /// has another provider.
    #[must_use]
    pub fn with_secrets(self, secrets: SecretProviders) -> Self {
        Self { secrets, ..self }
    }

    /// Sets the deny list of the verifier: the opened list of [`deny_list`](Self::deny_list()), or
    /// another one. Required if the configuration has the table `deny_list`, which would otherwise
    /// have no effect. For a reload, use the same list.
    #[must_use]
    pub fn with_deny_list(self, list: DenyList) -> Self {
        Self { deny_list: Some(list), ..self }
    }

    /// Returns a builder of a deny list with the settings of the table `deny_list`. Without the
    /// table, the builder has the defaults.
    ///
    /// Use the builder to add a [store](DenyListBuilder::store), and to open the list. Then pass
    /// the list to [`with_deny_list`](Self::with_deny_list).
    ///
    /// ```
    /// use passport_config::VerifierConfig;
    /// use passport_inbound::SecurityEventReceiver;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let config: VerifierConfig = serde_json::from_str(
    ///     r#"{
    ///         "audience": "bizfirstgo-api",
    ///         "deny_list": { "file": "/var/lib/orders/denied" }
    ///     }"#,
    /// )?;
    /// let list = config.deny_list()?.open().await?;
    /// let verifier = config.with_deny_list(list).build()?;
    /// let events = SecurityEventReceiver::new(&verifier)?;
    /// # let _ = events; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// A [`ConfigError`] with every mistake of the whole configuration.
    pub fn deny_list(&self) -> Result<DenyListBuilder, ConfigError> {
        self.parse(None, true).map(|(_, list)| list)
    }

    /// Builds the verifier. Sends no request.
    ///
    /// # Errors
    /// A [`ConfigError`] with every mistake, also those of the policies and the public paths. A
    /// table `deny_list` is a mistake without [`with_deny_list`](Self::with_deny_list).
    pub fn build(&self) -> Result<TokenVerifier, ConfigError> {
        self.read(None)?.build()
    }

    /// Builds the verifier with a transport of `transports`, so that it shares a TLS client with
    /// other code that uses the same pool and has the same `ca_file` and `user_agent`.
    ///
    /// # Errors
    /// The errors of [`build`](Self::build).
    pub fn build_with(&self, transports: &TransportPool) -> Result<TokenVerifier, ConfigError> {
        self.read(Some(transports))?.build()
    }

    /// Returns a builder with the configured settings. Use it to add settings that a file cannot
    /// contain, such as [`reject_if`](TokenVerifierBuilder::reject_if), or to reload the settings
    /// of a running verifier with [`TokenVerifier::replace`].
    ///
    /// # Errors
    /// The errors of [`build`](Self::build).
    pub fn builder(&self) -> Result<TokenVerifierBuilder, ConfigError> {
        self.read(None)
    }

    /// Returns a layer that verifies tokens with `verifier`, and forwards requests for the
    /// `public_paths` and the `public_grpc_services` without a token. If the configuration has the
    /// table `protected_resource`, the challenges of the layer have the URL of the metadata, which
    /// [`protected_resource`](Self::protected_resource) serves.
    ///
    /// # Errors
    /// A [`ConfigError`] when a path, the name of a service or the table `protected_resource` is
    /// not valid.
    pub fn layer(&self, verifier: TokenVerifier) -> Result<AuthenticateLayer, ConfigError> {
        build(self.values()?, &self.secrets, |settings: &VerifierSettings, reader| {
            Some(settings.layer(verifier, reader))
        })
    }

    /// Returns the service that serves the protected resource metadata ([RFC
    /// 9728](https://www.rfc-editor.org/rfc/rfc9728)) of the table `protected_resource`. Its
    /// authorization servers are the issuers of `verifier`. Returns `None` if there is no such
    /// table.
    ///
    /// The metadata needs no token: put the service outside the [`layer`](Self::layer).
    ///
    /// # Errors
    /// A [`ConfigError`] when the table is not valid.
    pub fn protected_resource(
        &self,
        verifier: &TokenVerifier,
    ) -> Result<Option<ProtectedResource>, ConfigError> {
        build(self.values()?, &self.secrets, |settings: &VerifierSettings, reader| {
            Some(settings.resource(verifier, reader))
        })
    }

    /// Returns the requirement that is configured as the policy `name`.
    ///
    /// # Errors
    /// A [`ConfigError`] with the known names when there is no policy `name`, with the mistakes of
    /// the policy, or, if the policy names an issuer or needs introspection, with those of the
    /// whole configuration.
    pub fn policy(&self, name: &str) -> Result<Requirement, ConfigError> {
        let policies = find::<VerifierSettings>(self.values()?, "policies").and_then(Value::as_object);
        let path = format!("policies.{name}");
        let Some(policy) = policies.and_then(|policies| policies.get(name)) else {
            let known: Vec<_> = policies.into_iter().flat_map(Values::keys).map(String::as_str).collect();
            let problem = format!("unknown policy; known policies are {}", known.join(", "));
            return Err(ConfigError::new(vec![ConfigProblem::new(path, problem)]));
        };
        let requirement = values_of::<PolicySettings>(policy)
            .and_then(|values| build(values, &self.secrets, PolicySettings::requirement));
        let requirement = requirement.map_err(|error| ConfigError::new(within(&path, &error).collect()))?;
        if !issuer_names(policy).is_empty() || !introspected_issuers(policy).is_empty() {
            // Each caller meets the negation of a requirement that names an unknown issuer. Each
            // request is rejected if the issuers of a policy with introspection have no settings.
            drop(self.parse(None, true)?);
        }
        Ok(requirement)
    }

    /// Returns the configured `max_token_size`. Returns `None` if it is missing or not valid.
    #[must_use]
    pub fn max_token_size(&self) -> Option<usize> {
        find::<VerifierSettings>(self.values().ok()?, "max_token_size")
            .and_then(|value| usize::parse(value).ok())
    }

    /// Returns whether the configuration has the key `key`, with any value.
    #[must_use]
    pub fn has_key(&self, key: &str) -> bool {
        self.values().is_ok_and(|values| find::<VerifierSettings>(values, key).is_some())
    }

    /// Returns the [JSON Schema](https://json-schema.org) of the configuration.
    #[must_use]
    pub fn json_schema() -> Value {
        schema::of_verifier()
    }

    /// Parses the configuration. Returns a builder without mistakes, with the deny list.
    fn read(&self, pool: Option<&TransportPool>) -> Result<TokenVerifierBuilder, ConfigError> {
        let (builder, _) = self.parse(pool, self.deny_list.is_some())?;
        Ok(self.deny_list.clone().into_iter().fold(builder, TokenVerifierBuilder::deny_list))
    }

    /// Parses the configuration. Returns the builders of the verifier and of the deny list, both
    /// without mistakes. The table `deny_list` is a mistake if no list `is_open`.
    fn parse(
        &self,
        pool: Option<&TransportPool>,
        is_open: bool,
    ) -> Result<(TokenVerifierBuilder, DenyListBuilder), ConfigError> {
        let values = self.values()?;
        build(values, &self.secrets, |settings: &VerifierSettings, reader| {
            let trust = Trust::read(settings, values, reader);
            settings.check_policies(trust.as_ref(), reader);
            settings.check_layer(reader);
            let list = settings.list(is_open, reader);
            Some((trust?.builder(pool, values, reader)?, list))
        })
    }

    pub(super) fn values(&self) -> Result<&Values, ConfigError> {
        values_of::<VerifierSettings>(&self.value)
    }
}

/// The problem of a table `deny_list` without an opened list.
const LIST_NOT_OPEN: &str = "this program opens no deny list, so denied tokens would be accepted; remove the table, or \
                             open VerifierConfig::deny_list and pass the list to with_deny_list";

impl VerifierSettings {
    /// Reports the mistakes of all policies. A policy with an unknown issuer is a mistake: its
    /// negation would be met by every caller.
    fn check_policies(&self, trust: Option<&Trust>, reader: &mut Reader<'_>) {
        for (_, policy) in reader.named_tables(&self.policies) {
            reader.entry(&policy, PolicySettings::requirement);
            let names = issuer_names(&policy.value).into_iter();
            let unknown = names.filter(|name| trust.is_some_and(|trust| !trust.has_issuer(name)));
            reader.extend(unknown.map(|name| {
                let value = Value::from(name);
                let problem = "is not the name of a trusted issuer; use a name in issuers";
                problem_of(format!("{}.issuer", policy.path), Some(&value), &problem)
            }));
            let issuers = introspected_issuers(&policy.value).into_iter();
            // An unknown issuer is reported above.
            let without_settings = issuers.filter(|name| {
                trust.is_some_and(|trust| {
                    name.as_deref().is_none_or(|name| trust.has_issuer(name))
                        && !trust.has_introspection(name.as_deref())
                })
            });
            reader.extend(without_settings.map(|name| {
                let missing = name.map_or_else(
                    || "no trusted issuer has".to_owned(),
                    |name| format!("the issuer {name} does not have"),
                );
                let problem =
                    format!("{missing} the table introspection; add it to the issuer of the tokens");
                ConfigProblem::new(format!("{}.introspected_within", policy.path), problem)
            }));
        }
    }

    /// Reports the mistakes of the public paths and of the protected resource.
    fn check_layer(&self, reader: &mut Reader<'_>) {
        let values =
            [self.public_paths.raw(), self.public_grpc_services.raw(), self.protected_resource.raw()];
        // Only a layer can check the settings. Its verifier is not used.
        if values.iter().any(Option::is_some)
            && let Ok(unused) = TokenVerifier::builder("unused").cache_tokens(false).build()
        {
            let _ = self.layer(unused, reader);
        }
    }

    /// Returns the builder of the deny list. Reports its mistakes, and that the list is not open.
    fn list(&self, is_open: bool, reader: &mut Reader<'_>) -> DenyListBuilder {
        if !is_open && self.deny_list.raw().is_some() {
            reader.report(&self.deny_list, LIST_NOT_OPEN);
        }
        let list = reader
            .table(&self.deny_list, |settings: &DenyListSettings, reader| Some(settings.builder(reader)));
        list.unwrap_or_default()
    }

    /// Returns the protected resource, if it is configured. Reports mistakes.
    fn resource(&self, verifier: &TokenVerifier, reader: &mut Reader<'_>) -> Option<ProtectedResource> {
        reader.table(&self.protected_resource, |settings: &ResourceSettings, reader| {
            settings.resource(verifier, reader)
        })
    }

    /// Returns a layer with the protected resource and the public paths and services. Reports each
    /// one that is not valid.
    fn layer(&self, verifier: TokenVerifier, reader: &mut Reader<'_>) -> AuthenticateLayer {
        let resource = self.resource(&verifier, reader);
        let layer = AuthenticateLayer::new(verifier);
        let mut layer = resource.iter().fold(layer, AuthenticateLayer::resource_metadata);
        for path in reader.read(&self.public_paths).unwrap_or_default() {
            let added = layer.clone().public_paths([path]);
            layer = reader.collect_all(&self.public_paths, added).unwrap_or(layer);
        }
        for service in reader.read(&self.public_grpc_services).unwrap_or_default() {
            let added = layer.clone().public_grpc_services([service]);
            layer = reader.collect_all(&self.public_grpc_services, added).unwrap_or(layer);
        }
        layer
    }
}

/// Omits the values, because a value can be a secret that was set by mistake.
impl fmt::Debug for VerifierConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifierConfig")
            .field("keys", &self.value.as_object().into_iter().flat_map(Values::keys).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
