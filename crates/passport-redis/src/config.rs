//! Builds a store from a configuration: `cache = { redis = { .. } }`.

use std::time::Duration;

use passport_config::{AnySetting, Reader, SecretRefValue, SecretRefValues, Setting, StoreFactory};
use passport_outbound::TokenCache;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{EncryptionKeys, RedisTokenStore, RedisTokenStoreBuilder};

/// A [`StoreFactory`] that builds a [`RedisTokenStore`] from `cache = { redis = { .. } }`.
///
/// The settings are the fields of [`RedisSettings`]. A URL may end with a database: `/2`, or
/// `?db=2` for a Unix socket. The setting `cluster` needs the crate feature `cluster`, and
/// `sentinels` needs the crate feature `sentinel`.
///
/// ```
/// use passport_config::{ConfigRegistry, ManagedIdentityConfig};
/// use passport_outbound::ConfigError;
/// use passport_redis::RedisStoreFactory;
///
/// let config: ManagedIdentityConfig = serde_json::from_str(r#"{
///     "client_id": "mi-payroll-clientid",
///     "client_secret_ref": "env:PAYROLL_SECRET",
///     "cache": { "redis": {
///         "url": "rediss://cache.internal:6379",
///         "encryption_keys": "env:TOKEN_CACHE_KEY"
///     } }
/// }"#)?;
/// let registry = ConfigRegistry::default().with_store("redis", RedisStoreFactory);
/// let identity = config.build_with(registry)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct RedisStoreFactory;

/// The keys of `cache = { redis = { .. } }`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(extend("anyOf" = [{ "required": ["encryption_keys"] }, { "required": ["danger_unencrypted"] }]))]
#[non_exhaustive]
pub struct RedisSettings {
    /// The URL of Redis: `redis://host:6379`, `rediss://host:6379` with TLS, or `unix:///path`.
    #[schemars(extend("format" = "uri"))]
    pub url: Setting<String>,
    /// The URLs of some nodes of a Redis Cluster, instead of `url`. At least one must be reachable.
    pub cluster: Setting<Vec<String>>,
    /// The URLs of the Sentinels that report the master, instead of `url`.
    pub sentinels: Setting<Vec<String>>,
    /// The name under which the Sentinels monitor the master. Required with `sentinels`.
    pub sentinel_service: Setting<String>,
    /// The references of the keys that encrypt tokens: 32 bytes in base64 each. The first key
    /// encrypts, all keys decrypt. Required unless `danger_unencrypted` is true.
    pub encryption_keys: Setting<SecretRefValues>,
    /// Stores tokens unencrypted if true. Cannot be combined with `encryption_keys`.
    pub danger_unencrypted: Setting<bool>,
    /// The prefix of all keys and channels in Redis. Instances with the same namespace share
    /// tokens. Defaults to passport.
    pub namespace: Setting<String>,
    /// The ACL user of Redis. Requires `password_ref`. Defaults to the user `default`.
    pub username: Setting<String>,
    /// The reference of the Redis user's password. Defaults to no password.
    pub password_ref: Setting<SecretRefValue>,
    /// The ACL user of the Sentinels. Requires `sentinel_password_ref`. Defaults to the user
    /// `default`.
    pub sentinel_username: Setting<String>,
    /// The reference of the password for the Sentinels. Defaults to no password.
    pub sentinel_password_ref: Setting<SecretRefValue>,
    /// A PEM file with the certificates of a private CA. They are trusted for Redis instead of the
    /// operating system's.
    pub ca_file: Setting<String>,
    /// The reference of the client certificate (PEM), for a Redis that requires mutual TLS.
    /// Requires `tls_key_ref`.
    pub tls_certificate_ref: Setting<SecretRefValue>,
    /// The reference of the private key (PEM) of the client certificate. Requires
    /// `tls_certificate_ref`.
    pub tls_key_ref: Setting<SecretRefValue>,
    /// The time limit for the Redis commands before a token fetch, and for those after it, 10 ms to
    /// 5 s. Defaults to 500 ms.
    pub timeout: Setting<Duration>,
}

impl StoreFactory for RedisStoreFactory {
    type Settings = RedisSettings;

    fn cache(&self, settings: &RedisSettings, reader: &mut Reader<'_>) -> Option<TokenCache> {
        let keys = keys(settings, reader);
        // If no server is configured, a placeholder is used, so that the problems of the other
        // settings are reported as well.
        let (url, servers) = servers(settings, reader, keys.clone());
        let is_missing = servers.is_none();
        let builder = servers.unwrap_or_else(|| RedisTokenStore::builder("redis://unused", keys));
        let builder = reader.set(builder, &settings.namespace, RedisTokenStoreBuilder::namespace);
        let builder = reader.set(builder, &settings.username, RedisTokenStoreBuilder::username);
        let password = reader.secret(&settings.password_ref);
        let builder = password.into_iter().fold(builder, RedisTokenStoreBuilder::password);
        let builder =
            reader.set(builder, &settings.sentinel_username, RedisTokenStoreBuilder::sentinel_username);
        let password = reader.secret(&settings.sentinel_password_ref);
        let builder = password.into_iter().fold(builder, RedisTokenStoreBuilder::sentinel_password);
        let builder = reader.set(builder, &settings.timeout, RedisTokenStoreBuilder::timeout);
        let (tls, builder) = with_tls(settings, reader, builder);
        let built = builder.build();
        for problem in built.as_ref().err().iter().flat_map(|error| error.problems()) {
            let setting: &dyn AnySetting = match &*problem.option {
                "ca_file" => &settings.ca_file,
                "namespace" => &settings.namespace,
                "timeout" => &settings.timeout,
                "password" => &settings.password_ref,
                "sentinel_password" => &settings.sentinel_password_ref,
                "tls" => tls,
                _ => url,
            };
            reader.report(setting, &problem.problem);
        }
        built.ok().filter(|_| !is_missing).map(TokenCache::shared)
    }
}

/// Returns the encryption keys. If there is no valid key and `danger_unencrypted` is not true,
/// reports a problem and returns a placeholder that does not encrypt. No store is built after a
/// problem.
fn keys(settings: &RedisSettings, reader: &mut Reader<'_>) -> EncryptionKeys {
    let unencrypted = reader.read(&settings.danger_unencrypted) == Some(true);
    let mut sources = reader.secrets(&settings.encryption_keys).into_iter();
    let first = sources.next();
    if unencrypted && first.is_some() {
        let wrong = "contradicts encryption_keys; remove one of them";
        reader.report(&settings.danger_unencrypted, wrong);
    }
    if !unencrypted && first.is_none() {
        let wrong = "missing; set it to the reference of a key, env:NAME or file:/path; create the key with `openssl rand -base64 32`";
        reader.report(&settings.encryption_keys, wrong);
    }
    let keys = first.map_or_else(EncryptionKeys::danger_unencrypted, EncryptionKeys::new);
    sources.fold(keys, EncryptionKeys::with_previous_keys)
}

/// Returns the setting that has the URLs (`url`, `cluster` or `sentinels`), and a builder for
/// the servers at these URLs. If the setting is missing or invalid, reports the problem and
/// returns `None` instead of the builder.
fn servers<'a>(
    settings: &'a RedisSettings,
    reader: &mut Reader<'_>,
    keys: EncryptionKeys,
) -> (&'a dyn AnySetting, Option<RedisTokenStoreBuilder>) {
    let (url, cluster) = (reader.read(&settings.url), reader.read(&settings.cluster));
    let (sentinels, service) = (reader.read(&settings.sentinels), reader.read(&settings.sentinel_service));
    if service.is_some() != sentinels.is_some() {
        reader.report(&settings.sentinel_service, "set sentinels and sentinel_service together");
    }
    match (url, cluster, sentinels) {
        (Some(url), None, None) => (&settings.url, Some(RedisTokenStore::builder(url, keys))),
        (None, Some(nodes), None) => {
            #[cfg(feature = "cluster")]
            let servers = Some(RedisTokenStore::cluster(nodes, keys));
            #[cfg(not(feature = "cluster"))]
            let servers = without_feature(reader, &settings.cluster, "cluster", nodes);
            (&settings.cluster, servers)
        }
        (None, None, Some(sentinels)) => {
            #[cfg(feature = "sentinel")]
            let servers = Some(RedisTokenStore::sentinel(sentinels, service.unwrap_or_default(), keys));
            #[cfg(not(feature = "sentinel"))]
            let servers = without_feature(reader, &settings.sentinels, "sentinel", sentinels);
            (&settings.sentinels, servers)
        }
        (None, None, None) => {
            let wrong = "missing; write redis://host:6379, rediss://host:6379 or unix:///path";
            reader.report(&settings.url, wrong);
            (&settings.url, None)
        }
        _ => {
            reader.report(
                &settings.url,
                "contradicts cluster or sentinels; set only one of url, cluster and sentinels",
            );
            (&settings.url, None)
        }
    }
}

/// Reports that `setting` needs the `feature` of this crate, which is disabled. Returns `None`.
#[cfg(not(all(feature = "cluster", feature = "sentinel")))]
fn without_feature(
    reader: &mut Reader<'_>,
    setting: &Setting<Vec<String>>,
    feature: &str,
    _: Vec<String>,
) -> Option<RedisTokenStoreBuilder> {
    reader
        .report(setting, format_args!("passport-redis was built without the feature `{feature}`; enable it"));
    None
}

/// Sets the CA file and the client certificate of `builder`. Returns the builder, and the
/// setting to name if [`RedisTokenStoreBuilder::build`] reports a TLS problem.
fn with_tls<'a>(
    settings: &'a RedisSettings,
    reader: &mut Reader<'_>,
    builder: RedisTokenStoreBuilder,
) -> (&'a dyn AnySetting, RedisTokenStoreBuilder) {
    let ca_file = reader.read(&settings.ca_file);
    let tls_setting: &dyn AnySetting =
        if ca_file.is_some() { &settings.ca_file } else { &settings.tls_certificate_ref };
    let builder = ca_file.into_iter().fold(builder, RedisTokenStoreBuilder::ca_file);
    let identity = (reader.secret(&settings.tls_certificate_ref), reader.secret(&settings.tls_key_ref));
    let builder = match identity {
        (Some(certificate), Some(key)) => builder.tls_identity(certificate, key),
        (None, None) => builder,
        _ => {
            reader.report(&settings.tls_key_ref, "set tls_certificate_ref and tls_key_ref together");
            builder
        }
    };
    (tls_setting, builder)
}

#[cfg(test)]
mod tests;
