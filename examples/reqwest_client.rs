//! Shows the outbound layer around `reqwest::Client`, which is a Tower service, and a request to
//! an origin that is not allowed.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use axum::{Router, routing::get};
use passport_dev::DevPassport;
use passport_examples::{local_client, serve};
use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier};
use passport_outbound::{AllowedOrigins, AttachError, AttachTokenLayer, ManagedIdentity, SecretSource};
use tower::{Service, ServiceBuilder, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("erp-sync").role("erp.read").create();
    let api = erp_api(&passport).await?;

    let identity =
        ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(registered.secret()))
            .issuer(passport.issuer())
            .build()?;
    let mut client = ServiceBuilder::new()
        .layer(AttachTokenLayer::new(identity, AllowedOrigins::new([&api])?))
        .service(local_client()?); // reqwest::Client::new() in a service

    // Build the request with reqwest, and send it through the layer, which attaches the token.
    let request =
        local_client()?.get(format!("{api}/api/erp/accounts")).header("x-request-id", "42").build()?;
    let response = client.ready().await?.call(request).await?.error_for_status()?;
    println!("response of the API: {}", response.text().await?);

    // A request to another origin is rejected: it is not sent.
    let elsewhere = reqwest::Request::new(reqwest::Method::GET, "https://elsewhere.example/".parse()?);
    let error = client.ready().await?.call(elsewhere).await.err().ok_or("expected an error")?;
    println!("request to another origin: {error}");
    if error.is::<AttachError>() { Ok(()) } else { Err(error) }
}

async fn erp_api(passport: &DevPassport) -> Result<String, BoxError> {
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;
    let accounts = get(|caller: IdInfo| async move { format!("accounts, for {}", caller.display_name()) });
    let api = Router::new().route("/api/erp/accounts", accounts).layer(AuthenticateLayer::new(verifier));
    Ok(serve(api).await?)
}
