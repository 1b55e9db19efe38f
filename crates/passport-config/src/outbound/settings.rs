//! The keys of one identity, from which advice and the JSON Schema are made.

use std::time::Duration;

use http::HeaderValue;
use passport_outbound::SigningAlgorithm;
use schemars::{JsonSchema, Schema, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    setting::Setting,
    value::{Choice, ConfigValue, InvalidValue, SecretReferences},
};

#[derive(Deserialize, JsonSchema)]
pub(super) struct IdentitySettings {
    /// The client id of the managed identity: one of its own for each service.
    pub(super) client_id: Setting<String>,
    /// Where the client secret is (`env:NAME`, `file:/path`), or what `secret_provider` finds it
    /// by; of several the first that answers. Never the secret itself.
    pub(super) client_secret_ref: Setting<ClientSecretReferences>,
    /// Who finds the secret, if `client_secret_ref` does not say: env, file, or one that the program
    /// registers.
    pub(super) secret_provider: Setting<String>,
    /// Passport, which is the issuer of its tokens. `https://passport.bizfirst.ai` by default.
    #[schemars(extend("format" = "uri"))]
    pub(super) passport_base_url: Setting<String>,
    /// Where tokens are requested. `/passport/token` below the base URL by default.
    #[schemars(extend("format" = "uri"))]
    pub(super) token_url: Setting<String>,
    /// What is asked for. openid and roles by default.
    pub(super) scopes: Setting<Vec<String>>,
    /// Whether tokens are kept. True by default; false is for functions that end with their
    /// invocation.
    pub(super) cache_tokens: Setting<bool>,
    /// Where a fleet shares its tokens, or the sidecar that has them: a table with one key, its
    /// name, and settings. In memory by default.
    pub(super) cache: Setting<Store>,
    /// How long before its expiry a token is refreshed. 60 s by default.
    pub(super) refresh_threshold: Setting<Duration>,
    /// The most that one attempt to get a token takes. 10 s by default.
    pub(super) request_timeout: Setting<Duration>,
    /// How the identity proves who it is. By default with its secret in a Basic
    /// header.
    pub(super) client_authentication: Setting<AuthMethod>,
    /// For `private_key_jwt`: what the key signs with. RS256 by default.
    pub(super) signing_algorithm: Setting<SigningAlgorithm>,
    /// For `private_key_jwt`: the name of the key (kid). None by default.
    pub(super) key_id: Setting<String>,
    /// For `private_key_jwt`: whom the assertion is for. The token URL by default.
    pub(super) assertion_audience: Setting<String>,
    /// The service that is called, for a `ManagedIdentityHttpClient`.
    #[schemars(extend("format" = "uri"))]
    pub(super) base_url: Setting<String>,
    /// Other origins that may see the token. None by default.
    pub(super) also_allow: Setting<Vec<String>>,
    /// A PEM file with the certificates of a private CA, trusted beside the system's, for Passport
    /// and for the service that is called. None by default.
    pub(super) ca_file: Setting<String>,
    /// True lets Passport and the services that are called have plain http URLs, for a private
    /// network that is trusted or encrypted. False by default.
    pub(super) danger_plain_http: Setting<bool>,
    /// The User-Agent of requests to Passport and to the service that is called.
    /// `tower-passport/<version>` by default.
    pub(super) user_agent: Setting<HeaderValue>,
}

/// The words for client authentication.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum AuthMethod {
    ClientSecretBasic,
    ClientSecretBasicRaw,
    ClientSecretPost,
    PrivateKeyJwt,
}

impl Choice for AuthMethod {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("client_secret_basic", Self::ClientSecretBasic),
        ("client_secret_basic_raw", Self::ClientSecretBasicRaw),
        ("client_secret_post", Self::ClientSecretPost),
        ("private_key_jwt", Self::PrivateKeyJwt),
    ];
}

impl Choice for SigningAlgorithm {
    const WORDS: &'static [(&'static str, Self)] =
        &[("RS256", Self::Rs256), ("PS256", Self::Ps256), ("ES256", Self::Es256)];
}

/// References of the client secret. One text is one reference, which may contain spaces.
pub(super) struct ClientSecretReferences(pub(super) Vec<String>);

impl ConfigValue for ClientSecretReferences {
    const IS_SECRET_REFERENCE: bool = true;

    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let references = match value {
            Value::Array(values) if values.is_empty() => Err("it is empty; name at least one".into()),
            Value::Array(values) => values.iter().map(String::parse).collect(),
            _ => String::parse(value).map(|text| vec![text]),
        };
        references.map(Self)
    }

    fn schema() -> Schema {
        SecretReferences::schema()
    }
}

/// A table with one store, whose keys its kind knows.
pub(super) struct Store(pub(super) Map<String, Value>);

impl ConfigValue for Store {
    const IS_SECRET: bool = true;

    fn parse(value: &Value) -> Result<Self, InvalidValue> {
        let table = value.as_object().cloned().map(Self);
        table.ok_or("it is not a table; name a store in it: { redis = { ... } }".into())
    }

    fn schema() -> Schema {
        json_schema!({ "type": "object", "additionalProperties": false, "minProperties": 1, "maxProperties": 1 })
    }
}
