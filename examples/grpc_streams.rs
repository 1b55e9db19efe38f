//! Shows a gRPC stream that the server ends when the caller's token expires. The caller then
//! opens the next stream with a new token.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

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
    passport.set_token_lifetime(Duration::from_secs(2)); // so that the stream ends soon
    let registered = passport.managed_identity("watcher").create();

    let verifier = TokenVerifier::builder(passport.audience())
        .issuer(passport.issuer())
        .clock_skew(Duration::from_secs(1)) // 60 s by default
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
        .layer(AttachTokenLayer::for_grpc(identity, AllowedOrigins::channel(endpoint.uri())?))
        .service(endpoint.connect_lazy());
    let mut client = HealthClient::new(channel);
    for round in 1..=2 {
        let mut changes = client.watch(HealthCheckRequest::default()).await?.into_inner();
        let first = changes.message().await?.ok_or("the stream ended without a message")?;
        println!("stream {round}: {:?}", first.status());
        let end = changes.message().await.err().ok_or("the stream ended without a status")?;
        println!("stream {round} ended: {:?}, {}", end.code(), end.message());
        if end.code() != Code::Unauthenticated {
            return Err(end.into());
        }
    }
    println!("token requests: {}", passport.counters().token());
    Ok(())
}
