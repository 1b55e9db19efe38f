//! Shows four instances of a service that share one token through Redis, and an outage of Redis.
//!
//! It needs an installed `redis-server`, which it starts, or the URL of a Redis:
//! `REDIS_URL=redis://127.0.0.1:6379 cargo run --example shared_cache_redis`. With `REDIS_URL`
//! it does not stop Redis, and prints the first line only:
//!
//! ```text
//! 4 instances, 400 calls, token requests: 1
//! in Redis: the token of mi-payroll-clientid, 892 bytes, encrypted: true
//! without Redis, 400 calls, new token requests: 0
//! without Redis and without cached tokens, 400 calls, new token requests: 4
//! ```

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use std::{
    env,
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures_util::future::try_join_all;
use passport_dev::DevPassport;
use passport_outbound::{ManagedIdentity, SecretSource, TokenCache};
use passport_redis::{EncryptionKeys, RedisTokenStore};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The encryption key of the token cache, created with `openssl rand -base64 32`. A service
/// reads it from a secret source, such as `SecretSource::env("TOKEN_CACHE_KEY")`.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("payroll").create();
    let folder = tempfile::tempdir()?;
    let (url, mut server) = redis(folder.path().join("redis.sock").display().to_string()).await?;

    // The start of an instance. It does not connect to Redis yet.
    let instance = || -> Result<ManagedIdentity, BoxError> {
        let keys = EncryptionKeys::new(SecretSource::from_value(KEY));
        let store = RedisTokenStore::builder(&url, keys).namespace("example").build()?;
        let secret = SecretSource::from_value(registered.secret());
        let builder = ManagedIdentity::builder(registered.client_id(), secret).issuer(passport.issuer());
        Ok(builder.token_cache(TokenCache::shared(store)).build()?)
    };
    let fleet = (0..4).map(|_| instance()).collect::<Result<Vec<_>, _>>()?;
    // 100 concurrent calls of each instance.
    let calls =
        async || try_join_all(fleet.iter().flat_map(|instance| (0..100).map(|_| instance.token()))).await;
    let token_requests = || passport.counters().token();

    let tokens = calls().await?;
    println!("4 instances, {} calls, token requests: {}", tokens.len(), token_requests());

    if let Some(server) = &mut server {
        let name = redis_cli(&url, &["KEYS", "example:*:token"])?;
        let value = redis_cli(&url, &["GET", name.trim()])?;
        let is_encrypted = !value.contains("eyJ"); // the first characters of each JWT
        let length = redis_cli(&url, &["STRLEN", name.trim()])?;
        println!(
            "in Redis: the token of {}, {} bytes, encrypted: {is_encrypted}",
            registered.client_id(),
            length.trim()
        );

        // Without Redis, each instance uses its cached token.
        server.0.kill()?;
        let before = token_requests();
        calls().await?;
        println!("without Redis, 400 calls, new token requests: {}", token_requests() - before);

        // An instance without a cached token fetches one, once for all its calls.
        fleet.iter().for_each(ManagedIdentity::invalidate);
        calls().await?;
        println!(
            "without Redis and without cached tokens, 400 calls, new token requests: {}",
            token_requests() - before
        );
    }
    Ok(())
}

/// A `redis-server` that is killed when the example ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the URL of Redis: that of `REDIS_URL`, or of a new `redis-server` on a Unix socket.
async fn redis(socket: String) -> Result<(String, Option<Server>), BoxError> {
    if let Ok(url) = env::var("REDIS_URL") {
        return Ok((url, None));
    }
    let options = ["--port", "0", "--unixsocket", &socket, "--save", "", "--appendonly", "no"];
    let server = Command::new("redis-server").args(options).stdout(Stdio::null()).spawn();
    let mut server = Server(
        server
            .map_err(|error| format!("cannot start redis-server: {error}; install it, or set REDIS_URL"))?,
    );
    while tokio::net::UnixStream::connect(&socket).await.is_err() {
        if server.0.try_wait()?.is_some() {
            return Err("redis-server did not start".into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok((format!("unix://{socket}"), Some(server)))
}

fn redis_cli(url: &str, words: &[&str]) -> Result<String, BoxError> {
    let socket = url.trim_start_matches("unix://");
    let output = Command::new("redis-cli").args(["-s", socket]).args(words).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
