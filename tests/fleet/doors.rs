//! The ways to a Redis: sockets, users, certificates.

use std::{fs, path::Path, time::Duration};

use passport_outbound::{SecretSource, TokenCache};
use passport_redis::{RedisTokenStore, RedisTokenStoreBuilder};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::{
    scene::{Scene, keys, token},
    server::Server,
};

const HOUR: Duration = Duration::from_secs(3600);

/// Whether what one instance fetches, another has: through `builder`'s door.
async fn shares(scene: &Scene, builder: impl Fn() -> RedisTokenStoreBuilder) -> bool {
    let instance = || {
        let cache = TokenCache::shared(builder().build().unwrap());
        scene.builder().token_cache(cache).build().unwrap()
    };
    token(&instance()).await == token(&instance()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_is_a_door() {
    let scene = Scene::with_tokens_for(HOUR).await;
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("redis.sock").display().to_string();
    let _redis = Server::start_in(folder, &["--unixsocket", &socket]).await;
    assert!(shares(&scene, || RedisTokenStore::builder(format!("unix://{socket}"), keys())).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_its_own_is_used() {
    let (scene, redis) = (Scene::with_tokens_for(HOUR).await, Server::start(&[]).await);
    assert!(shares(&scene, || RedisTokenStore::builder(format!("{}/3", redis.url()), keys())).await);
    assert_eq!((redis.cli(&["DBSIZE"]), redis.cli(&["-n", "3", "DBSIZE"])), ("0".into(), "1".into()));
}

/// The user that docs/caching.md tells to make.
const ACL: &str = "ACL SETUSER payroll on >mi-password resetkeys ~passport:* resetchannels &passport:news -@all \
                   +eval +get +set +getrange +unlink +pttl +pexpire +publish +subscribe +hello +select";

#[tokio::test(flavor = "multi_thread")]
async fn the_user_of_the_docs_may_do_what_the_store_does_and_nothing_else() {
    let (scene, redis) = (Scene::with_tokens_for(HOUR).await, Server::start(&[]).await);
    assert_eq!(redis.cli(&ACL.split_whitespace().collect::<Vec<_>>()), "OK");
    redis.cli(&["ACL", "LOG", "RESET"]);
    let builder = || {
        let builder = RedisTokenStore::builder(redis.url(), keys());
        builder.username("payroll").password(SecretSource::fixed("mi-password"))
    };
    assert!(shares(&scene, builder).await);
    assert_eq!(redis.cli(&["ACL", "LOG"]), "", "it wanted nothing that it may not");
    let identity = scene.identity(builder().build().unwrap());
    token(&identity).await;
    assert!(redis.cli(&["PUBSUB", "NUMSUB", "passport:news"]).ends_with('1'), "it hears the news");
    assert!(include_str!("../../docs/caching.md").contains(ACL.split("-@all ").last().unwrap()));
}

/// As Redis 7 makes users: without any channel.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_right_to_news_the_store_works_all_the_same() {
    let (scene, redis) = (Scene::with_tokens_for(HOUR).await, Server::start(&[]).await);
    let acl = ACL.replace(" &passport:news", "");
    assert_eq!(redis.cli(&acl.split_whitespace().collect::<Vec<_>>()), "OK");
    let builder = || {
        let builder = RedisTokenStore::builder(redis.url(), keys());
        builder.username("payroll").password(SecretSource::fixed("mi-password"))
    };
    assert!(shares(&scene, builder).await);
    assert_eq!(scene.token_requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_replaced_where_it_lies_is_seen_by_the_next_connection() {
    let (scene, redis) = (Scene::with_tokens_for(HOUR).await, Server::start(&[]).await);
    let folder = tempfile::tempdir().unwrap();
    let file = crate::server::written(folder.path(), "password", "first\n");
    redis.cli(&["CONFIG", "SET", "requirepass", "first"]);
    let store = RedisTokenStore::builder(redis.url(), keys())
        .password(SecretSource::file(file.display().to_string()))
        .build()
        .unwrap();
    let first = scene.identity(store.clone());
    token(&first).await;
    redis.cli(&["-a", "first", "CONFIG", "SET", "requirepass", "second"]);
    fs::write(&file, "second\n").unwrap();
    redis.cli(&["-a", "second", "CLIENT", "KILL", "TYPE", "normal"]);
    redis.cli(&["-a", "second", "CLIENT", "KILL", "TYPE", "pubsub"]);
    assert_eq!(token(&scene.identity(store)).await, token(&first).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_no_outage() {
    let (scene, redis) =
        (Scene::with_tokens_for(HOUR).await, Server::start(&["--requirepass", "right"]).await);
    for password in [None, Some("wrong")] {
        let builder = || {
            let builder = RedisTokenStore::builder(redis.url(), keys());
            password.into_iter().map(SecretSource::fixed).fold(builder, RedisTokenStoreBuilder::password)
        };
        assert!(!shares(&scene, builder).await, "and each fetches for itself");
    }
}

/// An authority, a certificate for the server and one for its client, as files in `folder`.
fn certificates(folder: &Path) {
    let (ca_key, mut ca) = (KeyPair::generate().unwrap(), CertificateParams::default());
    ca.distinguished_name.push(DnType::CommonName, "authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(folder.join("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    for (name, subject) in [("server", "127.0.0.1"), ("client", "payroll")] {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new([subject.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

/// A server that takes nothing but TLS, and asks for a certificate if `mutual`.
async fn with_tls(mutual: bool) -> Server {
    let folder: TempDir = tempfile::tempdir().unwrap();
    certificates(folder.path());
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
    Server::start_in(folder, &options).await
}

fn tls_builder(redis: &Server, roots: bool, identity: bool) -> RedisTokenStoreBuilder {
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
async fn tls_is_a_door_for_whom_the_authority_vouches() {
    let (scene, redis) = (Scene::with_tokens_for(HOUR).await, with_tls(false).await);
    assert!(shares(&scene, || tls_builder(&redis, true, false)).await);
    assert!(!shares(&scene, || tls_builder(&redis, false, false)).await, "nobody vouches for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn mutual_tls_is_a_door_for_whoever_has_a_certificate() {
    let (scene, redis) = (Scene::with_tokens_for(HOUR).await, with_tls(true).await);
    assert!(shares(&scene, || tls_builder(&redis, true, true)).await);
    assert!(!shares(&scene, || tls_builder(&redis, true, false)).await);
}
