//! The outbound side over hyper-util's client, with nothing else in between.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use axum::{Router, routing::post};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use passport_dev::DevPassport;
use passport_examples::serve;
use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier};
use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManagedIdentity, SecretSource};
use tower::{Service, ServiceBuilder, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("report-builder").create();
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;
    let reports =
        post(|caller: IdInfo, name: String| async move { format!("{name}, by {}", caller.user_id()) });
    let api = Router::new().route("/reports", reports).layer(AuthenticateLayer::new(verifier));
    let api = serve(api).await?;

    let identity = ManagedIdentity::builder(registered.client_id(), SecretSource::fixed(registered.secret()))
        .issuer(passport.issuer())
        .build()?;
    let mut client = ServiceBuilder::new()
        .layer(AttachTokenLayer::new(identity, AllowedOrigins::new([&api])?))
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());

    let request = Request::post(format!("{api}/reports")).body(Full::from("May 2026"))?;
    let response = client.ready().await?.call(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    println!("{status} {}", String::from_utf8_lossy(&body));
    if status.is_success() { Ok(()) } else { Err("the API has refused".into()) }
}
