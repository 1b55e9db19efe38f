//! One token for a fleet: four instances of a service, each with a memory of its own, and a Redis between them. It prints
//!
//! ```text
//! 4 instances, 400 calls: 1 token request
//! in Redis: mi-payroll-clientid's token, 859 bytes, of which nothing can be read
//! after Redis has gone: 4 instances, 400 calls: 0 token requests more
//! and after the tokens were forgotten: 4 instances, 400 calls: 4 token requests more
//! ```
//!
//! It starts a redis-server of its own, which has to be installed; or `REDIS_URL` names one, which is not taken away then, so that
//! there is the first line only.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

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

/// In a service: `SecretSource::env("TOKEN_CACHE_KEY")`, or where secrets are. Made with `openssl rand -base64 32`.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("payroll").create();
    let folder = tempfile::tempdir()?;
    let (url, mut server) = redis(folder.path().join("redis.sock").display().to_string()).await?;

    // What each instance does when it starts. Nothing is connected yet.
    let instance = || -> Result<ManagedIdentity, BoxError> {
        let keys = EncryptionKeys::new(SecretSource::from_value(KEY));
        let store = RedisTokenStore::builder(&url, keys).namespace("example").build()?;
        let secret = SecretSource::from_value(registered.secret());
        let builder = ManagedIdentity::builder(registered.client_id(), secret).issuer(passport.issuer());
        Ok(builder.token_cache(TokenCache::shared(store)).build()?)
    };
    let fleet = (0..4).map(|_| instance()).collect::<Result<Vec<_>, _>>()?;
    // A hundred calls of each, all at once.
    let calls = async || try_join_all(fleet.iter().flat_map(|one| (0..100).map(|_| one.token()))).await;
    let token_requests = || passport.counters().token();

    let tokens = calls().await?;
    println!("4 instances, {} calls: {} token request", tokens.len(), token_requests());

    if let Some(server) = &mut server {
        let name = redis_cli(&url, &["KEYS", "example:*:token"])?;
        let value = redis_cli(&url, &["GET", name.trim()])?;
        let readable = if value.contains("eyJ") { "everything" } else { "nothing" };
        let length = redis_cli(&url, &["STRLEN", name.trim()])?;
        println!(
            "in Redis: {}'s token, {} bytes, of which {readable} can be read",
            registered.client_id(),
            length.trim()
        );

        // Redis goes. What an instance has, it has.
        server.0.kill()?;
        let before = token_requests();
        calls().await?;
        println!(
            "after Redis has gone: 4 instances, 400 calls: {} token requests more",
            token_requests() - before
        );

        // And what it has not, each fetches for itself: once for all its calls.
        fleet.iter().for_each(ManagedIdentity::invalidate);
        calls().await?;
        println!(
            "and after the tokens were forgotten: 4 instances, 400 calls: {} token requests more",
            token_requests() - before
        );
    }
    Ok(())
}

/// Ends with the example.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The Redis that the environment names, or one of our own on a Unix socket.
async fn redis(socket: String) -> Result<(String, Option<Server>), BoxError> {
    if let Ok(url) = env::var("REDIS_URL") {
        return Ok((url, None));
    }
    let options = ["--port", "0", "--unixsocket", &socket, "--save", "", "--appendonly", "no"];
    let server = Command::new("redis-server").args(options).stdout(Stdio::null()).spawn();
    let mut server =
        Server(server.map_err(|error| format!("redis-server: {error}; install it, or set REDIS_URL"))?);
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
