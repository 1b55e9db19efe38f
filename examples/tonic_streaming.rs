//! gRPC streams with a token: one that the server sends, and one in both directions. A stream keeps the token that it was
//! opened with; the next one has the current. The services are the standard ones of health and reflection, so that no protoc
//! is needed.

#![expect(clippy::print_stdout, reason = "an example tells what it does")]

use passport_dev::DevPassport;
use passport_inbound::{AuthenticateLayer, TokenVerifier};
use passport_outbound::{
    AllowedOrigins, AttachToken, AttachTokenLayer, BufferBody, BufferedBody, ManagedIdentity, SecretSource,
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

/// How much of a stream of requests is remembered, in case its token is refused.
const MAX_REMEMBERED: usize = 64 * 1024;

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
    // A refused stream of requests is sent once more with another token, as long as what was read of it is remembered.
    let layer = AttachTokenLayer::new(identity, AllowedOrigins::channel(endpoint.uri())?)
        .retry_unauthorized_buffered(MAX_REMEMBERED, Body::new as fn(BufferedBody<Body>) -> Body);
    let channel = ServiceBuilder::new().layer(layer).service(endpoint.connect_lazy());

    the_server_tells(channel.clone(), &health).await?;
    both_tell(channel).await?;
    println!("{} request for a token", passport.counters().token());
    Ok(())
}

type WithToken = AttachToken<Channel, BufferBody<fn(BufferedBody<Body>) -> Body>>;

async fn the_server_tells(channel: WithToken, health: &HealthReporter) -> Result<(), BoxError> {
    let mut changes = HealthClient::new(channel).watch(HealthCheckRequest::default()).await?.into_inner();
    for status in [ServingStatus::NotServing, ServingStatus::Serving] {
        let seen = changes.message().await?.ok_or("the stream of changes has ended")?;
        println!("the server tells its status: {:?}", seen.status());
        health.set_service_status("", status).await;
    }
    Ok(())
}

async fn both_tell(channel: WithToken) -> Result<(), BoxError> {
    let questions = [
        MessageRequest::ListServices(String::new()),
        MessageRequest::FileContainingSymbol("grpc.health.v1.Health".to_owned()),
    ]
    .map(|question| ServerReflectionRequest { host: String::new(), message_request: Some(question) });
    let mut client = ServerReflectionClient::new(channel);
    let mut responses = client.server_reflection_info(tokio_stream::iter(questions)).await?.into_inner();
    while let Some(response) = responses.message().await? {
        match response.message_response {
            Some(MessageResponse::ListServicesResponse(services)) => {
                let names = services.service.iter().map(|service| &service.name);
                println!("its services: {:?}", names.collect::<Vec<_>>());
            }
            Some(MessageResponse::FileDescriptorResponse(files)) => {
                println!("{} description", files.file_descriptor_proto.len());
            }
            other => return Err(format!("an unexpected answer: {other:?}").into()),
        }
    }
    Ok(())
}
