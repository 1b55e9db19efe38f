//! Shows one API for callers of Passport and of a customer's identity provider (hybrid mode).
//! Each has a user and a service account. The example prints what each route answers to each of
//! them.
//!
//! A second `DevPassport` is the customer's provider: the tokens have the claims of Keycloak. A
//! service passes the URL of the realm instead.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use axum::{Json, Router, routing::get};
use passport_dev::DevPassport;
use passport_examples::{local_client, serve};
use passport_inbound::{
    AuthenticateLayer, ClaimCondition, ConfigError, IdInfo, RequireLayer, RequireServiceAccountLayer,
    Requirement, TenantRule, TokenVerifier, TrustedIssuer,
};
use serde_json::json;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn verifier(passport: &DevPassport, keycloak: &DevPassport) -> Result<TokenVerifier, ConfigError> {
    let customer = TrustedIssuer::keycloak(keycloak.issuer()) // reads roles at realm_access.roles
        .name("keycloak") // in metrics, logs, health and audit events
        .audience("orders-api")
        .map_claims(|map| {
            map.role("order-clerks", "orders.clerk") // names without a mapping are dropped
                .service_account(ClaimCondition::present("clientHost"))
        })
        .tenant(TenantRule::fixed("contoso"));
    TokenVerifier::builder("bizfirstgo-api").issuer(passport.issuer()).trust(customer).build()
}

fn api(verifier: TokenVerifier) -> Router {
    let clerks = RequireLayer::new(Requirement::role("orders.clerk"));
    let own_services = Requirement::passport().and(Requirement::service_account());
    Router::new()
        .route("/me", get(me))
        .route("/orders", get(async || "orders").layer(clerks))
        .route("/sync", get(async || "synced").layer(RequireServiceAccountLayer::new()))
        .route("/payroll", get(async || "paid").layer(RequireLayer::new(own_services)))
        .layer(AuthenticateLayer::new(verifier))
}

async fn me(caller: IdInfo) -> Json<serde_json::Value> {
    // The issuer and the subject together identify a caller: two issuers can have the same subject.
    Json(json!({
        "issuer": caller.issuer(),
        "subject": caller.user_id(),
        "tenant": caller.tenant_id(),
        "external": caller.is_external(),
        "roles": caller.roles(),
    }))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let keycloak = DevPassport::builder().audience("orders-api").start().await?;
    let api = serve(api(verifier(&passport, &keycloak)?)).await?;

    // A token of Keycloak: roles are below `realm_access`, and no claim of Passport is in it.
    let of_keycloak = |name: &str, groups: &[&str]| {
        let token = keycloak.user_token(name).without_claim("tenant_id").without_claim("roles");
        token.claim("typ", "Bearer").claim("realm_access", json!({ "roles": groups }))
    };
    let alice = passport.user_token("alice").role("orders.clerk").build();
    let scheduler = passport.managed_identity("scheduler").create().token().build();
    let bob = of_keycloak("bob", &["order-clerks"]).build();
    let erp = of_keycloak("service-account-erp", &[]).claim("clientHost", "192.0.2.7").build();
    // Claims of Passport have no effect in this token, and a group without a mapping is no role,
    // even if it has the name of one.
    let mallory = of_keycloak("mallory", &["orders.clerk"])
        .claim("is_service_account", true)
        .claim("tenant_id", "fabrikam")
        .build();

    let client = local_client()?;
    let routes = ["/orders", "/sync", "/payroll"];
    println!("{:26}{:22}{:28}{}", "caller", routes[0], routes[1], routes[2]);
    let mut callers = Vec::new();
    for (caller, token, expected) in [
        ("Passport user", alice, [200, 403, 403]),
        ("Passport service account", scheduler, [403, 200, 200]),
        ("Keycloak user", bob, [200, 403, 403]),
        ("Keycloak service account", erp, [403, 200, 403]),
        ("Keycloak user, forging", mallory, [403, 403, 403]),
    ] {
        let get = async |path: &str| client.get(format!("{api}{path}")).bearer_auth(&token).send().await;
        callers.push((caller, get("/me").await?.error_for_status()?.text().await?));
        print!("{caller:26}");
        for ((path, expected), width) in routes.into_iter().zip(expected).zip([22, 28, 0]) {
            let response = get(path).await?;
            let status = response.status().as_u16();
            let body = response.text().await?;
            let answer: serde_json::Value = serde_json::from_str(&body).unwrap_or(json!({}));
            let reason = answer["reason"].as_str().unwrap_or(&body).to_owned();
            print!("{:width$}", format!("{status} {reason}"));
            if status != expected {
                return Err(format!("{path}: expected status {expected}").into());
            }
        }
        println!();
    }
    println!("\nGET /me");
    for (caller, me) in callers {
        println!("{caller:26}{me}");
    }
    Ok(())
}
