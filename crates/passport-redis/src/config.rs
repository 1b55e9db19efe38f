//! A store as a configuration describes it.

use passport_config::{ConfigKey, StoreKind, StoreSettings};
use passport_outbound::TokenCache;

use crate::{EncryptionKeys, RedisTokenStore, RedisTokenStoreBuilder};

/// Lets a configuration say `cache = { redis = { .. } }`.
///
/// | key | |
/// |---|---|
/// | `url` | `redis://host:6379`, `rediss://host:6379` with TLS, `unix:///path`; `/2` behind it, of a socket `?db=2`, is the database |
/// | `cluster` | URLs of some nodes of a Cluster, instead of `url` (feature `cluster`) |
/// | `sentinels`, `sentinel_service` | URLs of Sentinels, and what they call the master, instead of `url` (feature `sentinel`) |
/// | `encryption_keys` | where the keys are: the first seals, all open; required |
/// | `danger_unencrypted` | true for no encryption, instead of keys |
/// | `namespace` | what every name in Redis begins with |
/// | `username`, `password_ref` | the ACL user, and where its password is |
/// | `sentinel_username`, `sentinel_password_ref` | the same at the Sentinels |
/// | `ca_file` | a PEM file with a private CA, for Redis instead of the operating system's |
/// | `tls_certificate_ref`, `tls_key_ref` | where our own certificate and its key are |
/// | `limit` | the most that Redis may take in one go |
///
/// ```
/// use passport_config::{ManagedIdentityConfig, Providers};
/// use passport_outbound::ConfigError;
/// use passport_redis::RedisStores;
///
/// let config: ManagedIdentityConfig = serde_json::from_str(r#"{
///     "client_id": "mi-payroll-clientid",
///     "client_secret_ref": "env:PAYROLL_SECRET",
///     "cache": { "redis": { "url": "rediss://cache.internal:6379", "encryption_keys": "env:TOKEN_CACHE_KEY" } }
/// }"#)?;
/// let identity = config.build_with(Providers::default().with_store("redis", RedisStores))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RedisStores;

const URL: &str = "url";
const CLUSTER: &str = "cluster";
const SENTINELS: &str = "sentinels";
const SENTINEL_SERVICE: &str = "sentinel_service";
const ENCRYPTION_KEYS: &str = "encryption_keys";
const DANGER_UNENCRYPTED: &str = "danger_unencrypted";
const NAMESPACE: &str = "namespace";
const USERNAME: &str = "username";
const PASSWORD_REF: &str = "password_ref";
const SENTINEL_USERNAME: &str = "sentinel_username";
const SENTINEL_PASSWORD_REF: &str = "sentinel_password_ref";
const CA_FILE: &str = "ca_file";
const TLS_CERTIFICATE_REF: &str = "tls_certificate_ref";
const TLS_KEY_REF: &str = "tls_key_ref";
const LIMIT: &str = "limit";

static KEYS: &[ConfigKey] = &[
    ConfigKey::url(URL, "The Redis: redis://host:6379, rediss://host:6379 with TLS, or unix:///path."),
    ConfigKey::words(CLUSTER, "URLs of some nodes of a Redis Cluster, in the place of url."),
    ConfigKey::words(SENTINELS, "URLs of Sentinels, in the place of url."),
    ConfigKey::text(SENTINEL_SERVICE, "What the Sentinels call the master."),
    ConfigKey::secret_references(
        ENCRYPTION_KEYS,
        "Where the keys are that tokens are encrypted with: 32 bytes in base64 each. The first seals, all open.",
    ),
    ConfigKey::switch(DANGER_UNENCRYPTED, "True for no encryption, in the place of encryption_keys."),
    ConfigKey::text(NAMESPACE, "What every name in Redis begins with. passport by default."),
    ConfigKey::text(USERNAME, "The ACL user. Redis' own, default, by default."),
    ConfigKey::secret_reference(PASSWORD_REF, "Where the password is. None by default."),
    ConfigKey::text(SENTINEL_USERNAME, "The ACL user at the Sentinels."),
    ConfigKey::secret_reference(SENTINEL_PASSWORD_REF, "Where the password for the Sentinels is."),
    ConfigKey::text(
        CA_FILE,
        "A PEM file with the certificates of a private CA, trusted for Redis instead of the operating system's.",
    ),
    ConfigKey::secret_reference(
        TLS_CERTIFICATE_REF,
        "Where our own certificate is, for a Redis that asks for one.",
    ),
    ConfigKey::secret_reference(TLS_KEY_REF, "Where the key of our certificate is."),
    ConfigKey::duration(
        LIMIT,
        "The most that Redis may take for what it is asked in one go, before a token is fetched and after it. 500 ms by default.",
    ),
];

impl StoreKind for RedisStores {
    fn keys(&self) -> &'static [ConfigKey] {
        KEYS
    }

    fn cache(&self, settings: &mut StoreSettings<'_>) -> Option<TokenCache> {
        let keys = keys(settings);
        // With a placeholder, so that other mistakes are reported as well.
        let (url, servers) = servers(settings, keys.clone());
        let is_missing = servers.is_none();
        let mut builder = servers.unwrap_or_else(|| RedisTokenStore::builder("redis://unused", keys));
        if let Some(namespace) = settings.text(NAMESPACE) {
            builder = builder.namespace(namespace);
        }
        if let Some(username) = settings.text(USERNAME) {
            builder = builder.username(username);
        }
        if let Some(password) = settings.secret(PASSWORD_REF) {
            builder = builder.password(password);
        }
        if let Some(username) = settings.text(SENTINEL_USERNAME) {
            builder = builder.sentinel_username(username);
        }
        if let Some(password) = settings.secret(SENTINEL_PASSWORD_REF) {
            builder = builder.sentinel_password(password);
        }
        if let Some(limit) = settings.duration(LIMIT) {
            builder = builder.limit(limit);
        }
        let (tls, builder) = with_tls(settings, builder);
        let built = builder.build();
        for problem in built.as_ref().err().iter().flat_map(|error| error.problems()) {
            settings.wrong(key_of(&problem.option, url, tls), &problem.problem);
        }
        built.ok().filter(|_| !is_missing).map(TokenCache::shared)
    }
}

fn keys(settings: &mut StoreSettings<'_>) -> EncryptionKeys {
    let unencrypted = settings.switch(DANGER_UNENCRYPTED) == Some(true);
    let mut sources = settings.secrets(ENCRYPTION_KEYS).into_iter();
    let first = sources.next();
    if unencrypted && first.is_some() {
        settings.wrong(DANGER_UNENCRYPTED, "it contradicts encryption_keys; leave one of them out");
    }
    if !unencrypted && first.is_none() {
        settings.wrong(
            ENCRYPTION_KEYS,
            "say where the key is: env:NAME or file:/path, made with `openssl rand -base64 32`",
        );
    }
    let keys = first.map_or_else(EncryptionKeys::danger_unencrypted, EncryptionKeys::new);
    sources.fold(keys, EncryptionKeys::also_accepting)
}

/// Returns a builder for the server, Cluster or Sentinels, and the key that names them. Each key is
/// read once, as each read reports its mistakes.
fn servers(
    settings: &mut StoreSettings<'_>,
    keys: EncryptionKeys,
) -> (&'static str, Option<RedisTokenStoreBuilder>) {
    let (url, cluster) = (settings.text(URL), settings.words(CLUSTER));
    let (sentinels, service) = (settings.words(SENTINELS), settings.text(SENTINEL_SERVICE));
    if service.is_some() != sentinels.is_some() {
        settings.wrong(SENTINEL_SERVICE, "sentinels and sentinel_service go together");
    }
    match (url, cluster, sentinels) {
        (Some(url), None, None) => (URL, Some(RedisTokenStore::builder(url, keys))),
        (None, Some(nodes), None) => (CLUSTER, cluster_of(settings, nodes, keys)),
        (None, None, Some(sentinels)) => {
            (SENTINELS, sentinel_of(settings, sentinels, service.unwrap_or_default(), keys))
        }
        (None, None, None) => {
            settings.wrong(URL, "it is missing; write redis://host:6379, rediss://host:6379 or unix:///path");
            (URL, None)
        }
        _ => {
            settings.wrong(URL, "of url, cluster and sentinels there may be one");
            (URL, None)
        }
    }
}

#[cfg(feature = "cluster")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature there is none")]
fn cluster_of(
    _: &mut StoreSettings<'_>,
    nodes: Vec<String>,
    keys: EncryptionKeys,
) -> Option<RedisTokenStoreBuilder> {
    Some(RedisTokenStore::cluster(nodes, keys))
}

#[cfg(not(feature = "cluster"))]
fn cluster_of(
    settings: &mut StoreSettings<'_>,
    _: Vec<String>,
    _: EncryptionKeys,
) -> Option<RedisTokenStoreBuilder> {
    settings.wrong(CLUSTER, "passport-redis was built without its feature `cluster`");
    None
}

#[cfg(feature = "sentinel")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature there is none")]
fn sentinel_of(
    _: &mut StoreSettings<'_>,
    sentinels: Vec<String>,
    service: String,
    keys: EncryptionKeys,
) -> Option<RedisTokenStoreBuilder> {
    Some(RedisTokenStore::sentinel(sentinels, service, keys))
}

#[cfg(not(feature = "sentinel"))]
fn sentinel_of(
    settings: &mut StoreSettings<'_>,
    _: Vec<String>,
    _: String,
    _: EncryptionKeys,
) -> Option<RedisTokenStoreBuilder> {
    settings.wrong(SENTINELS, "passport-redis was built without its feature `sentinel`");
    None
}

/// Returns the key that asks for TLS, and the builder with it.
fn with_tls(
    settings: &mut StoreSettings<'_>,
    builder: RedisTokenStoreBuilder,
) -> (&'static str, RedisTokenStoreBuilder) {
    let ca_file = settings.text(CA_FILE);
    let key = if ca_file.is_some() { CA_FILE } else { TLS_CERTIFICATE_REF };
    let builder = ca_file.into_iter().fold(builder, RedisTokenStoreBuilder::ca_file);
    let builder = match (settings.secret(TLS_CERTIFICATE_REF), settings.secret(TLS_KEY_REF)) {
        (Some(certificate), Some(key)) => builder.tls_identity(certificate, key),
        (None, None) => builder,
        _ => {
            settings.wrong(TLS_KEY_REF, "tls_certificate_ref and tls_key_ref go together");
            builder
        }
    };
    (key, builder)
}

/// Returns the configuration key of a builder's option.
fn key_of(option: &str, url: &'static str, tls: &'static str) -> &'static str {
    match option {
        "ca_file" => CA_FILE,
        "namespace" => NAMESPACE,
        "limit" => LIMIT,
        "password" => PASSWORD_REF,
        "sentinel_password" => SENTINEL_PASSWORD_REF,
        "tls" => tls,
        _ => url,
    }
}

#[cfg(test)]
mod tests;
