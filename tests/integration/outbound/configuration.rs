//! Each option of a managed identity, from TOML, YAML and JSON, and from the environment.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use config::{Config, Environment, File, FileFormat};
use http::{Request, Response};
use passport_config::{ConfigRegistry, ManagedIdentitiesConfig, ManagedIdentityConfig};
use passport_dev::{ClientKeyKind, DevPassport};
use passport_outbound::{
    HttpClient, HttpClientError, ManagedIdentity, ManualClock, ResolvedSecret, ResponseLimits, Secret,
    SecretError, SecretProvider, SecretProviders, SecretRef, Transport, TransportError,
};
use passport_redis::RedisStoreFactory;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::harness::{START, http};

/// Returns the configuration with `settings` from each format and from the environment.
fn from_everywhere(settings: &Value) -> Vec<(&'static str, ManagedIdentityConfig)> {
    let toml = toml_of(settings);
    // Written as YAML, because JSON, a subset of it, is tested separately.
    let yaml: String = fields(settings).map(|(key, value)| format!("{key}: {value}\n")).collect();
    let read = |text: &str, format| config_of(Config::builder().add_source(File::from_str(text, format)));
    vec![
        ("toml", read(&toml, FileFormat::Toml)),
        ("yaml", read(&yaml, FileFormat::Yaml)),
        ("json", read(&settings.to_string(), FileFormat::Json)),
        ("environment", config_of(Config::builder().add_source(environment(settings)))),
    ]
}

pub(super) fn config_of<T: serde::de::DeserializeOwned>(
    builder: config::ConfigBuilder<config::builder::DefaultState>,
) -> T {
    builder.build().unwrap().try_deserialize().unwrap()
}

fn fields(settings: &Value) -> impl Iterator<Item = (&String, &Value)> {
    settings.as_object().unwrap().iter()
}

fn toml_of(settings: &Value) -> String {
    fields(settings).map(|(key, value)| format!("{key} = {value}\n")).collect()
}

/// Returns `PASSPORT_CLIENT_ID=...` and the others. A list is one string in the environment.
fn environment(settings: &Value) -> Environment {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    let variables: HashMap<_, _> = fields(settings)
        .map(|(key, value)| (format!("PASSPORT_{}", key.to_uppercase()), text(value)))
        .collect();
    Environment::with_prefix("PASSPORT").source(Some(variables))
}

/// Responds to every request with a token, and records the request.
#[derive(Clone, Debug, Default)]
struct Recorder(Arc<Mutex<Vec<Request<Bytes>>>>);

impl HttpClient for Recorder {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        let answer = match request.method() {
            &http::Method::POST => {
                json!({ "access_token": "token", "token_type": "Bearer", "expires_in": 3600 })
            }
            _ => json!({}),
        };
        self.0.lock().unwrap().push(request);
        Ok(Response::new(Bytes::from(answer.to_string())))
    }
}

impl Recorder {
    /// Returns the token requests so far.
    fn token_requests(&self) -> Vec<Request<Bytes>> {
        let seen = self.0.lock().unwrap();
        seen.iter().filter(|request| request.method() == http::Method::POST).cloned().collect()
    }

    fn last(&self) -> Request<Bytes> {
        self.token_requests().pop().unwrap()
    }

    /// Returns a field of the last form.
    fn field(&self, name: &str) -> String {
        let request = self.last();
        let found = form_urlencoded::parse(request.body()).find(|(key, _)| key == name);
        found.unwrap_or_else(|| panic!("{name} was not sent")).1.into_owned()
    }

    fn basic(&self) -> String {
        let request = self.last();
        let shown = request.headers()["authorization"].to_str().unwrap().strip_prefix("Basic ").unwrap();
        String::from_utf8(BASE64_STANDARD.decode(shown).unwrap()).unwrap()
    }

    /// Returns a part of the last signed assertion.
    fn assertion(&self, part: usize) -> Value {
        let assertion = self.field("client_assertion");
        let part = assertion.split('.').nth(part).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }
}

/// A vault with two private keys. Any other secret is derived from its path.
#[derive(Clone, Debug, Default)]
struct Vault(HashMap<&'static str, String>);

impl SecretProvider for Vault {
    async fn resolve(&self, reference: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let key = self.0.get(reference.path()).cloned();
        Ok(ResolvedSecret::new(Secret::new(
            key.unwrap_or_else(|| format!("what-is-at-{}", reference.path())),
        )))
    }
}

/// Returns `settings` with a client id and a secret reference.
fn with_required_settings(settings: &Value) -> Value {
    let mut all = json!({ "client_id": "mi-1", "client_secret_ref": "vault:erp" });
    all.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    all
}

fn built_on(
    config: &ManagedIdentityConfig,
    vault: &Vault,
    transport: impl HttpClient,
) -> (ManagedIdentity, ManualClock) {
    let secrets =
        SecretProviders::default().with("vault", vault.clone()).with("azure_key_vault", vault.clone());
    let clock = ManualClock::at_unix_seconds(START);
    let builder = config.builder(&secrets).unwrap().transport(Transport::new(transport)).clock(clock.clone());
    (builder.build().unwrap(), clock)
}

/// Fetches a token with `settings` from each source, and checks the token request.
async fn check_request(settings: Value, check: impl Fn(&Recorder, &str)) {
    check_request_with_keys(settings, &Vault::default(), check).await;
}

async fn check_request_with_keys(settings: Value, vault: &Vault, check: impl Fn(&Recorder, &str)) {
    for (place, config) in from_everywhere(&with_required_settings(&settings)) {
        let passport = Recorder::default();
        built_on(&config, vault, passport.clone()).0.token().await.unwrap();
        check(&passport, place);
    }
}

#[tokio::test]
async fn client_id_and_client_secret_ref_are_used() {
    check_request(
        json!({ "client_id": "mi-erp-sync", "client_secret_ref": "vault:erp/v2" }),
        |passport, place| {
            assert_eq!(passport.basic(), "mi-erp-sync:what-is-at-erp%2Fv2", "{place}");
        },
    )
    .await;
}

#[tokio::test]
async fn dotnet_name_selects_the_secret_provider() {
    let reference = "https://kv.vault.azure.net/secrets/erp";
    let settings = json!({ "secret_provider": "AzureKeyVault", "client_secret_ref": reference });
    check_request(settings, |passport, place| {
        let secret = "what-is-at-https%3A%2F%2Fkv.vault.azure.net%2Fsecrets%2Ferp";
        assert_eq!(passport.basic(), format!("mi-1:{secret}"), "{place}");
    })
    .await;
}

/// In files only: the list is separated by blanks in the environment, and a part may contain
/// some.
#[tokio::test]
async fn first_resolvable_secret_ref_of_a_list_is_used() {
    let places =
        json!({ "client_secret_ref": ["env:PASSPORT_NO_SUCH_VARIABLE", "vault:erp", "vault:other"] });
    for (place, config) in &from_everywhere(&with_required_settings(&places))[..3] {
        let passport = Recorder::default();
        built_on(config, &Vault::default(), passport.clone()).0.token().await.unwrap();
        assert_eq!(passport.basic(), "mi-1:what-is-at-erp", "{place}");
    }
}

#[tokio::test]
async fn passport_base_url_sets_the_token_url() {
    check_request(json!({ "passport_base_url": "https://passport.example" }), |passport, place| {
        assert_eq!(passport.last().uri(), "https://passport.example/passport/token", "{place}");
    })
    .await;
    check_request(json!({}), |passport, place| {
        assert_eq!(passport.last().uri(), "https://passport.bizfirst.ai/passport/token", "{place}");
    })
    .await;
}

#[tokio::test]
async fn token_url_overrides_the_default() {
    check_request(json!({ "token_url": "https://login.example/oauth/token" }), |passport, place| {
        assert_eq!(passport.last().uri(), "https://login.example/oauth/token", "{place}");
    })
    .await;
}

#[tokio::test]
async fn scopes_are_a_list_or_one_string() {
    for scopes in [json!(["openid", "tenant"]), json!("openid tenant")] {
        check_request(json!({ "scopes": scopes }), |passport, place| {
            assert_eq!(passport.field("scope"), "openid tenant", "{place}");
        })
        .await;
    }
}

#[tokio::test]
async fn cache_tokens_enables_the_cache() {
    for (cache_tokens, requests) in [(json!(true), 1), (json!(false), 2)] {
        for (place, config) in
            from_everywhere(&with_required_settings(&json!({ "cache_tokens": cache_tokens })))
        {
            let passport = Recorder::default();
            let (identity, _) = built_on(&config, &Vault::default(), passport.clone());
            identity.token().await.unwrap();
            identity.token().await.unwrap();
            assert_eq!(passport.token_requests().len(), requests, "{place}");
        }
    }
}

#[tokio::test]
async fn refresh_threshold_sets_the_start_of_a_refresh() {
    for threshold in [json!(600), json!("10m"), json!("00:10:00")] {
        let settings = with_required_settings(&json!({ "refresh_threshold": threshold }));
        for (place, config) in from_everywhere(&settings) {
            let passport = Recorder::default();
            let (identity, clock) = built_on(&config, &Vault::default(), passport.clone());
            identity.token().await.unwrap();
            // Refreshes of a token for one hour begin up to 30 s before the threshold.
            for (seconds, requests) in [(2_960, 1), (41, 2)] {
                clock.advance(Duration::from_secs(seconds));
                identity.token().await.unwrap();
                while identity.status().is_fetching() {
                    tokio::task::yield_now().await;
                }
                assert_eq!(passport.token_requests().len(), requests, "{place} {threshold} {seconds}");
            }
        }
    }
}

/// Never responds.
#[derive(Debug)]
struct Silent;

impl HttpClient for Silent {
    async fn send(&self, _: Request<Bytes>, _: ResponseLimits) -> Result<Response<Bytes>, TransportError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn request_timeout_limits_one_attempt() {
    for (place, config) in from_everywhere(&with_required_settings(&json!({ "request_timeout": "3s" }))) {
        let (identity, _) = built_on(&config, &Vault::default(), Silent);
        let began = Instant::now();
        identity.token().await.unwrap_err();
        assert_eq!(began.elapsed().as_secs(), 3, "{place}");
    }
}

#[tokio::test]
async fn client_authentication_selects_the_method() {
    let settings =
        |method: &str| json!({ "client_authentication": method, "client_secret_ref": "vault:a b" });
    check_request(settings("client_secret_basic"), |passport, place| {
        assert_eq!(passport.basic(), "mi-1:what-is-at-a+b", "{place}");
    })
    .await;
    check_request(settings("client_secret_basic_raw"), |passport, place| {
        assert_eq!(passport.basic(), "mi-1:what-is-at-a b", "{place}");
    })
    .await;
    check_request(settings("client_secret_post"), |passport, place| {
        assert_eq!(passport.field("client_secret"), "what-is-at-a b", "{place}");
    })
    .await;
}

#[tokio::test]
async fn assertion_settings_are_used_for_signing() {
    let passport = DevPassport::start().await.unwrap();
    let key = |name: &str, kind| {
        passport.managed_identity(name).signs_with(kind).create().private_key().unwrap().to_owned()
    };
    let vault = Vault(HashMap::from([
        ("rsa", key("a", ClientKeyKind::Rsa)),
        ("p256", key("b", ClientKeyKind::P256)),
    ]));
    let settings = |key: &str, algorithm: &str| {
        json!({
            "client_authentication": "private_key_jwt",
            "client_secret_ref": format!("vault:{key}"),
            "signing_algorithm": algorithm,
            "key_id": "key-7",
            "assertion_audience": "https://passport.example",
        })
    };
    for (key, algorithm) in [("rsa", "RS256"), ("rsa", "PS256"), ("p256", "ES256")] {
        check_request_with_keys(settings(key, algorithm), &vault, |passport, place| {
            assert_eq!(passport.assertion(0)["alg"], algorithm, "{place}");
            assert_eq!(passport.assertion(0)["kid"], "key-7", "{place}");
            assert_eq!(passport.assertion(1)["aud"], "https://passport.example", "{place}");
        })
        .await;
    }
}

#[tokio::test]
async fn base_url_and_also_allow_set_the_allowed_origins() {
    let settings = with_required_settings(&json!({
        "base_url": "http://127.0.0.1:9",
        "also_allow": ["http://127.0.0.1:8", "https://localhost:7"],
    }));
    for (place, config) in from_everywhere(&settings) {
        let (identity, _) = built_on(&config, &Vault::default(), Recorder::default());
        let client = config.http_client_builder(identity).unwrap().client(http()).build().unwrap();
        for (url, is_allowed) in [
            ("/path", true),
            ("http://127.0.0.1:9/path", true),
            ("http://127.0.0.1:8/", true),
            ("https://localhost:7/", true),
            ("http://127.0.0.1:7/", false),
            ("//localhost:9/", false),
        ] {
            let sent = client.get(url).send().await;
            let was_sent = !matches!(sent, Err(HttpClientError::Attach(_) | HttpClientError::InvalidPath(_)));
            assert_eq!(was_sent, is_allowed, "{place} {url}");
        }
    }
}

#[tokio::test]
async fn one_file_configures_several_named_identities() {
    let settings = json!({
        "erp": { "client_id": "mi-erp", "client_secret_ref": "env:ERP" },
        "payroll": { "client_id": "mi-payroll", "client_secret_ref": "env:PAYROLL" },
    });
    let toml: String =
        fields(&settings).map(|(name, one)| format!("[identities.{name}]\n{}", toml_of(one))).collect();
    let variables: HashMap<_, _> = fields(&settings)
        .flat_map(|(name, one)| fields(one).map(move |(key, value)| (name, key, value)))
        .map(|(name, key, value)| (format!("PASSPORT__IDENTITIES__{name}__{key}").to_uppercase(), value))
        .map(|(key, value)| (key, value.as_str().unwrap().to_owned()))
        .collect();
    let environment = Environment::with_prefix("PASSPORT").separator("__").source(Some(variables));
    for (place, config) in [
        ("toml", config_of(Config::builder().add_source(File::from_str(&toml, FileFormat::Toml)))),
        ("environment", config_of::<ManagedIdentitiesConfig>(Config::builder().add_source(environment))),
    ] {
        let identities = config.build().unwrap();
        let found: Vec<_> =
            identities.iter().map(|(name, identity)| (name, identity.client_id().as_str())).collect();
        assert_eq!(found, [("erp", "mi-erp"), ("payroll", "mi-payroll")], "{place}");
    }
}

#[test]
fn environment_overrides_the_file() {
    let file = toml_of(&json!({ "client_id": "mi-file", "client_secret_ref": "env:ERP" }));
    let config: ManagedIdentityConfig = config_of(
        Config::builder()
            .add_source(File::from_str(&file, FileFormat::Toml))
            .add_source(environment(&json!({ "client_id": "mi-environment" }))),
    );
    assert_eq!(config.build().unwrap().client_id().as_str(), "mi-environment");
}

#[test]
fn documented_files_are_valid() {
    let page = include_str!("../../../docs/configuration.md");
    // The files of verifiers are tested by passport-config.
    let (page, _) = page.split_once("## Verifier configuration\n").unwrap();
    let files: Vec<_> =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let read = |file| Config::builder().add_source(File::from_str(file, FileFormat::Toml));
    let [one, several, private_ca, private_network] = files[..] else { panic!("{files:?}") };
    let config: ManagedIdentityConfig = config_of(read(one));
    config.http_client().unwrap();
    let with = |variable: &str| -> ManagedIdentityConfig {
        let variables = HashMap::from([(variable.to_owned(), "mi-other".to_owned())]);
        config_of(read(one).add_source(Environment::with_prefix("ERP_SYNC").source(Some(variables))))
    };
    assert_eq!(with("ERP_SYNC_CLIENT_ID").build().unwrap().client_id().as_str(), "mi-other");
    assert!(with("PASSPORT_CLIENT_SECRET").build().is_ok());
    assert!(
        with("ERP_SYNC_SECRET").build().unwrap_err().to_string().contains("rename the environment variable")
    );
    let config: ManagedIdentitiesConfig = config_of(read(several));
    config.build().unwrap().http_client("payroll").unwrap();
    let config: ManagedIdentityConfig = config_of(read(private_ca));
    let error = config.http_client().unwrap_err();
    let [problem] = error.problems() else { panic!("{error}") };
    assert_eq!(problem.option, "ca_file", "only the file is missing here");
    config_of::<ManagedIdentityConfig>(read(private_network)).http_client().unwrap();

    let page = include_str!("../../../docs/from-dotnet.md");
    let config: ManagedIdentityConfig =
        config_of(read(page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap()));
    config.http_client_with(SecretProviders::default().with("AzureKeyVault", Vault::default())).unwrap();
}

fn full_registry() -> ConfigRegistry {
    ConfigRegistry::default().with_store("redis", RedisStoreFactory)
}

/// Writes `docs/config.schema.json` with `UPDATE_SCHEMA=1 cargo test documented_schema`.
#[test]
fn documented_schema_is_that_of_the_code() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/config.schema.json");
    let schema =
        serde_json::to_string_pretty(&ManagedIdentitiesConfig::json_schema(&full_registry())).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(file, &schema).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), schema);
}

#[test]
fn tables_in_the_docs_have_the_keys_of_the_schema() {
    let schema = ManagedIdentityConfig::json_schema(&full_registry());
    let (identity, caching) = (&schema["properties"], include_str!("../../../docs/caching.md"));
    let rustdoc = include_str!("../../../crates/passport-config/src/outbound/identity.rs");
    for (page, header, schema) in [
        (include_str!("../../../docs/configuration.md"), "| key | |", identity),
        (rustdoc, "| key | |", identity),
        (caching, "| key | builder |", &identity["cache"]["properties"]["redis"]["properties"]),
    ] {
        let mut keys: Vec<_> = fields(schema).map(|(key, _)| key.as_str()).collect();
        keys.retain(|key| *key != "$schema");
        keys.sort_unstable();
        let table = page.split(header).nth(1).unwrap().lines().skip(2);
        let rows = table.map_while(|line| line.trim_start_matches("/// ").strip_prefix("| "));
        let cells = rows.map(|row| row.split(" | ").next().unwrap());
        let mut named: Vec<_> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
        named.sort_unstable();
        assert_eq!(named, keys);
    }
}

#[test]
fn schema_accepts_valid_settings_and_rejects_unknown_keys() {
    let one = jsonschema::validator_for(&ManagedIdentityConfig::json_schema(&full_registry())).unwrap();
    let several = jsonschema::validator_for(&ManagedIdentitiesConfig::json_schema(&full_registry())).unwrap();
    for (settings, is_right) in [
        (json!({}), true),
        (json!({ "scopes": "openid roles", "cache_tokens": "false", "refresh_threshold": "00:01:00" }), true),
        (json!({ "scopes": ["openid"], "cache_tokens": true, "refresh_threshold": 60 }), true),
        (json!({ "base_url": "https://erp.bizfirst.ai", "also_allow": ["https://b.example"] }), true),
        (json!({ "client_authentication": "private_key_jwt", "signing_algorithm": "ES256" }), true),
        (
            json!({ "cache": { "redis": { "url": "redis://host", "encryption_keys": ["env:A", "env:B"] } } }),
            true,
        ),
        (json!({ "cache": { "redis": { "uri": "redis://host" } } }), false),
        (json!({ "cache": { "redis": { "url": "redis://host" } } }), false),
        (json!({ "cache": { "redis": { "url": "redis://host", "danger_unencrypted": true } } }), true),
        (json!({ "cache": { "memcached": {} } }), false),
        (json!({ "cache": "redis" }), false),
        (json!({ "client_id": 7 }), false),
        (json!({ "scope": "openid" }), false),
        (json!({ "cache_tokens": "yes" }), false),
        (json!({ "client_authentication": "mtls" }), false),
        (json!({ "refresh_threshold": -1 }), false),
    ] {
        let settings = with_required_settings(&settings);
        assert_eq!(one.is_valid(&settings), is_right, "{settings}");
        assert_eq!(several.is_valid(&json!({ "identities": { "erp": settings } })), is_right);
    }
    assert!(!one.is_valid(&json!({ "client_id": "mi-1" })), "without a secret");
    assert!(!several.is_valid(&json!({ "identities": {} })));
}
