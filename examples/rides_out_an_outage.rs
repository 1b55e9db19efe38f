//! Shows calls before, during and after an outage of Passport: they succeed as long as the
//! cached token is valid. It prints
//!
//! ```text
//! ready, valid token: true
//! call during the outage: 200 OK
//! call after the token expired: no token for `mi-payroll-scheduler-clientid`: ...
//! after the token expired, valid token: false
//! call after the outage: 200 OK
//! ```
//!
//! The example advances a `ManualClock` by an hour. A service uses the default clock.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use std::time::Duration;

use axum::{Router, routing::get};
use passport_dev::{DevPassport, Endpoint, Fault};
use passport_examples::{local_client, serve};
use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManagedIdentity, ManualClock, SecretSource};
use reqwest::{Method, Request};
use tower::{Layer, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("payroll-scheduler").create();
    let clock = ManualClock::at_unix_seconds(1_750_000_000);
    let identity =
        ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(registered.secret()))
            .issuer(passport.issuer())
            .clock(clock.clone())
            .build()?;
    let api = serve(Router::new().route("/", get(|| async { "done" }))).await?;
    let client = AttachTokenLayer::new(identity.clone(), AllowedOrigins::new([&api])?).layer(local_client()?);
    let call = async || client.clone().oneshot(Request::new(Method::GET, api.parse()?)).await;

    // Before the service accepts traffic, wait for the first token, 10 s at most.
    tokio::time::timeout(Duration::from_secs(10), identity.ready()).await??;
    println!("ready, valid token: {}", identity.status().has_valid_token());

    // The outage begins when the token is due for a refresh. Calls use the cached token.
    passport.inject(Endpoint::Token, Fault::Down);
    clock.advance(Duration::from_secs(3560));
    println!("call during the outage: {}", call().await?.status());

    // The token expires during the outage. A call then fails without sending a request to the API.
    // Its error has the cause, and a readiness probe can use `status()`.
    clock.advance(Duration::from_secs(60));
    let error = call().await.err().ok_or("expected an error")?;
    println!("call after the token expired: {error}");
    println!("after the token expired, valid token: {}", identity.status().has_valid_token());

    // The outage ends. The next token fetch after the backoff succeeds, without a restart.
    passport.clear_fault(Endpoint::Token);
    clock.advance(Duration::from_secs(30));
    println!("call after the outage: {}", call().await?.status());

    identity.shutdown().await; // stops background refreshes
    Ok(())
}
