//! Both sides at once, narrated: a scheduler calls a payroll API with its own token, over real sockets, while the
//! issuer counts. Run it with `cargo run --example quickstart`.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::time::{Duration, Instant};

use axum::{Json, Router, routing::get};
use futures_util::future::join_all;
use passport_dev::{DevPassport, Endpoint, Fault};
use passport_examples::serve;
use passport_inbound::{AuthenticateLayer, IdInfo, RequireServiceAccountLayer, TokenVerifier};
use passport_outbound::{AllowedOrigins, AttachToken, AttachTokenLayer, ManagedIdentity, SecretSource};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Client = AttachToken<reqwest::Client>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    println!("1. A Passport of our own, with one managed identity.");
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("payroll-scheduler").role("payroll.read").create();
    println!("   issuer {}, client id {}", passport.issuer(), registered.client_id());

    println!("2. The API: every route wants a token, /internal/sync wants a service account.");
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;
    let api = Router::new()
        .route("/internal/sync", get(|| async { "synced" }))
        .route_layer(RequireServiceAccountLayer::new())
        .route("/whoami", get(whoami))
        .layer(AuthenticateLayer::new(verifier));
    let api = serve(api).await?;

    println!("3. The scheduler: an identity, and a client that carries its token.");
    let client = client(&passport, &registered, &api)?;
    let calls = join_all((0..1000).map(|_| call(&client, &api, "/whoami"))).await;
    let (tokens, keys) = (passport.counters().token(), passport.counters().jwks());
    println!("   1,000 concurrent first calls: {} failed", failed(&calls));
    println!("   token requests: {tokens}, key fetches: {keys}");
    ensure(failed(&calls) == 0 && tokens == 1 && keys == 1)?;

    println!("4. What the API knows of its caller:");
    let seen: Value = call(&client, &api, "/whoami").await?.json().await?;
    println!("   {seen}");
    ensure(seen["is_service_account"] == true && seen["roles"] == json!(["payroll.read"]))?;

    println!("5. The service-only route:");
    let as_service = call(&client, &api, "/internal/sync").await?.status().as_u16();
    let plain = reqwest::Client::new();
    let url = format!("{api}/internal/sync");
    let alice = passport.user_token("alice").build();
    let as_user = plain.get(&url).bearer_auth(alice).send().await?.status().as_u16();
    let as_nobody = plain.get(&url).send().await?.status().as_u16();
    println!("   the service {as_service}, a user {as_user}, nobody {as_nobody}");
    ensure((as_service, as_user, as_nobody) == (200, 403, 401))?;

    println!("6. Tokens that live 3 s, from a token endpoint that takes 500 ms:");
    passport.set_token_lifetime(Duration::from_secs(3));
    passport.inject(Endpoint::Token, Fault::Slow(Duration::from_millis(500)));
    let client = self::client(&passport, &registered, &api)?;
    call(&client, &api, "/whoami").await?;
    let (before, until) = (passport.counters().token(), passport.counters().token() + 3);
    let load = load(&client, &api, || passport.counters().token() >= until).await;
    println!("   {} calls, {} failed, longest {} ms", load.calls, load.failed, load.longest.as_millis());
    println!("   token requests meanwhile: {}", passport.counters().token() - before);
    ensure(load.failed == 0)?;

    println!("7. The signing key is rotated under the same load:");
    let fetched = passport.counters().jwks();
    passport.rotate_keys().await;
    let load = self::load(&client, &api, || passport.counters().jwks() > fetched).await;
    let after = join_all((0..100).map(|_| call(&client, &api, "/whoami"))).await;
    println!("   {} calls, {} failed", load.calls + after.len(), load.failed + failed(&after));
    println!("   key fetches it took: {}", passport.counters().jwks() - fetched);
    ensure(load.failed + failed(&after) == 0)?;

    println!("Done.");
    Ok(())
}

async fn whoami(caller: IdInfo) -> Json<Value> {
    Json(json!({
        "user_id": caller.user_id(),
        "tenant_id": caller.tenant_id(),
        "display_name": caller.display_name(),
        "roles": caller.roles(),
        "is_service_account": caller.is_service_account(),
        "managed_identity_id": caller.managed_identity_id(),
    }))
}

fn client(
    passport: &DevPassport,
    registered: &passport_dev::DevIdentity,
    api: &str,
) -> Result<Client, BoxError> {
    let identity = ManagedIdentity::builder(registered.client_id(), SecretSource::fixed(registered.secret()))
        .issuer(passport.issuer())
        .build()?;
    let attach = AttachTokenLayer::new(identity, AllowedOrigins::new([api])?);
    Ok(attach.layer(reqwest::Client::new()))
}

/// One call; a status other than success is an error.
async fn call(client: &Client, api: &str, path: &str) -> Result<reqwest::Response, BoxError> {
    let request = reqwest::Request::new(reqwest::Method::GET, format!("{api}{path}").parse()?);
    Ok(client.clone().oneshot(request).await?.error_for_status()?)
}

#[derive(Default)]
struct Load {
    calls: usize,
    failed: usize,
    longest: Duration,
}

/// Calls one after the other, until `done` or for 30 s.
async fn load(client: &Client, api: &str, done: impl Fn() -> bool) -> Load {
    let mut load = Load::default();
    let start = now();
    while !done() && start.elapsed() < Duration::from_secs(30) {
        let sent = now();
        load.failed += usize::from(call(client, api, "/whoami").await.is_err());
        load.calls += 1;
        load.longest = load.longest.max(sent.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    load
}

#[expect(clippy::disallowed_methods, reason = "it times real calls")]
fn now() -> Instant {
    Instant::now()
}

fn failed<T>(calls: &[Result<T, BoxError>]) -> usize {
    calls.iter().filter(|call| call.is_err()).count()
}

fn ensure(holds: bool) -> Result<(), BoxError> {
    if holds { Ok(()) } else { Err("this is not what was promised".into()) }
}
