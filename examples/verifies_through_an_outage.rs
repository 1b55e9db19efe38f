//! Shows a service that verifies tokens during an outage of Passport: with cached keys it
//! continues for a day, even after a restart. It prints
//!
//! ```text
//! ready: ...
//! call: 200 OK
//! call during the outage: 200 OK; health: ...
//! call during the outage, after a restart: 200 OK
//! call after a day of the outage: 503 Service Unavailable, Retry-After: 2 (or 1)
//! call after the outage: 200 OK
//! ```
//!
//! The example advances a `ManualClock` by a day. A service uses the default clock.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

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
        .jwks_cache_file(file) // a restart can use these keys
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

    // Before the service accepts traffic, wait for the keys, 10 s at most. A readiness probe uses
    // `health().is_usable()`.
    let first = verifier(&passport, &file, &clock)?;
    tokio::time::timeout(Duration::from_secs(10), first.ready()).await??;
    println!("ready: {}", first.health());
    let url = serve(api(first.clone())).await?;
    let call = async |url: &str| client.get(url).bearer_auth(&token).send().await;
    println!("call: {}", call(&url).await?.status());

    passport.inject(Endpoint::Jwks, Fault::Down);
    clock.advance(HOUR);
    let status = call(&url).await?.status();
    while first.health().issuers()[0].jwks().failures() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("call during the outage: {status}; health: {}", first.health());

    let url = serve(api(verifier(&passport, &file, &clock)?)).await?;
    println!("call during the outage, after a restart: {}", call(&url).await?.status());

    // Cached keys are not trusted after a day without a successful refresh. That is not an error of
    // the caller, so the status is 503, not 401.
    clock.advance(HOUR * 24);
    let rejected = call(&url).await?;
    let retry_after = rejected.headers()["retry-after"].to_str()?;
    println!("call after a day of the outage: {}, Retry-After: {retry_after}", rejected.status());
    if rejected.status() != 503 {
        return Err("expected status 503".into());
    }

    passport.clear_fault(Endpoint::Jwks);
    clock.advance(Duration::from_secs(33));
    let status = call(&url).await?.error_for_status()?.status();
    println!("call after the outage: {status}");
    Ok(())
}
