//! What an outage of Passport, and a revoked token, look like to a service: for as long as its token lives, like nothing.
//!
//! The clock is moved by hand, so that an hour takes no time. A service has the default clock.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::time::Duration;

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::get,
};
use passport_dev::{DevPassport, Endpoint, Fault};
use passport_examples::{local_client, serve};
use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManagedIdentity, ManualClock, SecretSource};
use tower::{Layer, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("payroll-scheduler").create();
    let clock = ManualClock::at_unix_seconds(1_750_000_000);
    let identity = ManagedIdentity::builder(registered.client_id(), SecretSource::fixed(registered.secret()))
        .issuer(passport.issuer())
        .clock(clock.clone())
        .build()?;

    // Before the service takes traffic: wait for the first token, but not for ever.
    tokio::time::timeout(Duration::from_secs(10), identity.ready()).await??;
    show("after the warm-up", &identity);

    // An API that refuses the first token from here on: it was revoked. The call is sent again with a new one.
    let revoked = identity.token().await?.authorization().clone();
    let api = serve(Router::new().route(
        "/",
        get(move |headers: HeaderMap| async move {
            if headers.get(AUTHORIZATION) == Some(&revoked) {
                StatusCode::UNAUTHORIZED
            } else {
                StatusCode::OK
            }
        }),
    ))
    .await?;
    let client = AttachTokenLayer::new(identity.clone(), AllowedOrigins::new([&api])?)
        .replay_clones()
        .layer(local_client()?); // reqwest::Client::new() in a service
    let call = async || client.clone().oneshot(local_client()?.get(&api).build()?).await;
    clock.advance(Duration::from_secs(60));
    println!("a call with a revoked token: {}", call().await?.status());

    // Passport goes down when the token is due for its refresh. Nobody notices.
    passport.inject(Endpoint::Token, Fault::Down);
    clock.advance(Duration::from_secs(3560));
    println!("a call during the outage: {}", call().await?.status());
    while identity.status().is_fetching() {
        tokio::task::yield_now().await;
    }
    show("during the outage", &identity);

    // It lasts longer than the token. Calls fail at once, and say why; nothing leaves without a token.
    clock.advance(Duration::from_secs(60));
    let error = call().await.err().ok_or("it should have failed")?;
    println!("a call past the token's life: {error}");

    // Passport returns. One step of the backoff later all is well, without a restart.
    passport.heal(Endpoint::Token);
    clock.advance(Duration::from_secs(30));
    println!("a call after the outage: {}", call().await?.status());
    show("after the outage", &identity);
    println!("{} token requests in all", passport.counters().token());

    identity.shutdown().await; // with the service; what is running ends
    Ok(())
}

/// What a health probe would look at.
fn show(when: &str, identity: &ManagedIdentity) {
    let status = identity.status();
    let problem = status.last_error().map_or_else(|| "no problem".to_owned(), ToString::to_string);
    println!("{when}: a token to send: {}; {problem}", status.has_live_token());
}
