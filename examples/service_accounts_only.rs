//! Shows a route for service accounts, as `[RequireServiceAccount]` in .NET. A layer rejects
//! users before the handler runs. The argument of the handler also requires a service account,
//! so that the handler is protected even on a route without the layer.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

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
        .route("/internal/sync", post(internal_sync).layer(RequireServiceAccountLayer::new())) // inner layer: second
        .layer(AuthenticateLayer::new(verifier)); // outer layer: first
    let url = format!("{}/internal/sync", serve(api).await?);

    let scheduler = passport.managed_identity("payroll-scheduler").create().token().build();
    let alice = passport.user_token("alice").build();
    let with_text_claim = passport.user_token("mallory").claim("is_service_account", "true").build();
    let client = local_client()?;
    for (caller, token, expected) in [
        ("scheduler", Some(&scheduler), 200),
        ("alice", Some(&alice), 403),
        ("mallory, text instead of boolean", Some(&with_text_claim), 403),
        ("no token", None, 401),
    ] {
        let request = token.into_iter().fold(client.post(&url), reqwest::RequestBuilder::bearer_auth);
        let response = request.send().await?;
        let status = response.status().as_u16();
        println!("{caller:>32}  {status}  {}", response.text().await?);
        if status != expected {
            return Err(format!("expected status {expected}").into());
        }
    }
    Ok(())
}
