//! Shows service A calling service B, once with the token of the user who called A, and once
//! with its own token. B returns the caller that it authenticated.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use axum::{Extension, Router, extract::State, http::StatusCode, routing::get};
use passport_dev::DevPassport;
use passport_examples::{local_client, serve};
use passport_inbound::{AuthenticateLayer, IdInfo, RequireServiceAccountLayer, TokenVerifier};
use passport_outbound::{
    AttachError, CallerIdentity, CallerToken, HttpClientError, ManagedIdentity, ManagedIdentityHttpClient,
    SecretSource,
};
use reqwest::Response;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let (scheduler, identity_a) = (identity(&passport, "scheduler")?, identity(&passport, "service-a")?);
    let b = service_b(&passport).await?;
    let to_b = ManagedIdentityHttpClient::new(identity_a, &b)?;
    let a = service_a(&passport, to_b).await?;

    let user = passport.user_token("ada").build();
    let response = local_client()?.get(format!("{a}/my-payslips")).bearer_auth(user).send().await?;
    let seen = response.error_for_status()?.text().await?;
    println!("a user calls A, and B authenticates: {seen}");
    assert_eq!(seen, "user ada");

    let to_a = ManagedIdentityHttpClient::new(scheduler, &a)?;
    let seen = to_a.get("/nightly-run").send().await?.error_for_status()?.text().await?;
    println!("a scheduler calls A, and B authenticates: {seen}");
    assert_eq!(seen, "service account mi-service-a-clientid");

    // There is no caller here. Without `.or(identity)` that is an error, and no request is sent.
    let as_caller = ManagedIdentityHttpClient::new(CallerIdentity::from_task_local(), &b)?;
    let outcome = as_caller.get("/whoami").send().await;
    let Err(HttpClientError::Attach(AttachError::MissingCallerToken)) = outcome else {
        return Err("expected MissingCallerToken".into());
    };
    println!("without a caller, no request is sent to B");
    Ok(())
}

/// Starts service A. Its routes share one client to B, which attaches A's own token unless a
/// request has a caller's token.
async fn service_a(passport: &DevPassport, b: ManagedIdentityHttpClient) -> Result<String, BoxError> {
    let router = Router::new()
        .route("/nightly-run", get(nightly_run).layer(RequireServiceAccountLayer::new()))
        .route("/my-payslips", get(my_payslips))
        .layer(AuthenticateLayer::new(verifier(passport)?).forward_token())
        .with_state(b);
    Ok(serve(router).await?)
}

/// Calls B with the user's token, because B authorizes the user.
async fn my_payslips(
    State(b): State<ManagedIdentityHttpClient>,
    Extension(caller): Extension<CallerToken>,
) -> Result<String, StatusCode> {
    forwarded(b.get("/whoami").caller(caller).send().await).await
}

/// Calls B with A's own token, because the scheduler is not a user. If B rejects the call, that
/// is an error of A, not of the scheduler, so A responds with status 502.
async fn nightly_run(State(b): State<ManagedIdentityHttpClient>) -> Result<String, StatusCode> {
    forwarded(b.get("/whoami").send().await).await.map_err(|_| StatusCode::BAD_GATEWAY)
}

/// Returns the body of B's response. If B rejects the request, returns the status of B.
async fn forwarded(outcome: Result<Response, HttpClientError>) -> Result<String, StatusCode> {
    let response = outcome.map_err(|error| match error {
        HttpClientError::Attach(AttachError::CallerTokenExpired) => StatusCode::UNAUTHORIZED,
        HttpClientError::Token(_) => StatusCode::SERVICE_UNAVAILABLE,
        HttpClientError::Http(_) => StatusCode::BAD_GATEWAY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    })?;
    if !response.status().is_success() {
        return Err(response.status());
    }
    response.text().await.map_err(|_| StatusCode::BAD_GATEWAY)
}

async fn service_b(passport: &DevPassport) -> Result<String, BoxError> {
    let whoami = get(|caller: IdInfo| async move {
        let kind = if caller.is_service_account() { "service account" } else { "user" };
        format!("{kind} {}", caller.user_id())
    });
    let router = Router::new().route("/whoami", whoami).layer(AuthenticateLayer::new(verifier(passport)?));
    Ok(serve(router).await?)
}

fn verifier(passport: &DevPassport) -> Result<TokenVerifier, BoxError> {
    Ok(TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?)
}

fn identity(passport: &DevPassport, name: &str) -> Result<ManagedIdentity, BoxError> {
    let registered = passport.managed_identity(name).create();
    let secret = SecretSource::from_value(registered.secret());
    Ok(ManagedIdentity::builder(registered.client_id(), secret).issuer(passport.issuer()).build()?)
}
