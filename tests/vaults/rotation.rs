//! Rotations and outages of a secret in a vault, without a failed call.

use std::time::Duration;

use axum::{extract::State, http::HeaderMap};
use futures_util::future::join_all;
use passport_core::{ManualClock, SecretSource};
use passport_dev::{DevIdentity, DevPassport, Endpoint};
use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManagedIdentity};
use passport_secrets::CachedSecrets;
use passport_test_support::servers::{client, serve};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};
use tower::{Layer, ServiceExt};

use crate::{hashicorp, vault_server::VaultServer};

const MINUTE: Duration = Duration::from_secs(60);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

struct Setup {
    passport: DevPassport,
    vault: VaultServer,
    registered: DevIdentity,
    clock: ManualClock,
    identity: ManagedIdentity,
}

impl Setup {
    async fn new() -> Self {
        let (passport, vault) = (DevPassport::start().await.unwrap(), VaultServer::start().await);
        let registered = passport.managed_identity("payroll").create();
        put(&vault, registered.secret());
        let clock = ManualClock::at_unix_seconds(1_750_000_000);
        let secrets = hashicorp::builder(&vault, hashicorp::app_role()).build().unwrap();
        let secrets = CachedSecrets::new(secrets).clock(clock.clone());
        let source = SecretSource::new(secrets, "vault:payroll#client_secret".parse().unwrap());
        let identity = ManagedIdentity::builder(registered.client_id(), source)
            .issuer(passport.issuer())
            .clock(clock.clone())
            .build()
            .unwrap();
        Self { passport, vault, registered, clock, identity }
    }
}

fn put(vault: &VaultServer, secret: &str) {
    vault.put("payroll", &json!({ "client_secret": secret }));
}

/// Starts an API that introspects each token, so that a revocation has effect immediately.
async fn introspecting_api(passport: &DevPassport) -> String {
    let asks = passport.managed_identity("api").create();
    let introspection = format!("{}/passport/token/introspect", passport.issuer());
    let state = (client(), introspection, asks.client_id().to_owned(), asks.secret().to_owned());
    let router = axum::Router::new().route("/sync", axum::routing::get(introspected)).with_state(state);
    serve(router).await
}

const FORM: &str = "application/x-www-form-urlencoded";

type Asks = (reqwest::Client, String, String, String);

async fn introspected(State((http, url, id, secret)): State<Asks>, headers: HeaderMap) -> http::StatusCode {
    let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
    let asked = http.post(url).basic_auth(id, Some(secret)).header("content-type", FORM).body(form);
    let answer = asked.send().await.unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    if answer["active"] == true { http::StatusCode::OK } else { http::StatusCode::UNAUTHORIZED }
}

/// The results of some calls.
#[derive(Debug, Default)]
struct Tally {
    succeeded: usize,
    failed: Vec<String>,
}

/// Makes calls, ten every hundredth of a second: 1,000 a second on a fast enough machine.
async fn load(client: impl AsyncFn() -> Result<reqwest::Response, BoxError>, calls: usize) -> Tally {
    let mut ticks = interval(Duration::from_millis(10));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut tally = Tally::default();
    for _ in 0..calls / 10 {
        ticks.tick().await;
        for answer in join_all((0..10).map(|_| client())).await {
            match answer {
                Ok(response) if response.status() == 200 => tally.succeeded += 1,
                Ok(response) => tally.failed.push(response.status().to_string()),
                Err(error) => tally.failed.push(error.to_string()),
            }
        }
    }
    tally
}

/// The tokens of a revoked secret are revoked with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotation_and_revocation_of_a_secret_fail_no_call() {
    let Setup { passport, vault, registered, clock, identity } = Setup::new().await;
    let api = introspecting_api(&passport).await;
    let layer = AttachTokenLayer::new(identity, AllowedOrigins::new([&api]).unwrap()).retry_unauthorized();
    let client = layer.layer(client());
    let url = format!("{api}/sync");
    let call = async || {
        let request = reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap());
        client.clone().oneshot(request).await
    };
    let calls = 1000;
    let mut old = registered.secret_id().to_owned();
    // The old secret is revoked within the lifetime of the cached secret, and after it.
    for minutes in [1, 6, 1] {
        assert_eq!(load(&call, 10).await.succeeded, 10);
        let before = passport.counters().token();
        let rotation = async {
            passport
                .counters()
                .reached(Endpoint::Introspection, passport.counters().introspection() + 300)
                .await;
            let new = registered.generate_secret();
            put(&vault, new.value());
            clock.advance(minutes * MINUTE);
            registered.revoke_secret(&old);
            new.id().clone_into(&mut old);
        };
        let (tally, ()) = tokio::join!(load(&call, calls), rotation);
        assert_eq!((tally.succeeded, &*tally.failed), (calls, &[][..]));
        // One request for the revoked token, and one that Passport rejects if the old secret is
        // still cached. It is in the first minutes, or if the vault takes half a second.
        let requests = passport.counters().token() - before;
        assert!((1..=2).contains(&requests), "{requests} after {minutes} min");
    }
}

/// The vault has the new secret before Passport, or one of its nodes; or the secret is mistyped.
#[tokio::test]
async fn unknown_new_secret_fails_no_call_while_the_old_is_valid() {
    let Setup { passport, vault, registered, clock, identity } = Setup::new().await;
    identity.token().await.unwrap();
    put(&vault, "mics_sk_mistyped");
    clock.advance(60 * MINUTE);
    identity.token().await.unwrap();
    assert_eq!(passport.counters().token(), 3, "one rejected request, and one with the old secret");
    put(&vault, registered.generate_secret().value());
    registered.revoke_secret(registered.secret_id());
    clock.advance(60 * MINUTE);
    identity.token().await.unwrap();
    assert_eq!(passport.counters().token(), 4);
}

/// The calls succeed for as long as the outage lasts.
#[tokio::test]
async fn vault_outage_fails_no_call_after_the_first_read() {
    let Setup { passport, vault, clock, identity, .. } = Setup::new().await;
    identity.token().await.unwrap();
    for status in [503, 500, 429] {
        vault.fails(Some(status));
        clock.advance(60 * MINUTE);
        identity.token().await.unwrap();
    }
    assert_eq!(passport.counters().token(), 4);
}
