//! Shows the `ErpSyncService` of Passport's .NET documentation: an HTTP client that is
//! configured by a file and the environment, and that fetches and attaches tokens itself.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use std::{fs, sync::Arc};

use axum::{Json, Router, extract::Query, routing::get};
use config::{Config, Environment, File, FileFormat};
use passport_config::ManagedIdentityConfig;
use passport_dev::DevPassport;
use passport_examples::serve;
use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier};
use passport_outbound::{HttpClientError, ManagedIdentityHttpClient};
use serde::{Deserialize, Serialize};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

struct ErpSyncService {
    http: ManagedIdentityHttpClient,
}

impl ErpSyncService {
    async fn sync(&self) -> Result<AccountList, HttpClientError> {
        // The first request fetches the token. It is cached, and refreshed before it expires.
        let response = self.http.get("/api/erp/accounts?since=2026-05-01").send().await?;
        let response = response.error_for_status()?;
        Ok(response.json().await?) // the short form of these lines: self.http.get_json(..)
    }
}

/// Returns the configuration file of a deployment. Only the client id and the reference of its
/// secret have no default. An environment variable such as `MANAGED_IDENTITY_CLIENT_ID`
/// overrides a value.
fn settings(passport: &str, erp: &str, secret: &str) -> String {
    format!(
        r#"
        passport_base_url = "{passport}"
        client_id         = "mi-erp-sync-clientid"
        client_secret_ref = "{secret}"
        secret_provider   = "file"
        cache_tokens      = true
        refresh_threshold = "60s"
        base_url          = "{erp}"
        "#
    )
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("erp-sync").role("erp.read").create();
    let folder = tempfile::tempdir()?;
    let secret = folder.path().join("client-secret");
    fs::write(&secret, registered.secret())?;
    let settings = settings(passport.issuer(), &erp(&passport).await?, &secret.to_string_lossy());

    let config: ManagedIdentityConfig = Config::builder()
        .add_source(File::from_str(&settings, FileFormat::Toml)) // File::with_name("erp-sync") in a service
        .add_source(Environment::with_prefix("MANAGED_IDENTITY"))
        .build()?
        .try_deserialize()?;
    let http = config.http_client()?;

    let service = Arc::new(ErpSyncService { http });
    for _ in 0..2 {
        let AccountList { since, accounts } = service.sync().await?;
        println!("accounts since {since}: {accounts:?}");
    }
    println!("token requests: {}", passport.counters().token());
    if passport.counters().token() == 1 { Ok(()) } else { Err("the token was not cached".into()) }
}

#[derive(Serialize, Deserialize)]
struct AccountList {
    since: String,
    accounts: Vec<String>,
}

#[derive(Deserialize)]
struct Since {
    since: String,
}

/// Starts the called service, and returns its URL.
async fn erp(passport: &DevPassport) -> Result<String, BoxError> {
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;
    let accounts = get(|caller: IdInfo, Query(Since { since }): Query<Since>| async move {
        Json(AccountList { since, accounts: vec![format!("1200, requested by {}", caller.display_name())] })
    });
    let api = Router::new().route("/api/erp/accounts", accounts).layer(AuthenticateLayer::new(verifier));
    Ok(serve(api).await?)
}
