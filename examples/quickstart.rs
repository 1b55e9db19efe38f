//! Runs two services and a local Passport over loopback and prints what happened: 1,000
//! concurrent first calls, token refreshes under load, and a key rotation. It fails if a result
//! is not as expected.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use std::time::{Duration, Instant};

use axum::{Json, Router, routing::get};
use futures_util::future::join_all;
use passport_dev::{DevIdentity, DevPassport, Endpoint, Fault};
use passport_examples::{local_client, serve};
use passport_inbound::{AuthenticateLayer, IdInfo, RequireServiceAccountLayer, TokenVerifier};
use passport_outbound::{AllowedOrigins, AttachToken, AttachTokenLayer, ManagedIdentity, SecretSource};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Client = AttachToken<reqwest::Client>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let scheduler = passport.managed_identity("payroll-scheduler").role("payroll.read").create();
    println!("local Passport: {}, with the managed identity {}", passport.issuer(), scheduler.client_id());
    let api = start_api(&passport).await?;
    println!("API: {api}; every route requires a token, /internal/sync a service account\n");

    let client = client(&passport, &scheduler, &api)?;
    first_calls(&passport, &client, &api).await?;
    caller_seen_by_the_api(&client, &api).await?;
    service_accounts_only(&passport, &client, &api).await?;
    let client = refresh_under_load(&passport, &scheduler, &api).await?;
    rotation_under_load(&passport, &client, &api).await
}

async fn start_api(passport: &DevPassport) -> Result<String, BoxError> {
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;
    let api = Router::new()
        .route("/internal/sync", get(|| async { "synced" }).layer(RequireServiceAccountLayer::new()))
        .route("/whoami", get(whoami))
        .layer(AuthenticateLayer::new(verifier));
    Ok(serve(api).await?)
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

fn client(passport: &DevPassport, registered: &DevIdentity, api: &str) -> Result<Client, BoxError> {
    let identity =
        ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(registered.secret()))
            .issuer(passport.issuer())
            .build()?;
    Ok(AttachTokenLayer::new(identity, AllowedOrigins::new([api])?).layer(local_client()?))
}

async fn first_calls(passport: &DevPassport, client: &Client, api: &str) -> Result<(), BoxError> {
    let calls = join_all((0..1000).map(|_| call(client, api, "/whoami"))).await;
    let failed = calls.iter().filter(|call| call.is_err()).count();
    let (tokens, keys) = (passport.counters().token(), passport.counters().jwks());
    println!("1,000 concurrent first calls: {failed} failed");
    println!("   token requests: {tokens}, JWKS requests: {keys}");
    ensure(failed == 0 && tokens == 1 && keys == 1)
}

async fn caller_seen_by_the_api(client: &Client, api: &str) -> Result<(), BoxError> {
    let seen: Value = call(client, api, "/whoami").await?.json().await?;
    println!("the API authenticates the caller as:\n   {seen}");
    ensure(seen["is_service_account"] == true && seen["roles"] == json!(["payroll.read"]))
}

async fn service_accounts_only(passport: &DevPassport, client: &Client, api: &str) -> Result<(), BoxError> {
    let as_service = call(client, api, "/internal/sync").await?.status().as_u16();
    let without_token = local_client()?.get(format!("{api}/internal/sync"));
    let as_user =
        without_token.try_clone().ok_or("no body to clone")?.bearer_auth(passport.user_token("u").build());
    let as_user = as_user.send().await?.status().as_u16();
    let as_anonymous = without_token.send().await?.status().as_u16();
    println!("status of /internal/sync: service {as_service}, user {as_user}, no token {as_anonymous}");
    ensure((as_service, as_user, as_anonymous) == (200, 403, 401))
}

async fn refresh_under_load(
    passport: &DevPassport,
    identity: &DevIdentity,
    api: &str,
) -> Result<Client, BoxError> {
    let slow = Duration::from_secs(1);
    passport.set_token_lifetime(Duration::from_secs(4));
    passport.inject(Endpoint::Token, Fault::Slow(slow));
    let client = client(passport, identity, api)?;
    call(&client, api, "/whoami").await?;
    let before = passport.counters().token();
    let load = load(&client, api, || passport.counters().token() >= before + 3).await?;
    println!("token lifetime 4 s, token endpoint delay 1 s: {} calls, 0 failed", load.calls);
    println!(
        "   refreshes: {}, longest call: {} ms",
        passport.counters().token() - before,
        load.longest.as_millis()
    );
    ensure(load.longest < slow)?;
    Ok(client)
}

async fn rotation_under_load(passport: &DevPassport, client: &Client, api: &str) -> Result<(), BoxError> {
    let before = passport.counters().jwks();
    let (load, ()) =
        tokio::join!(load(client, api, || passport.counters().jwks() > before), passport.rotate_keys());
    call(client, api, "/whoami").await?;
    println!("key rotation under the same load: {} calls, 0 failed", load?.calls + 1);
    println!("   JWKS requests: {}", passport.counters().jwks() - before);
    ensure(passport.counters().jwks() == before + 1)
}

/// Sends a request. A status other than success is an error.
async fn call(client: &Client, api: &str, path: &str) -> Result<reqwest::Response, BoxError> {
    let request = reqwest::Request::new(reqwest::Method::GET, format!("{api}{path}").parse()?);
    Ok(client.clone().oneshot(request).await?.error_for_status()?)
}

struct Load {
    calls: usize,
    longest: Duration,
}

/// Sends one request after the other until `done` returns true. Fails if a call fails, or after
/// 30 s.
async fn load(client: &Client, api: &str, done: impl Fn() -> bool) -> Result<Load, BoxError> {
    let mut load = Load { calls: 0, longest: Duration::ZERO };
    let start = now();
    while !done() {
        let sent = now();
        call(client, api, "/whoami").await?;
        load.calls += 1;
        load.longest = load.longest.max(sent.elapsed());
        ensure(start.elapsed() < Duration::from_secs(30))?;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(load)
}

#[expect(clippy::disallowed_methods, reason = "it measures real calls")]
fn now() -> Instant {
    Instant::now()
}

fn ensure(holds: bool) -> Result<(), BoxError> {
    if holds { Ok(()) } else { Err("a result is not as expected".into()) }
}
