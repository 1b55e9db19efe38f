//! Shows a sidecar that holds the client secret: a service gets its token from the sidecar over
//! a Unix socket, and another client sends a request through the sidecar's proxy. It prints
//!
//! ```text
//! the API authenticates the service without a secret as: erp-sync
//! the API authenticates the proxied request as: erp-sync
//! token requests: 1
//! ```
//!
//! The sidecar is a task in this example. In a deployment it is a process:
//! `passport-sidecar --config sidecar.toml`.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use std::{fs, path::Path};

use axum::{Router, routing::get};
use passport_dev::{DevIdentity, DevPassport};
use passport_examples::{local_client, serve};
use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier};
use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManagedIdentity, SidecarEndpoint};
use passport_sidecar::{SidecarConfig, SidecarServer};
use tokio::sync::oneshot;
use tower::{Layer, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("erp-sync").create();
    let (api, folder) = (api(&passport).await?, tempfile::tempdir()?);
    let socket = folder.path().join("sidecar.sock");

    // Start the sidecar, which has the client secret.
    let config = configuration(folder.path(), &passport, &registered, &api)?;
    let sidecar =
        SidecarServer::new(SidecarConfig::read(Some(&config))?, passport_config::ConfigRegistry::default())?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(sidecar.serve(async { drop(stopped.await) }));
    while !socket.exists() && !serving.is_finished() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }

    // A Rust service without a secret gets its token from the sidecar.
    let endpoint = SidecarEndpoint::new(&format!("unix://{}", socket.display()))?;
    let identity = ManagedIdentity::via_sidecar(registered.client_id(), endpoint).build()?;
    let client = AttachTokenLayer::new(identity, AllowedOrigins::new([&api])?).layer(local_client()?);
    let response = client.oneshot(local_client()?.get(format!("{api}/whoami")).build()?).await?;
    println!("the API authenticates the service without a secret as: {}", response.text().await?);

    // A client in any language, through the proxy:
    // curl --unix-socket sidecar.sock -H "Passport-Sidecar: true" http://localhost/to/api/whoami
    let any_client = reqwest::Client::builder().tls_certs_only([]).unix_socket(socket.as_path()).build()?;
    let proxied =
        any_client.get("http://localhost/to/api/whoami").header("Passport-Sidecar", "true").send().await?;
    println!("the API authenticates the proxied request as: {}", proxied.error_for_status()?.text().await?);

    println!("token requests: {}", passport.counters().token());
    drop(stop);
    serving.await??;
    if passport.counters().token() == 1 { Ok(()) } else { Err("expected 1 token request".into()) }
}

/// Writes the configuration of the sidecar, and returns its path.
fn configuration(
    folder: &Path,
    passport: &DevPassport,
    registered: &DevIdentity,
    api: &str,
) -> Result<std::path::PathBuf, BoxError> {
    let (path, secret) = (folder.join("sidecar.toml"), folder.join("secret"));
    fs::write(&secret, registered.secret())?;
    let text = format!(
        r#"
        [listen]
        unix = "{folder}/sidecar.sock"

        [identities.erp]
        client_id         = "{id}"
        client_secret_ref = "file:{secret}"
        passport_base_url = "{issuer}"

        [upstreams.api]
        url      = "{api}"
        identity = "erp"
        "#,
        folder = folder.display(),
        id = registered.client_id(),
        secret = secret.display(),
        issuer = passport.issuer(),
    );
    fs::write(&path, text)?;
    Ok(path)
}

/// Starts the called service, and returns its URL.
async fn api(passport: &DevPassport) -> Result<String, BoxError> {
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;
    let whoami = get(|caller: IdInfo| async move { caller.display_name().to_owned() });
    Ok(serve(Router::new().route("/whoami", whoami).layer(AuthenticateLayer::new(verifier))).await?)
}
