//! `[RequireServiceAccount]`: a route for machines. The guard refuses users before the handler runs; and the handler looks
//! itself, by the type of its argument, so that it cannot be put on a route without the guard.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use axum::{Router, routing::post};
use passport_dev::DevPassport;
use passport_examples::{local_client, serve};
use passport_inbound::{AuthenticateLayer, RequireServiceAccountLayer, ServiceAccount, TokenVerifier};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

async fn internal_sync(ServiceAccount(caller): ServiceAccount) -> String {
    format!("synced for {}", caller.managed_identity_id().unwrap_or(caller.user_id()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;

    let api = Router::new()
        .route("/internal/sync", post(internal_sync).layer(RequireServiceAccountLayer::new())) // runs second
        .layer(AuthenticateLayer::new(verifier)); // outside: runs first
    let url = format!("{}/internal/sync", serve(api).await?);

    let scheduler = passport.managed_identity("payroll-scheduler").create().token().build();
    let alice = passport.user_token("alice").build();
    let claims_to_be_one = passport.user_token("mallory").claim("is_service_account", "true").build();
    let client = local_client()?;
    for (caller, token, expected) in [
        ("the scheduler", Some(&scheduler), 200),
        ("alice", Some(&alice), 403),
        ("mallory, with text for a boolean", Some(&claims_to_be_one), 403),
        ("nobody", None, 401),
    ] {
        let request = token.into_iter().fold(client.post(&url), reqwest::RequestBuilder::bearer_auth);
        let response = request.send().await?;
        let status = response.status().as_u16();
        println!("{caller:>32}  {status}  {}", response.text().await?);
        if status != expected {
            return Err(format!("expected {expected}").into());
        }
    }
    Ok(())
}
