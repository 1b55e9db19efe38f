//! What an outage of Passport looks like to a service that verifies its tokens: for a day, like nothing, even across a
//! restart. It prints
//!
//! ```text
//! ready: Fresh, usable keys: 1, 0 s old
//! a call: 200 OK
//! in the outage: 200 OK; the probe says Due, usable keys: 1, 3600 s old, failed attempts in a row: 1, the last: ...
//! restarted in the outage: 200 OK
//! after a day of it: 503 Service Unavailable, Retry-After: 2 (or 1)
//! after it: 200 OK
//! ```
//!
//! The clock is moved by hand, so that a day takes no time. A service has the default clock.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::{path::Path, time::Duration};

use axum::{Router, routing::get};
use passport_dev::{DevPassport, Endpoint, Fault};
use passport_examples::{local_client, serve};
use passport_inbound::{AuthenticateLayer, ConfigError, IdInfo, ManualClock, TokenVerifier};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const HOUR: Duration = Duration::from_secs(60 * 60);

fn verifier(passport: &DevPassport, file: &Path, clock: &ManualClock) -> Result<TokenVerifier, ConfigError> {
    TokenVerifier::builder("bizfirstgo-api")
        .issuer(passport.issuer())
        .jwks_cache_file(file) // so that a restart needs no Passport
        .clock(clock.clone())
        .build()
}

fn api(verifier: TokenVerifier) -> Router {
    Router::new()
        .route("/", get(|caller: IdInfo| async move { caller.display_name().to_owned() }))
        .layer(AuthenticateLayer::new(verifier))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let clock = ManualClock::at_unix_seconds(1_750_000_000);
    let passport = DevPassport::builder().clock(clock.clone()).start().await?;
    let token = passport.user_token("alice").expires_in(HOUR * 48).build();
    let (folder, client) = (tempfile::tempdir()?, local_client()?);
    let file = folder.path().join("passport-keys.json");

    // Before the service takes traffic: wait for the keys, but not for ever. A readiness probe asks `health().is_usable()`.
    let first = verifier(&passport, &file, &clock)?;
    tokio::time::timeout(Duration::from_secs(10), first.ready()).await??;
    println!("ready: {}", first.health());
    let url = serve(api(first.clone())).await?;
    let call = async |url: &str| client.get(url).bearer_auth(&token).send().await;
    println!("a call: {}", call(&url).await?.status());

    passport.inject(Endpoint::Jwks, Fault::Down);
    clock.advance(HOUR);
    let status = call(&url).await?.status();
    while first.health().failures() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("in the outage: {status}; the probe says {}", first.health());

    let url = serve(api(verifier(&passport, &file, &clock)?)).await?;
    println!("restarted in the outage: {}", call(&url).await?.status());

    // Keys that nobody has confirmed for so long are not believed any more. It is not the callers' fault, so it is no 401.
    clock.advance(HOUR * 24);
    let rejected = call(&url).await?;
    let retry_after = rejected.headers()["retry-after"].to_str()?;
    println!("after a day of it: {}, Retry-After: {retry_after}", rejected.status());
    if rejected.status() != 503 {
        return Err("it should have been refused".into());
    }

    passport.clear_fault(Endpoint::Jwks);
    clock.advance(Duration::from_secs(33));
    let status = call(&url).await?.error_for_status()?.status();
    println!("after it: {status}");
    Ok(())
}
