//! The inbound side: an axum API that knows who calls. A public route, one for everybody with a token, and one that
//! looks at roles.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use axum::{Router, http::StatusCode, routing::get};
use passport_dev::DevPassport;
use passport_examples::{local_client, serve};
use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn api(verifier: TokenVerifier) -> Router {
    let protected = Router::new()
        .route("/payroll/mine", get(mine))
        .route("/payroll/all", get(all))
        .layer(AuthenticateLayer::new(verifier));
    Router::new().route("/health", get(health)).merge(protected)
}

/// No layer on this route, so nobody is known.
async fn health(caller: Option<IdInfo>) -> &'static str {
    if caller.is_none() { "up" } else { "up, and you have introduced yourself" }
}

async fn mine(caller: IdInfo) -> String {
    format!("the payslips of {} in {}", caller.display_name(), caller.tenant_id())
}

async fn all(caller: IdInfo) -> Result<String, StatusCode> {
    if caller.has_role("payroll.admin") {
        Ok(format!("all payslips of {}", caller.tenant_id()))
    } else {
        Err(StatusCode::FORBIDDEN)
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let verifier = TokenVerifier::builder("bizfirstgo-api") // tokens of managed identities
        .accept_audience("payroll-web") // tokens of the web app's users
        .issuer(passport.issuer())
        .build()?;
    let api = serve(api(verifier)).await?;

    let alice = passport.user_token("alice").audience("payroll-web").build();
    let admin = passport.user_token("bob").audience("payroll-web").role("payroll.admin").build();
    let stranger = passport.user_token("eve").audience("another-app").build();
    let client = local_client()?;
    for (who, token, path, expected) in [
        ("nobody", None, "/health", 200),
        ("nobody", None, "/payroll/mine", 401),
        ("alice", Some(&alice), "/payroll/mine", 200),
        ("alice", Some(&alice), "/payroll/all", 403),
        ("bob", Some(&admin), "/payroll/all", 200),
        ("a token for another app", Some(&stranger), "/payroll/mine", 401),
    ] {
        let request = client.get(format!("{api}{path}"));
        let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        let response = request.send().await?;
        let status = response.status().as_u16();
        println!("{who:>24}  {path:14} {status}  {}", response.text().await?);
        if status != expected {
            return Err(format!("expected {expected}").into());
        }
    }
    Ok(())
}
