//! Shows a token that is revoked while it is in use: the API rejects it, the identity replaces
//! it, and the layer retries the request. It prints
//!
//! ```text
//! requests rejected by the API: 1; response: 200 OK
//! ```
//!
//! The example advances a `ManualClock`, because a token younger than 5 s is not replaced.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    routing::post,
};
use passport_dev::DevPassport;
use passport_examples::{local_client, serve};
use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManagedIdentity, ManualClock, SecretSource};
use tower::{Layer, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("erp-sync").create();
    let clock = ManualClock::at_unix_seconds(1_750_000_000);
    let identity =
        ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(registered.secret()))
            .issuer(passport.issuer())
            .clock(clock.clone())
            .build()?;

    // An API that rejects the first token, as if it had been revoked.
    let revoked = identity.token().await?.authorization().clone();
    let rejections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&rejections);
    let import = post(move |headers: HeaderMap| async move {
        if headers.get(AUTHORIZATION) != Some(&revoked) {
            return StatusCode::OK;
        }
        count.fetch_add(1, Ordering::SeqCst);
        StatusCode::UNAUTHORIZED
    });
    let api = serve(Router::new().route("/import", import)).await?;

    let client = AttachTokenLayer::new(identity, AllowedOrigins::new([&api])?)
        .retry_unauthorized() // without it, this call returns 401, and the next one has a new token
        .layer(local_client()?); // reqwest::Client::new() in a service
    clock.advance(Duration::from_secs(60));
    let request = local_client()?.post(format!("{api}/import")).body("a document").build()?;
    let status = client.oneshot(request).await?.status();
    println!("requests rejected by the API: {}; response: {status}", rejections.load(Ordering::SeqCst));
    Ok(())
}
