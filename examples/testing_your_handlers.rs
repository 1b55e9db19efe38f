//! Shows a test of a handler without an issuer and without a socket.
//!
//! `cargo test --example testing_your_handlers` runs it as a test. `cargo run` prints the status
//! for three callers.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use axum::{Router, body::Body, routing::post};
use http::{Request, StatusCode};
use passport_dev::TestIdentity;
use passport_inbound::{AuthenticateLayer, ConfigError, IdInfo, Requirement, TokenVerifier};
use tower::ServiceExt;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Returns the service. It takes the verifier as an argument and has no code for tests.
fn app(verifier: TokenVerifier) -> Router {
    Router::new()
        .route(
            "/payroll/run",
            post(|caller: IdInfo| async move { format!("run by {}", caller.display_name()) }),
        )
        .layer(AuthenticateLayer::new(verifier).require(Requirement::role("payroll.run")))
}

/// Returns the verifier of production, with the keys of the test identities instead of
/// Passport's.
fn verifier() -> Result<TokenVerifier, ConfigError> {
    TokenVerifier::builder(TestIdentity::AUDIENCE).static_jwks(TestIdentity::jwks()).build()
}

async fn status_for(caller: Option<TestIdentity>) -> Result<StatusCode, BoxError> {
    let request = Request::post("/payroll/run").body(Body::empty())?;
    let request = caller.into_iter().fold(request, |request, caller| caller.attach_token(request));
    Ok(app(verifier()?).oneshot(request).await?.status())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for (name, identity, expected) in [
        ("no token", None, StatusCode::UNAUTHORIZED),
        (
            "scheduler with the role",
            Some(TestIdentity::service("scheduler").role("payroll.run")),
            StatusCode::OK,
        ),
        ("user without the role", Some(TestIdentity::user("ada")), StatusCode::FORBIDDEN),
    ] {
        let status = status_for(identity).await?;
        println!("{name}: {status}");
        assert_eq!(status, expected);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn scheduler_with_the_role_may_run_payroll() {
        let verifier =
            TokenVerifier::builder(TestIdentity::AUDIENCE).static_jwks(TestIdentity::jwks()).build().unwrap();
        let request = Request::post("/payroll/run").body(Body::empty()).unwrap();
        let request = TestIdentity::service("scheduler").role("payroll.run").attach_token(request);
        assert_eq!(app(verifier).oneshot(request).await.unwrap().status(), StatusCode::OK);
    }
}
