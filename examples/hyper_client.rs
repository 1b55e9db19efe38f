//! Shows the outbound layer around hyper-util's client, with three concurrent requests over one
//! HTTP/2 connection.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use axum::{Router, routing::post};
use bytes::Bytes;
use futures_util::future::try_join_all;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use passport_dev::DevPassport;
use passport_examples::serve;
use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier};
use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManagedIdentity, SecretSource};
use tower::{ServiceBuilder, ServiceExt};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("report-builder").create();
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;
    let reports = post(|caller: IdInfo, name: String| async move {
        format!("{name}, requested by {}", caller.user_id())
    });
    let api = Router::new().route("/reports", reports).layer(AuthenticateLayer::new(verifier));
    let api = serve(api).await?;

    let identity =
        ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(registered.secret()))
            .issuer(passport.issuer())
            .build()?;
    // Without TLS, HTTP/2 has to be configured. With TLS (hyper-rustls, for example) it is
    // negotiated.
    let http2 = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let client = ServiceBuilder::new()
        .layer(AttachTokenLayer::new(identity, AllowedOrigins::new([&api])?))
        .service(http2);

    let reports = ["May 2026", "June 2026", "July 2026"].map(|month| {
        let request = Request::post(format!("{api}/reports")).body(Full::from(month));
        let client = client.clone();
        async move { client.oneshot(request?).await }
    });
    for response in try_join_all(reports).await? {
        let (version, status) = (response.version(), response.status());
        let body = response.into_body().collect().await?.to_bytes();
        println!("{version:?} {status} {}", String::from_utf8_lossy(&body));
        if version != Version::HTTP_2 || !status.is_success() {
            return Err("the API returned an error, or did not use HTTP/2".into());
        }
    }
    println!("token requests: {}", passport.counters().token());
    Ok(())
}
