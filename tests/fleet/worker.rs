//! One instance of a service, as a child process. It reads commands from standard input, calls
//! an API, and writes reports to standard output. `workers.rs` is the parent.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a test reads its output and sees its panics")]

use std::time::Duration;

use tokio::time::Instant;

use passport_outbound::{
    AllowedOrigins, AttachToken, AttachTokenLayer, ManagedIdentity, SecretSource, TokenCache,
};
use passport_redis::{EncryptionKeys, RedisTokenStore};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, stdin},
    task::JoinSet,
};
use tower::{Layer, ServiceExt};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut commands = BufReader::new(stdin()).lines();
    let config: Value = serde_json::from_str(&commands.next_line().await.unwrap().unwrap()).unwrap();
    let instance = Instance::new(&config);
    println!("ready");
    while let Some(command) = commands.next_line().await.unwrap() {
        let numbers: Vec<u64> = command.split(' ').filter_map(|word| word.parse().ok()).collect();
        let report = match (command.split(' ').next(), &*numbers) {
            (Some("calls"), [count]) => instance.calls(*count).await,
            (Some("load"), [whole, each]) => {
                instance.load(Duration::from_millis(*whole), Duration::from_millis(*each)).await
            }
            _ => unreachable!("{command}"),
        };
        println!("{}", report.to_json());
    }
}

#[derive(Clone)]
struct Instance {
    client: AttachToken<reqwest::Client>,
    api: String,
}

impl Instance {
    fn new(config: &Value) -> Self {
        let text = |name: &str| config[name].as_str().unwrap().to_owned();
        let identity = ManagedIdentity::builder(text("client_id"), SecretSource::from_value(text("secret")))
            .issuer(text("issuer"));
        let identity = match config["urls"].as_array() {
            Some(urls) => {
                let urls: Vec<_> = urls.iter().map(|url| url.as_str().unwrap().to_owned()).collect();
                let keys = EncryptionKeys::new(SecretSource::from_value(text("key")));
                let store = match &*text("kind") {
                    "cluster" => RedisTokenStore::cluster(urls, keys),
                    "sentinel" => RedisTokenStore::sentinel(urls, "tokens", keys),
                    _ => RedisTokenStore::builder(&urls[0], keys),
                };
                identity.token_cache(TokenCache::shared(store.build().unwrap()))
            }
            None => identity,
        };
        let api = text("api");
        let http =
            reqwest::Client::builder().no_proxy().tls_certs_only([]).http2_prior_knowledge().build().unwrap();
        let layer = AttachTokenLayer::new(identity.build().unwrap(), AllowedOrigins::new([&api]).unwrap());
        Self { client: layer.layer(http), api }
    }

    /// Makes `count` concurrent calls.
    async fn calls(&self, count: u64) -> Report {
        let mut calls = JoinSet::new();
        for _ in 0..count {
            let instance = self.clone();
            calls.spawn(async move { instance.call().await });
        }
        let mut report = Report::default();
        while let Some(call) = calls.join_next().await {
            report.note(call.unwrap());
        }
        report
    }

    /// Starts a call every `each`, whether or not earlier calls have ended.
    async fn load(&self, whole: Duration, each: Duration) -> Report {
        let (mut calls, mut report, began) = (JoinSet::new(), Report::default(), Instant::now());
        let mut ticks = tokio::time::interval(each);
        while began.elapsed() < whole {
            ticks.tick().await;
            let instance = self.clone();
            calls.spawn(async move { instance.call().await });
            while let Some(call) = calls.try_join_next() {
                report.note(call.unwrap());
            }
        }
        while let Some(call) = calls.join_next().await {
            report.note(call.unwrap());
        }
        report
    }

    async fn call(&self) -> (Duration, Result<(), String>) {
        let began = Instant::now();
        let request =
            reqwest::Request::new(reqwest::Method::GET, format!("{}/sync", self.api).parse().unwrap());
        let result = match self.client.clone().oneshot(request).await {
            Ok(response) if response.status() == 200 => Ok(()),
            Ok(response) => Err(response.status().to_string()),
            Err(error) => Err(error.to_string()),
        };
        (began.elapsed(), result)
    }
}

#[derive(Default)]
struct Report {
    succeeded: u64,
    failed: u64,
    longest: Duration,
    first_error: Option<String>,
}

impl Report {
    fn note(&mut self, (took, result): (Duration, Result<(), String>)) {
        self.longest = self.longest.max(took);
        match result {
            Ok(()) => self.succeeded += 1,
            Err(error) => {
                self.failed += 1;
                self.first_error.get_or_insert(error);
            }
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "succeeded": self.succeeded,
            "failed": self.failed,
            "longest_ms": self.longest.as_secs_f64() * 1000.0,
            "first_error": self.first_error,
        })
    }
}
