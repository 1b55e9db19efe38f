//! Shows an axum API with a public route, and routes for users, for a role, for a tenant and for
//! service accounts. An audit layer records each request with its caller.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use axum::{Router, extract::Path, routing::get};
use passport_dev::DevPassport;
use passport_examples::{local_client, serve};
use passport_inbound::{
    AuditLayer, AuthenticateLayer, Authorized, ConfigError, IdInfo, Policy, RequireLayer, Requirement,
    ServiceAccount, TokenVerifier, User,
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn api(verifier: TokenVerifier) -> Result<Router, ConfigError> {
    let own_tenant = Requirement::tenant_in_path("/tenants/{tenant_id}/{*rest}", "tenant_id")?;
    let router = Router::new()
        // A requirement as a layer of one route.
        .route("/tenants/{tenant_id}/payslips", get(of_tenant).layer(RequireLayer::new(own_tenant)))
        .route("/payslips/mine", get(mine)) // requirements as handler arguments
        .route("/payslips/all", get(all))
        .route("/internal/sync", get(sync))
        .route("/health", get(|| async { "up" }))
        .layer(AuthenticateLayer::new(verifier).public_paths(["/health"])?) // other routes require a token
        .layer(AuditLayer::new()); // `tracing` events, target passport_inbound::audit
    Ok(router)
}

async fn mine(User(user): User) -> String {
    format!("payslips of {} in {}", user.display_name(), user.tenant_id())
}

struct Admins;

impl Policy for Admins {
    fn requirement() -> Requirement {
        Requirement::role("payroll.admin").and(Requirement::multi_factor())
    }
}

async fn all(admin: Authorized<Admins>) -> String {
    format!("all payslips of tenant {}", admin.caller().tenant_id())
}

async fn of_tenant(caller: IdInfo, Path(tenant): Path<String>) -> String {
    format!("payslips of tenant {tenant}, for {}", caller.display_name())
}

async fn sync(ServiceAccount(caller): ServiceAccount) -> String {
    format!("synced by {}", caller.display_name())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let verifier = TokenVerifier::builder("bizfirstgo-api") // tokens of managed identities
        .audience("payroll-web") // tokens of the web app's users
        .issuer(passport.issuer())
        .build()?;
    let api = serve(api(verifier)?).await?;

    let user = |name: &str| passport.user_token(name).audience("payroll-web");
    let alice = user("alice").build();
    let bob = user("bob").role("payroll.admin").build();
    let carol = user("carol").role("payroll.admin").claim("amr", vec!["pwd", "otp"]).build();
    let scheduler = passport.managed_identity("scheduler").create().token().build();
    for (caller, token, path, expected) in [
        ("no token", None, "/health", 200),
        ("no token", None, "/payslips/mine", 401),
        ("alice", Some(&alice), "/payslips/mine", 200),
        ("alice", Some(&alice), "/tenants/tenant-1/payslips", 200),
        ("alice", Some(&alice), "/tenants/tenant-2/payslips", 403),
        ("bob, admin without MFA", Some(&bob), "/payslips/all", 403),
        ("carol, admin with MFA", Some(&carol), "/payslips/all", 200),
        ("carol, admin with MFA", Some(&carol), "/internal/sync", 403),
        ("scheduler", Some(&scheduler), "/internal/sync", 200),
    ] {
        let request = local_client()?.get(format!("{api}{path}"));
        let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        let response = request.send().await?;
        let status = response.status().as_u16();
        println!("{caller:>22}  {path:26} {status}  {}", response.text().await?);
        if status != expected {
            return Err(format!("expected status {expected}").into());
        }
    }
    Ok(())
}
