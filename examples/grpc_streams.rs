//! A gRPC stream that ends when its caller's token does, and a caller that comes again with the next one.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use std::time::Duration;

use passport_dev::DevPassport;
use passport_inbound::{AuthenticateLayer, TokenDeadlineLayer, TokenVerifier};
use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManagedIdentity, SecretSource};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code,
    transport::{Endpoint, Server},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::ServiceBuilder;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    passport.set_token_lifetime(Duration::from_secs(2)); // so that there is something to see
    let registered = passport.managed_identity("watcher").create();

    let verifier = TokenVerifier::builder(passport.audience())
        .issuer(passport.issuer())
        .clock_skew(Duration::from_secs(1)) // 60 s by default, for clocks that differ
        .build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = Endpoint::from_shared(format!("http://{}", listener.local_addr()?))?;
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .layer(AuthenticateLayer::new(verifier))
        .layer(TokenDeadlineLayer::new())
        .add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));

    let identity =
        ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(registered.secret()))
            .issuer(passport.issuer())
            .build()?;
    let channel = ServiceBuilder::new()
        .layer(AttachTokenLayer::new(identity, AllowedOrigins::channel(endpoint.uri())?))
        .service(endpoint.connect_lazy());
    let mut client = HealthClient::new(channel);
    for round in 1..=2 {
        let mut changes = client.watch(HealthCheckRequest::default()).await?.into_inner();
        let first = changes.message().await?.ok_or("the stream has ended at once")?;
        println!("stream {round}: {:?}", first.status());
        let end = changes.message().await.err().ok_or("the stream has ended without a reason")?;
        println!("stream {round} ends: {:?}, {}", end.code(), end.message());
        if end.code() != Code::Unauthenticated {
            return Err(end.into());
        }
    }
    println!("{} requests for a token", passport.counters().token());
    Ok(())
}
