//! Shows a tonic client and a tonic server with one layer each. The service is the standard
//! health service, which needs no `protoc`; generated clients and servers work the same way.

#![expect(clippy::print_stdout, reason = "the example prints what happens")]

use passport_dev::DevPassport;
use passport_inbound::{AuthenticateLayer, IdInfo, TokenVerifier};
use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManagedIdentity, SecretSource};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code, Request, Response, Status,
    transport::{Endpoint, Server},
};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_client::HealthClient,
    health_server::{Health, HealthServer},
};
use tower::ServiceBuilder;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

struct Payroll;

#[tonic::async_trait]
impl Health for Payroll {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let caller =
            request.extensions().get::<IdInfo>().ok_or(Status::internal("missing AuthenticateLayer"))?;
        println!("the caller is {} with the roles {:?}", caller.user_id(), caller.roles());
        Ok(Response::new(HealthCheckResponse { status: 1 }))
    }

    type WatchStream = tokio_stream::Empty<Result<HealthCheckResponse, Status>>;

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(tokio_stream::empty()))
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let passport = DevPassport::start().await?;
    let registered = passport.managed_identity("payroll-scheduler").role("payroll.read").create();

    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = Endpoint::from_shared(format!("http://{}", listener.local_addr()?))?;
    let server =
        Server::builder().layer(AuthenticateLayer::new(verifier)).add_service(HealthServer::new(Payroll));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));

    let identity =
        ManagedIdentity::builder(registered.client_id(), SecretSource::from_value(registered.secret()))
            .issuer(passport.issuer())
            .build()?;
    let channel = endpoint.connect_lazy();
    let with_token = ServiceBuilder::new()
        .layer(AttachTokenLayer::for_grpc(identity, AllowedOrigins::channel(endpoint.uri())?))
        .service(channel.clone());

    let reply = HealthClient::new(with_token).check(HealthCheckRequest::default()).await?;
    println!("with a token: {:?}", reply.into_inner());

    let rejected = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    let status = rejected.err().ok_or("expected a call without a token to be rejected")?;
    println!("without a token: {:?}, {}", status.code(), status.message());
    if status.code() == Code::Unauthenticated { Ok(()) } else { Err(status.into()) }
}
