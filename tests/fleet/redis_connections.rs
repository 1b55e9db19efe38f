//! Connections to Redis: sockets, databases, users and certificates.

use std::{fs, path::Path, time::Duration};

use passport_outbound::{SecretSource, TokenCache};
use passport_redis::{RedisTokenStore, RedisTokenStoreBuilder};
use passport_test_support::certificates::Authority;
use tempfile::TempDir;

use crate::{
    harness::{Setup, keys, token},
    redis_server::RedisServer,
};

const HOUR: Duration = Duration::from_secs(3600);

/// Returns whether two instances share a token through the store of `builder`.
async fn shares(setup: &Setup, builder: impl Fn() -> RedisTokenStoreBuilder) -> bool {
    let instance = || {
        let cache = TokenCache::shared(builder().build().unwrap());
        setup.builder().token_cache(cache).build().unwrap()
    };
    token(&instance()).await == token(&instance()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn unix_socket_shares_tokens() {
    let setup = Setup::with_tokens_for(HOUR).await;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("redis.sock").display().to_string();
    let _redis = RedisServer::start_in(folder, &["--unixsocket", &socket]).await;
    assert!(shares(&setup, || RedisTokenStore::builder(format!("unix://{socket}"), keys())).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn database_of_the_url_is_used() {
    let (setup, redis) = (Setup::with_tokens_for(HOUR).await, RedisServer::start(&[]).await);
    assert!(shares(&setup, || RedisTokenStore::builder(format!("{}/3", redis.url()), keys())).await);
    assert_eq!((redis.cli(&["DBSIZE"]), redis.cli(&["-n", "3", "DBSIZE"])), ("0".into(), "1".into()));
}

/// The ACL user that docs/caching.md recommends.
const ACL: &str = "ACL SETUSER payroll on >mi-password resetkeys ~passport:* resetchannels &passport:news -@all \
                   +eval +get +set +getrange +unlink +pttl +pexpire +publish +subscribe +hello +select";

#[tokio::test(flavor = "multi_thread")]
async fn documented_acl_allows_exactly_what_the_store_needs() {
    let (setup, redis) = (Setup::with_tokens_for(HOUR).await, RedisServer::start(&[]).await);
    assert_eq!(redis.cli(&ACL.split_whitespace().collect::<Vec<_>>()), "OK");
    redis.cli(&["ACL", "LOG", "RESET"]);
    let builder = || {
        let builder = RedisTokenStore::builder(redis.url(), keys());
        builder.username("payroll").password(SecretSource::from_value("mi-password"))
    };
    assert!(shares(&setup, builder).await);
    assert_eq!(redis.cli(&["ACL", "LOG"]), "", "no command was denied");
    let identity = setup.identity(builder().build().unwrap());
    token(&identity).await;
    assert!(redis.cli(&["PUBSUB", "NUMSUB", "passport:news"]).ends_with('1'), "the store is subscribed");
    assert!(include_str!("../../docs/caching.md").contains(ACL.split("-@all ").last().unwrap()));
}

/// Redis 7 creates users without access to any channel.
#[tokio::test(flavor = "multi_thread")]
async fn store_works_without_access_to_its_channel() {
    let (setup, redis) = (Setup::with_tokens_for(HOUR).await, RedisServer::start(&[]).await);
    let acl = ACL.replace(" &passport:news", "");
    assert_eq!(redis.cli(&acl.split_whitespace().collect::<Vec<_>>()), "OK");
    let builder = || {
        let builder = RedisTokenStore::builder(redis.url(), keys());
        builder.username("payroll").password(SecretSource::from_value("mi-password"))
    };
    assert!(shares(&setup, builder).await);
    assert_eq!(setup.token_requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn next_connection_uses_a_replaced_password_file() {
    let (setup, redis) = (Setup::with_tokens_for(HOUR).await, RedisServer::start(&[]).await);
    let folder = tempfile::tempdir().unwrap();
    let file = crate::redis_server::write_file(folder.path(), "password", "first\n");
    redis.cli(&["CONFIG", "SET", "requirepass", "first"]);
    let store = RedisTokenStore::builder(redis.url(), keys())
        .password(SecretSource::file(file.display().to_string()))
        .build()
        .unwrap();
    let first = setup.identity(store.clone());
    token(&first).await;
    redis.cli(&["-a", "first", "CONFIG", "SET", "requirepass", "second"]);
    fs::write(&file, "second\n").unwrap();
    redis.cli(&["-a", "second", "CLIENT", "KILL", "TYPE", "normal"]);
    redis.cli(&["-a", "second", "CLIENT", "KILL", "TYPE", "pubsub"]);
    assert_eq!(token(&setup.identity(store)).await, token(&first).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_password_is_no_outage() {
    let (setup, redis) =
        (Setup::with_tokens_for(HOUR).await, RedisServer::start(&["--requirepass", "right"]).await);
    for password in [None, Some("wrong")] {
        let builder = || {
            let builder = RedisTokenStore::builder(redis.url(), keys());
            password.into_iter().map(SecretSource::from_value).fold(builder, RedisTokenStoreBuilder::password)
        };
        assert!(!shares(&setup, builder).await, "each fetches its own token");
    }
}

/// Writes the certificates of an authority, a server and its client as files in `folder`.
fn write_certificates(folder: &Path) {
    let authority = Authority::default();
    fs::write(folder.join("ca.pem"), &authority.pem).unwrap();
    for (name, subject) in [("server", "127.0.0.1"), ("client", "payroll")] {
        let certificate = authority.issue(&[subject]);
        fs::write(folder.join(format!("{name}.pem")), certificate.cert.pem()).unwrap();
        fs::write(folder.join(format!("{name}.key")), certificate.signing_key.serialize_pem()).unwrap();
    }
}

/// Starts a server that requires TLS, and a client certificate if `mutual`.
async fn with_tls(mutual: bool) -> RedisServer {
    let folder: TempDir = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (ca, certificate, key) = (path("ca.pem"), path("server.pem"), path("server.key"));
    let auth = if mutual { "yes" } else { "no" };
    let options = [
        "--tls-port",
        "PORT",
        "--tls-ca-cert-file",
        &ca,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        auth,
    ];
    RedisServer::start_in(folder, &options).await
}

fn tls_builder(redis: &RedisServer, roots: bool, identity: bool) -> RedisTokenStoreBuilder {
    let source = |name: &str| SecretSource::file(redis.folder().join(name).display().to_string());
    let mut builder = RedisTokenStore::builder(format!("rediss://127.0.0.1:{}", redis.port), keys());
    if roots {
        builder = builder.ca_file(redis.folder().join("ca.pem"));
    }
    if identity {
        builder = builder.tls_identity(source("client.pem"), source("client.key"));
    }
    builder
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_requires_a_trusted_certificate() {
    let (setup, redis) = (Setup::with_tokens_for(HOUR).await, with_tls(false).await);
    assert!(shares(&setup, || tls_builder(&redis, true, false)).await);
    assert!(!shares(&setup, || tls_builder(&redis, false, false)).await, "the certificate is not trusted");
}

#[tokio::test(flavor = "multi_thread")]
async fn mutual_tls_requires_a_client_certificate() {
    let (setup, redis) = (Setup::with_tokens_for(HOUR).await, with_tls(true).await);
    assert!(shares(&setup, || tls_builder(&redis, true, true)).await);
    assert!(!shares(&setup, || tls_builder(&redis, true, false)).await);
}
