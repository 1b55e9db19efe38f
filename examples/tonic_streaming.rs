//! Shows gRPC streams with a token: one from the server, and one in both directions. A stream
//! keeps the token that it was opened with, and the next stream has the current token. The
//! services are those of health and reflection, which need no `protoc`.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use passport_dev::DevPassport;
use passport_inbound::{AuthenticateLayer, TokenVerifier};
use passport_outbound::{
    AllowedOrigins, AttachToken, AttachTokenLayer, BufferedBody, ManagedIdentity, RetryBuffered,
    SecretSource, WatchTrailers,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    body::Body,
    transport::{Channel, Endpoint, Server},
};
use tonic_health::{
    ServingStatus,
    pb::{FILE_DESCRIPTOR_SET, HealthCheckRequest, health_client::HealthClient},
    server::HealthReporter,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tower::ServiceBuilder;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The maximum number of bytes of a request stream that are buffered, so that the stream can be
/// sent again if its token is rejected.
const MAX_BUFFERED: usize = 64 * 1024;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("payroll-scheduler").create();
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = Endpoint::from_shared(format!("http://{}", listener.local_addr()?))?;
    let (health, health_service) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let server = Server::builder()
        .layer(AuthenticateLayer::new(verifier))
        .add_service(health_service)
        .add_service(reflection);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));

    let identity =
        ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(registered.secret()))
            .issuer(passport.issuer())
            .build()?;
    // If the token of a request stream is rejected, the stream is sent again with a new token,
    // unless the messages that were already sent exceed the buffer.
    let layer = AttachTokenLayer::for_grpc(identity, AllowedOrigins::channel(endpoint.uri())?)
        .retry_unauthorized_buffered(MAX_BUFFERED, Body::new as fn(BufferedBody<Body>) -> Body);
    let channel = ServiceBuilder::new().layer(layer).service(endpoint.connect_lazy());

    server_stream(channel.clone(), &health).await?;
    stream_in_both_directions(channel).await?;
    println!("token requests: {}", passport.counters().token());
    Ok(())
}

type WithToken = AttachToken<Channel, RetryBuffered<fn(BufferedBody<Body>) -> Body>, WatchTrailers>;

async fn server_stream(channel: WithToken, health: &HealthReporter) -> Result<(), BoxError> {
    let mut changes = HealthClient::new(channel).watch(HealthCheckRequest::default()).await?.into_inner();
    for status in [ServingStatus::NotServing, ServingStatus::Serving] {
        let seen = changes.message().await?.ok_or("the stream ended")?;
        println!("status from the server: {:?}", seen.status());
        health.set_service_status("", status).await;
    }
    Ok(())
}

async fn stream_in_both_directions(channel: WithToken) -> Result<(), BoxError> {
    let requests = [
        MessageRequest::ListServices(String::new()),
        MessageRequest::FileContainingSymbol("grpc.health.v1.Health".to_owned()),
    ]
    .map(|message| ServerReflectionRequest { host: String::new(), message_request: Some(message) });
    let mut client = ServerReflectionClient::new(channel);
    let mut responses = client.server_reflection_info(tokio_stream::iter(requests)).await?.into_inner();
    while let Some(response) = responses.message().await? {
        match response.message_response {
            Some(MessageResponse::ListServicesResponse(services)) => {
                let names = services.service.iter().map(|service| &service.name);
                println!("services: {:?}", names.collect::<Vec<_>>());
            }
            Some(MessageResponse::FileDescriptorResponse(files)) => {
                println!("file descriptors: {}", files.file_descriptor_proto.len());
            }
            other => return Err(format!("unexpected response: {other:?}").into()),
        }
    }
    Ok(())
}
