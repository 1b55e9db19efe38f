//! One process on the machine has the secret; a service gets its token from it over a Unix socket, and another one has its requests
//! passed on with a token. It prints
//!
//! ```text
//! the service without a secret is erp-sync to the API
//! curl would be erp-sync to the API, too
//! 1 request for a token
//! ```
//!
//! The sidecar is a task here; in a deployment it is the process `passport-sidecar --config sidecar.toml`.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

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

    // The sidecar's part.
    let config = configuration(folder.path(), &passport, &registered, &api)?;
    let sidecar =
        SidecarServer::new(SidecarConfig::read(Some(&config))?, passport_config::ConfigRegistry::default())?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(sidecar.serve(async { drop(stopped.await) }));
    while !socket.exists() && !serving.is_finished() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }

    // A service's part, in Rust: it has no secret.
    let at = SidecarEndpoint::new(&format!("unix://{}", socket.display()))?;
    let identity = ManagedIdentity::via_sidecar(registered.client_id(), at).build()?;
    let client = AttachTokenLayer::new(identity, AllowedOrigins::new([&api])?).layer(local_client()?);
    let response = client.oneshot(local_client()?.get(format!("{api}/whoami")).build()?).await?;
    println!("the service without a secret is {} to the API", response.text().await?);

    // And in any other language: a request that is passed on. curl --unix-socket sidecar.sock -H "Passport-Sidecar: true" ...
    let any = reqwest::Client::builder().tls_certs_only([]).unix_socket(socket.as_path()).build()?;
    let passed_on =
        any.get("http://localhost/to/api/whoami").header("Passport-Sidecar", "true").send().await?;
    println!("curl would be {} to the API, too", passed_on.error_for_status()?.text().await?);

    println!("{} request for a token", passport.counters().token());
    drop(stop);
    serving.await??;
    if passport.counters().token() == 1 { Ok(()) } else { Err("there was more than one".into()) }
}

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

/// The service that is called.
async fn api(passport: &DevPassport) -> Result<String, BoxError> {
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;
    let whoami = get(|caller: IdInfo| async move { caller.display_name().to_owned() });
    Ok(serve(Router::new().route("/whoami", whoami).layer(AuthenticateLayer::new(verifier))).await?)
}
