//! The configuration keys of one identity. Suggestions for unknown keys and the JSON Schema are
//! derived from these keys.

use std::time::Duration;

use http::HeaderValue;
use passport_core::{ClientAuthentication, SigningAlgorithm};
use schemars::{JsonSchema, Schema, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    credentials::{ClientSecretRefs, CredentialSettings},
    setting::Setting,
    value::{ConfigValue, InvalidValue},
};

#[derive(Deserialize, JsonSchema)]
pub(super) struct IdentitySettings {
    /// The client id of the managed identity. Each service has its own identity.
    pub(super) client_id: Setting<String>,
    /// The reference of the client secret, never the secret itself: `env:NAME`, `file:/path`, or a
    /// name at the `secret_provider`. In a list, the first reference that can be read is used.
    pub(super) client_secret_ref: Setting<ClientSecretRefs>,
    /// The provider of the secret, if `client_secret_ref` does not name one: env, file, systemd, or
    /// a provider that the program registers.
    pub(super) secret_provider: Setting<String>,
    /// The URL of Passport, the issuer of the tokens. Defaults to
    /// `https://passport.bizfirst.ai`.
    #[schemars(extend("format" = "uri"))]
    pub(super) passport_base_url: Setting<String>,
    /// The URL of token requests. Defaults to `/passport/token` below `passport_base_url`.
    #[schemars(extend("format" = "uri"))]
    pub(super) token_url: Setting<String>,
    /// The requested scopes: a list, or one string with spaces. Defaults to openid and roles.
    pub(super) scopes: Setting<Vec<String>>,
    /// Whether tokens are cached. Defaults to true. Set it to false for serverless
    /// functions that start a process for each invocation.
    pub(super) cache_tokens: Setting<bool>,
    /// The store in which a fleet shares its tokens, or the sidecar that provides them: a table
    /// with the name of the store and its settings. Defaults to a cache in memory.
    pub(super) cache: Setting<Store>,
    /// How long before its expiry a token is refreshed. Defaults to 60 s.
    pub(super) refresh_threshold: Setting<Duration>,
    /// The time limit of one token fetch, which includes reading the secret. Defaults to 10 s.
    pub(super) request_timeout: Setting<Duration>,
    /// How the service authenticates token requests. Defaults to `client_secret_basic`.
    pub(super) client_authentication: Setting<ClientAuthentication>,
    /// For `private_key_jwt`: the signature algorithm. Defaults to RS256.
    pub(super) signing_algorithm: Setting<SigningAlgorithm>,
    /// For `private_key_jwt`: the id of the signing key (kid). Defaults to none.
    pub(super) key_id: Setting<String>,
    /// For `private_key_jwt`: the audience of the assertion. Defaults to the token URL.
    pub(super) assertion_audience: Setting<String>,
    /// The URL of the called service, for a `ManagedIdentityHttpClient`.
    #[schemars(extend("format" = "uri"))]
    pub(super) base_url: Setting<String>,
    /// Other origins that are allowed to receive the token. Defaults to none.
    pub(super) also_allow: Setting<Vec<String>>,
    /// A PEM file with the certificates of a private CA, trusted in addition to the system's, for
    /// Passport and the called service. Defaults to none.
    pub(super) ca_file: Setting<String>,
    /// Whether the URLs of Passport and the called service are allowed to be plain http. Only for a
    /// private network that is trusted or encrypted. Defaults to false.
    pub(super) danger_plain_http: Setting<bool>,
    /// The User-Agent header of requests to Passport and the called service. Defaults to
    /// `tower-passport/<version>`.
    pub(super) user_agent: Setting<HeaderValue>,
}

impl IdentitySettings {
    /// Returns the settings by which the identity authenticates.
    pub(super) fn credentials(&self) -> CredentialSettings<'_> {
        CredentialSettings {
            client_secret_ref: &self.client_secret_ref,
            secret_provider: &self.secret_provider,
            client_authentication: &self.client_authentication,
            signing_algorithm: &self.signing_algorithm,
            key_id: &self.key_id,
            assertion_audience: &self.assertion_audience,
        }
    }
}

/// A table with the name of a token store and its settings. The [`StoreFactory`] of the store
/// checks the settings.
///
/// [`StoreFactory`]: super::StoreFactory
pub(super) struct Store(pub(super) Map<String, Value>);

impl ConfigValue for Store {
    const IS_SECRET: bool = true;

    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let table = value.as_object().cloned().map(Self);
        table.ok_or("expected a table with a store, for example { redis = { ... } }".into())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1 })
    }
}
