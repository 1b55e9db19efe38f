//! Token stores in a configuration.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::{Request, Response};
use passport_core::{HttpClient, ResponseLimits, SecretProviders, Transport, TransportError};
use passport_outbound::TokenCache;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;

use super::*;
use crate::{ConfigValue, InvalidValue, Reader, SecretRefValue, Setting};

/// A store that requires the setting `name`, and is a cache in memory.
#[derive(Debug)]
struct Named;

#[derive(Deserialize, JsonSchema)]
struct NamedSettings {
    /// The name.
    name: Setting<String>,
    /// The reference of the key.
    key_ref: Setting<SecretRefValue>,
}

impl StoreFactory for Named {
    type Settings = NamedSettings;

    fn cache(&self, settings: &NamedSettings, reader: &mut Reader<'_>) -> Option<TokenCache> {
        reader.require(&settings.name, "set the name");
        reader.secret(&settings.key_ref);
        Some(TokenCache::memory())
    }
}

fn with_named_store(settings: &Value) -> ManagedIdentityConfig {
    serde_json::from_value(json!({
        "client_id": "mi-1", "client_secret_ref": "env:SECRET", "cache": { "named": settings },
    }))
    .unwrap()
}

#[test]
fn unknown_store_is_reported_without_its_settings() {
    let messages = mistakes_with(&json!({ "cache": { "redis": { "url": "hidden" } } }));
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(
        messages[0].starts_with("cache.redis: ") && messages[0].contains("ConfigRegistry::with_store"),
        "{messages:?}"
    );
    assert!(!messages[0].contains("hidden"));
}

#[test]
fn mistakes_of_a_store_are_reported_under_its_name() {
    let registry = ConfigRegistry::default().with_store("named", Named);
    let built = with_named_store(&json!({ "nam": "x", "key_ref": "hidden" })).build_with(&registry);
    let messages: Vec<_> =
        built.unwrap_err().problems().iter().map(|problem| problem.option.to_string()).collect();
    assert_eq!(messages, ["cache.named.nam", "cache.named.name", "cache.named.key_ref"]);
    assert!(with_named_store(&json!("x")).build_with(&registry).is_err());
    assert!(with_named_store(&json!({ "name": "x" })).build_with(&registry).is_ok());
}

/// A Passport that issues a token for every request, and counts the requests.
#[derive(Clone, Debug, Default)]
struct CountingPassport(Arc<AtomicUsize>);

impl HttpClient for CountingPassport {
    async fn send(&self, _: Request<Bytes>, _: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "access_token": "token", "token_type": "Bearer", "expires_in": 3600 });
        Ok(Response::new(Bytes::from(body.to_string())))
    }
}

#[tokio::test]
async fn identities_with_equal_cache_settings_share_a_cache() {
    let registry = ConfigRegistry::default().with_store("named", Named);
    let (passport, secret) = (CountingPassport::default(), tempfile::NamedTempFile::new().unwrap());
    std::fs::write(secret.path(), "s3cret").unwrap();
    let fetches = async |name: &str, registry: &ConfigRegistry| {
        let mut config = with_named_store(&json!({ "name": name }));
        let reference = format!("file:{}", secret.path().display());
        config.values.as_mut().unwrap().insert("client_secret_ref".to_owned(), reference.into());
        let builder = config.builder(registry).unwrap();
        let before = passport.0.load(Ordering::Relaxed);
        builder.transport(Transport::new(passport.clone())).build().unwrap().token().await.unwrap();
        passport.0.load(Ordering::Relaxed) > before
    };
    assert!(fetches("x", &registry).await);
    assert!(!fetches("x", &registry.clone()).await);
    assert!(fetches("y", &registry).await);
    for others in [
        ConfigRegistry::default().with_store("named", Named),
        registry.clone().with_secrets(SecretProviders::default()),
        registry.clone().with_store("named", Named),
    ] {
        assert!(fetches("x", &others).await, "other registries do not share caches");
    }
}

#[test]
fn cache_conflicts_with_disabled_caching() {
    let mut config = with_named_store(&json!({ "name": "x" }));
    config.values.as_mut().unwrap().insert("cache_tokens".to_owned(), json!(false));
    let built = config.build_with(ConfigRegistry::default().with_store("named", Named));
    assert_eq!(built.unwrap_err().problems()[0].option, "cache_tokens");
}

/// A type of setting values that another crate could define. The values are secret references.
struct Vault;

impl ConfigValue for Vault {
    const IS_SECRET_REFERENCE: bool = true;

    fn parse(_: &Value) -> Result<Self, InvalidValue> {
        Err("not valid".into())
    }

    fn schema() -> Schema {
        String::schema()
    }
}

#[derive(Debug)]
struct ThirdParty;

#[derive(Deserialize, JsonSchema)]
struct ThirdPartySettings {
    vault: Setting<Vault>,
    url: Setting<String>,
}

impl StoreFactory for ThirdParty {
    type Settings = ThirdPartySettings;

    fn cache(&self, settings: &ThirdPartySettings, reader: &mut Reader<'_>) -> Option<TokenCache> {
        reader.read(&settings.url);
        reader.read(&settings.vault).map(|_| TokenCache::memory())
    }
}

#[test]
fn secret_references_of_third_party_types_are_listed() {
    let registry = ConfigRegistry::default().with_store("named", ThirdParty);
    let config = with_named_store(&json!({ "vault": "env:hidden", "url": "env:URL" }));
    let sources = config.secret_sources(&registry);
    let keys: Vec<_> = sources.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["client_secret_ref", "cache.named.vault"]);
    let error = config.build_with(&registry).unwrap_err().to_string();
    assert!(error.contains("cache.named.vault: not valid") && !error.contains("hidden"), "{error}");
    let schema = ManagedIdentityConfig::json_schema(&registry).to_string();
    assert!(!schema.contains("secret-reference"), "{schema}");
}

#[test]
fn store_that_replaces_the_sidecar_needs_the_secret() {
    let registry = ConfigRegistry::default().with_store("sidecar", Named);
    let config = |with_secret: Value| -> ManagedIdentityConfig {
        let mut config = json!({ "client_id": "mi-1", "cache": { "sidecar": { "name": "x" } } });
        config["client_secret_ref"] = with_secret;
        serde_json::from_value(config).unwrap()
    };
    let error = config(json!(null)).build_with(&registry).unwrap_err();
    assert!(error.to_string().contains("client_secret_ref: missing"), "{error}");
    config(json!("env:SECRET")).build_with(&registry).unwrap();
    assert_eq!(config(json!("env:SECRET")).secret_sources(&registry).len(), 1);
}
