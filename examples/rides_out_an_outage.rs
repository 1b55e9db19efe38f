//! What an outage of Passport looks like to a service: for as long as its token lives, like nothing. It prints
//!
//! ```text
//! warmed up: a token to send: true
//! a call during the outage: 200 OK
//! a call past the token's life: no token for `mi-payroll-scheduler-clientid`: Passport is unavailable; ...
//! past the token's life: a token to send: false
//! a call after the outage: 200 OK
//! ```
//!
//! The clock is moved by hand, so that an hour takes no time. A service has the default clock.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

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

    // Before the service takes traffic: wait for the first token, but not for ever.
    tokio::time::timeout(Duration::from_secs(10), identity.ready()).await??;
    println!("warmed up: a token to send: {}", identity.status().has_valid_token());

    // Passport goes down when the token is due for its refresh. Nobody notices.
    passport.inject(Endpoint::Token, Fault::Down);
    clock.advance(Duration::from_secs(3560));
    println!("a call during the outage: {}", call().await?.status());

    // It lasts longer than the token. Nothing leaves without one; the error says why. A health probe looks at the status.
    clock.advance(Duration::from_secs(60));
    let error = call().await.err().ok_or("it should have failed")?;
    println!("a call past the token's life: {error}");
    println!("past the token's life: a token to send: {}", identity.status().has_valid_token());

    // Passport returns. One step of the backoff later all is well, without a restart.
    passport.clear_fault(Endpoint::Token);
    clock.advance(Duration::from_secs(30));
    println!("a call after the outage: {}", call().await?.status());

    identity.shutdown().await; // with the service: what is running ends
    Ok(())
}
