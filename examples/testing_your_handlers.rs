//! A test of a handler, written as in your own crate: no issuer, no socket. `cargo test --example testing_your_handlers` runs
//! it as a test; run as a program it shows what it would see.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use axum::{Router, body::Body, routing::post};
use http::{Request, StatusCode};
use passport_dev::TestIdentity;
use passport_inbound::{AuthenticateLayer, ConfigError, IdInfo, Requirement, TokenVerifier};
use tower::ServiceExt;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What ships. It knows nothing of tests: who verifies is given to it.
fn app(verifier: TokenVerifier) -> Router {
    Router::new()
        .route(
            "/payroll/run",
            post(|caller: IdInfo| async move { format!("run by {}", caller.display_name()) }),
        )
        .layer(AuthenticateLayer::new(verifier).require(Requirement::role("payroll.run")))
}

/// The real verifier, with the keys of the test identities in the place of Passport's.
fn verifier() -> Result<TokenVerifier, ConfigError> {
    TokenVerifier::builder(TestIdentity::AUDIENCE).static_jwks(TestIdentity::jwks()).build()
}

async fn status_for(caller: Option<TestIdentity>) -> Result<StatusCode, BoxError> {
    let request = Request::post("/payroll/run").body(Body::empty())?;
    let request = caller.into_iter().fold(request, |request, caller| caller.sign(request));
    Ok(app(verifier()?).oneshot(request).await?.status())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    for (name, identity, expected) in [
        ("nobody", None, StatusCode::UNAUTHORIZED),
        ("a scheduler", Some(TestIdentity::service("scheduler").role("payroll.run")), StatusCode::OK),
        ("a user without the role", Some(TestIdentity::user("ada")), StatusCode::FORBIDDEN),
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
    async fn a_scheduler_may_run_payroll() {
        let verifier =
            TokenVerifier::builder(TestIdentity::AUDIENCE).static_jwks(TestIdentity::jwks()).build().unwrap();
        let request = Request::post("/payroll/run").body(Body::empty()).unwrap();
        let request = TestIdentity::service("scheduler").role("payroll.run").sign(request);
        assert_eq!(app(verifier).oneshot(request).await.unwrap().status(), StatusCode::OK);
    }
}
