use super::{checks::URL, *};
use crate::{RedisTokenStore, RedisTokenStoreBuilder};

fn builder(url: &str) -> RedisTokenStoreBuilder {
    RedisTokenStore::builder(url, EncryptionKeys::danger_unencrypted())
}

fn options(builder: RedisTokenStoreBuilder) -> Vec<String> {
    let error = builder.build().unwrap_err();
    error.problems().iter().map(|problem| problem.option.to_string()).collect()
}

#[test]
fn valid_urls_are_accepted() {
    for url in [
        "redis://localhost",
        "redis://[::1]:6380/3",
        "rediss://cache.internal:6379",
        "unix:///run/redis.sock",
    ] {
        assert!(builder(url).build().is_ok(), "{url}");
    }
}

#[test]
fn every_problem_is_reported_together() {
    let source = || SecretSource::from_value("x");
    let invalid = builder("redis://host")
        .namespace("a{b")
        .timeout(Duration::ZERO)
        .username("me")
        .ca_file("/no/such/ca.pem");
    assert_eq!(options(invalid), ["namespace", "timeout", "password", "tls", CA_FILE]);
    assert_eq!(options(builder("redis://host").sentinel_password(source())), ["sentinel_password"]);
    for url in ["", "host", "http://host", "redis://user@host", "rediss://host/#insecure"] {
        assert_eq!(options(builder(url)), [URL], "{url}");
    }
}

#[test]
fn password_in_a_url_is_not_shown() {
    for url in ["redis://:hidden@host", "redis://user:hidden@host:port"] {
        let message = format!("{:?} {}", builder(url), builder(url).build().unwrap_err());
        assert!(!message.contains("hidden"), "{message}");
    }
}

#[cfg(all(feature = "cluster", feature = "sentinel"))]
#[test]
fn urls_of_different_kinds_are_rejected() {
    let keys = EncryptionKeys::danger_unencrypted;
    assert_eq!(options(RedisTokenStore::cluster(Vec::<String>::new(), keys())), [URL]);
    assert_eq!(options(RedisTokenStore::cluster(["redis://a", "rediss://b"], keys())), [URL]);
    assert_eq!(options(RedisTokenStore::cluster(["redis://a/1"], keys())), [URL]);
    assert_eq!(options(RedisTokenStore::sentinel(["redis://a/1", "redis://b/2"], "m", keys())), [URL]);
    assert_eq!(options(RedisTokenStore::sentinel(["unix:///run/redis.sock"], "m", keys())), [URL]);
    assert!(RedisTokenStore::sentinel(["redis://a:26379", "redis://b:26379"], "m", keys()).build().is_ok());
}
