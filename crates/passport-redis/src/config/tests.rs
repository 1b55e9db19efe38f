use passport_config::{ConfigRegistry, ManagedIdentityConfig};
use passport_outbound::ConfigError;
use serde_json::{Value, json};

use super::*;

fn problems(redis: &Value) -> Vec<String> {
    let config = json!({ "client_id": "mi-1", "client_secret_ref": "env:A", "cache": { "redis": redis } });
    let config: ManagedIdentityConfig = serde_json::from_value(config).unwrap();
    let built = config.build_with(ConfigRegistry::default().with_store("redis", RedisStoreFactory));
    let problems = built.as_ref().err().map(ConfigError::problems).unwrap_or_default();
    problems.iter().map(|problem| format!("{}: {}", problem.option, problem.problem)).collect()
}

#[test]
fn valid_configurations_are_accepted() {
    for redis in [
        json!({ "url": "redis://host", "encryption_keys": "env:A" }),
        json!({ "url": "redis://host/1", "encryption_keys": ["env:A", "file:/b"], "namespace": "eu", "timeout": "250ms" }),
        json!({ "url": "unix:///run/redis.sock", "danger_unencrypted": "true" }),
        json!({
            "url": "rediss://host", "encryption_keys": "env:A", "username": "me", "password_ref": "env:B",
            "tls_certificate_ref": "file:/c.pem", "tls_key_ref": "file:/k.pem",
        }),
    ] {
        assert_eq!(problems(&redis), Vec::<String>::new(), "{redis}");
    }
}

#[test]
fn every_problem_is_reported_with_its_key() {
    let settings = json!({
        "url": "http://host", "namespace": "a b", "timeout": "1h", "username": "me", "tls_key_ref": "file:/k.pem",
        "encryption_key": "x", "ca_file": "/no/such/ca.pem",
    });
    let reported = problems(&settings);
    for key in [
        "encryption_key",
        "encryption_keys",
        "ca_file",
        "tls_key_ref",
        "url",
        "namespace",
        "timeout",
        "password_ref",
    ] {
        let key = format!("cache.redis.{key}: ");
        assert!(reported.iter().any(|problem| problem.starts_with(&key)), "{key} {reported:#?}");
    }
    assert_eq!(reported.len(), 9, "{reported:#?}");
    assert!(!reported.concat().contains("hidden"));
}

#[test]
fn contradicting_keys_are_rejected() {
    for (redis, key) in [
        (json!({ "encryption_keys": "env:A" }), "url"),
        (json!({ "url": "redis://a", "cluster": "redis://b", "encryption_keys": "env:A" }), "url"),
        (
            json!({ "url": "redis://a", "sentinel_service": "m", "encryption_keys": "env:A" }),
            "sentinel_service",
        ),
        (
            json!({ "url": "redis://a", "encryption_keys": "env:A", "danger_unencrypted": true }),
            "danger_unencrypted",
        ),
        (json!({ "url": "redis://:hidden@a", "encryption_keys": "env:A" }), "url"),
    ] {
        let reported = problems(&redis);
        assert_eq!(reported.len(), 1, "{reported:?}");
        assert!(
            reported[0].starts_with(&format!("cache.redis.{key}: ")) && !reported[0].contains("hidden"),
            "{reported:?}"
        );
    }
}

#[test]
fn each_problem_is_reported_once() {
    for settings in [json!({ "cluster": 7 }), json!({ "url": "rediss://a", "ca_file": true })] {
        let mut reported = problems(&settings);
        let all = reported.len();
        reported.sort();
        reported.dedup();
        assert_eq!(reported.len(), all, "{reported:?}");
    }
}

#[test]
fn clusters_and_sentinels_need_features() {
    let reported = problems(&json!({ "cluster": "http://a", "encryption_keys": "env:A" }));
    assert!(reported.iter().all(|problem| problem.starts_with("cache.redis.cluster: ")), "{reported:?}");
    let nodes = json!({ "cluster": "redis://a redis://b", "encryption_keys": "env:A" });
    assert_eq!(problems(&nodes).is_empty(), cfg!(feature = "cluster"));
    let sentinels =
        json!({ "sentinels": ["redis://a"], "sentinel_service": "m", "encryption_keys": "env:A" });
    assert_eq!(problems(&sentinels).is_empty(), cfg!(feature = "sentinel"));
}
