//! tonic clients and servers, both with the layers.

use std::time::Duration;

use passport_dev::{DevPassport, Endpoint as PassportEndpoint, Fault};
use passport_inbound::{AuthenticateLayer, IdInfo, RequireServiceAccountLayer};
use passport_outbound::{AllowedOrigins, AttachError, AttachTokenLayer, TokenError, TokenErrorKind};
use tokio::net::TcpListener;
use tokio_stream::{StreamExt, wrappers::TcpListenerStream};
use tonic::{
    Code, Request,
    transport::{Channel, Endpoint, Server},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::ServiceBuilder;

use crate::harness::{grpc_server, http, identity, serve, verifier};

/// Returns the status code of a call with `token`.
async fn code_with(client: &mut HealthClient<Channel>, token: &str) -> Code {
    let mut request = Request::new(HealthCheckRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    client.check(request).await.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn channel_with_the_layer_makes_unary_and_streaming_calls() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let endpoint = Endpoint::from_shared(grpc_server(&passport).await).unwrap();
    let channel = ServiceBuilder::new()
        .layer(AttachTokenLayer::for_grpc(
            identity(&passport, &registered),
            AllowedOrigins::channel(endpoint.uri()).unwrap(),
        ))
        .timeout(Duration::from_secs(10))
        .concurrency_limit(4)
        .service(endpoint.connect_lazy());
    let mut client = HealthClient::new(channel);
    let reply = client.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(reply.into_inner().status, 1);
    let mut stream = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(stream.next().await.unwrap().unwrap().status, 1);
    assert_eq!(passport.counters().token(), 1);
}

#[tokio::test]
async fn channel_without_a_token_is_unauthenticated() {
    let passport = DevPassport::start().await.unwrap();
    let channel = Endpoint::from_shared(grpc_server(&passport).await).unwrap().connect_lazy();
    let mut client = HealthClient::new(channel);
    let status = client.check(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "authentication required"));
    let status = client.watch(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}

#[tokio::test]
async fn two_authorization_entries_are_unauthenticated() {
    let passport = DevPassport::start().await.unwrap();
    let channel = Endpoint::from_shared(grpc_server(&passport).await).unwrap().connect_lazy();
    let good: tonic::metadata::MetadataValue<_> =
        format!("Bearer {}", passport.user_token("u").build()).parse().unwrap();
    let mut request = Request::new(HealthCheckRequest::default());
    request.metadata_mut().append("authorization", good.clone());
    request.metadata_mut().append("authorization", good);
    let status = HealthClient::new(channel).check(request).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "invalid token: MalformedToken"));
}

#[tokio::test]
async fn unavailable_keys_are_grpc_unavailable() {
    let passport = DevPassport::start().await.unwrap();
    passport.inject(PassportEndpoint::Jwks, Fault::Down);
    let channel = Endpoint::from_shared(grpc_server(&passport).await).unwrap().connect_lazy();
    let mut request = Request::new(HealthCheckRequest::default());
    let token = format!("Bearer {}", passport.user_token("u").build());
    request.metadata_mut().insert("authorization", token.parse().unwrap());
    let status = HealthClient::new(channel).check(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn server_with_a_requirement_denies_users_serves_services() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .layer(AuthenticateLayer::new(verifier(&passport)))
        .layer(RequireServiceAccountLayer::new())
        .add_service(health);
    tokio::spawn(async { server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap() });
    let mut client = HealthClient::new(Endpoint::from_shared(endpoint).unwrap().connect_lazy());
    for (token, code) in [
        (passport.user_token("alice").build(), Code::PermissionDenied),
        (registered.token().build(), Code::Ok),
    ] {
        assert_eq!(code_with(&mut client, &token).await, code);
    }
}

#[tokio::test]
async fn router_rejects_http_and_grpc_in_their_own_format() {
    let passport = DevPassport::start().await.unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let router = tonic::service::Routes::new(health)
        .into_axum_router()
        .route("/whoami", axum::routing::get(|caller: IdInfo| async move { caller.user_id().to_owned() }))
        .layer(AuthenticateLayer::new(verifier(&passport)));
    let url = serve(router).await;
    let good = passport.user_token("u").build();

    let refused = http().get(format!("{url}/whoami")).bearer_auth("junk").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(refused.headers().contains_key("www-authenticate"));
    let served = http().get(format!("{url}/whoami")).bearer_auth(&good).send().await.unwrap();
    assert_eq!(served.text().await.unwrap(), "u");

    let mut client = HealthClient::new(Endpoint::from_shared(url).unwrap().connect_lazy());
    for (token, code) in [("junk", Code::Unauthenticated), (good.as_str(), Code::Ok)] {
        assert_eq!(code_with(&mut client, token).await, code);
    }
}

#[tokio::test]
async fn grpc_rejection_is_a_trailers_only_response() {
    let passport = DevPassport::start().await.unwrap();
    let url = format!("{}/grpc.health.v1.Health/Check", grpc_server(&passport).await);
    let response =
        http().post(&url).header("content-type", "application/grpc").body("\0\0\0\0\0").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "16");
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert!(response.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn single_service_of_a_server_is_authorized_and_keeps_its_name() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let (_, health) = tonic_health::server::health_reporter();
    let guarded = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(verifier(&passport)))
        .layer(RequireServiceAccountLayer::new())
        .service(health);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_service(guarded);
    tokio::spawn(async { server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap() });
    let mut client = HealthClient::new(Endpoint::from_shared(endpoint).unwrap().connect_lazy());
    for (token, code) in [
        ("junk".to_owned(), Code::Unauthenticated),
        (passport.user_token("alice").build(), Code::PermissionDenied),
        (registered.token().build(), Code::Ok),
    ] {
        assert_eq!(code_with(&mut client, &token).await, code);
    }
}

#[tokio::test]
async fn token_error_is_the_source_of_the_status() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    registered.disable();
    let endpoint = Endpoint::from_shared(grpc_server(&passport).await).unwrap();
    let origins = AllowedOrigins::channel(endpoint.uri()).unwrap();
    let channel = ServiceBuilder::new()
        .layer(AttachTokenLayer::for_grpc(identity(&passport, &registered), origins))
        .service(endpoint.connect_lazy());
    let status = HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap_err();
    let source = std::error::Error::source(&status).and_then(|source| source.downcast_ref::<TokenError>());
    assert_eq!(source.unwrap().kind(), TokenErrorKind::Rejected, "{status:?}");
}

#[tokio::test]
async fn authority_other_than_the_channels_gets_no_token() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let endpoint = Endpoint::from_shared(grpc_server(&passport).await).unwrap();
    let origins = AllowedOrigins::channel(endpoint.uri()).unwrap();
    let channel = ServiceBuilder::new()
        .layer(AttachTokenLayer::for_grpc(identity(&passport, &registered), origins))
        .service(endpoint.connect_lazy());
    let refusal = |status: tonic::Status| {
        let source = std::error::Error::source(&status).and_then(|source| source.downcast_ref());
        AttachError::clone(source.unwrap())
    };

    let mut named = Request::new(HealthCheckRequest::default());
    named.metadata_mut().insert("host", "somebody-else.example".parse().unwrap());
    let status = HealthClient::new(channel.clone()).check(named).await.unwrap_err();
    assert_eq!(refusal(status), AttachError::HostMismatch);

    let elsewhere = http::Uri::from_static("http://somebody-else.example");
    let mut client = HealthClient::with_origin(channel.clone(), elsewhere);
    let status = client.check(HealthCheckRequest::default()).await.unwrap_err();
    assert!(matches!(refusal(status), AttachError::OriginNotAllowed { .. }));

    let mut client = HealthClient::with_origin(channel, endpoint.uri().clone());
    client.check(HealthCheckRequest::default()).await.unwrap();
}
