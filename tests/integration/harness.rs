//! An HTTP API and a gRPC server that authenticate requests, and clients for them.

use axum::{Json, Router, routing::get};
use passport_dev::{DevIdentity, DevPassport};
use passport_inbound::{
    AuthenticateLayer, IdInfo, ManualClock, RejectionReason, RequireServiceAccountLayer, TokenVerifier,
};
use passport_outbound::{AllowedOrigins, AttachToken, AttachTokenLayer, ManagedIdentity};
pub(crate) use passport_test_support::{
    harness::{EmptyResponse, identity_builder, verifier},
    logs::traced,
    servers::{http2_client as http, serve},
    tokens::claims_of,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code,
    transport::{Channel, Server},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{Layer, ServiceExt};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Client = AttachToken<reqwest::Client>;

/// The first time of the clock of [`on_one_clock`], in seconds since 1970.
pub(crate) const START: u32 = 1_750_000_000;

/// A dev Passport and a verifier of its tokens on one clock.
pub(crate) async fn on_one_clock() -> (DevPassport, TokenVerifier, ManualClock) {
    let clock = ManualClock::at_unix_seconds(START);
    let passport = DevPassport::builder().clock(clock.clone()).start().await.unwrap();
    let builder = TokenVerifier::builder(passport.audience()).issuer(passport.issuer());
    let verifier = builder.clock(clock.clone()).build().unwrap();
    (passport, verifier, clock)
}

/// Starts an API with a route for every authenticated caller, and one for service accounts.
pub(crate) async fn api(passport: &DevPassport) -> String {
    api_behind(verifier(passport)).await
}

pub(crate) async fn api_behind(verifier: TokenVerifier) -> String {
    let router = Router::new()
        .route("/internal/sync", get(|| async { "synced" }))
        .route_layer(RequireServiceAccountLayer::new())
        .route("/whoami", get(whoami))
        .layer(AuthenticateLayer::new(verifier));
    serve(router).await
}

async fn whoami(caller: IdInfo) -> Json<Value> {
    Json(json!({
        "user_id": caller.user_id(),
        "tenant_id": caller.tenant_id(),
        "email": caller.email(),
        "display_name": caller.display_name(),
        "roles": caller.roles(),
        "is_service_account": caller.is_service_account(),
        "managed_identity_id": caller.managed_identity_id(),
    }))
}

/// Starts the standard health service behind an `AuthenticateLayer`.
pub(crate) async fn grpc_server(passport: &DevPassport) -> String {
    grpc_server_behind(verifier(passport)).await
}

pub(crate) async fn grpc_server_behind(verifier: TokenVerifier) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder().layer(AuthenticateLayer::new(verifier)).add_service(health);
    tokio::spawn(async { server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap() });
    endpoint
}

/// Asserts that an API rejects `token` with 401, a challenge and a body, which are fixed texts
/// with a coarse reason.
pub(crate) async fn assert_rejected_on_http(
    request: reqwest::RequestBuilder,
    token: &str,
    reason: RejectionReason,
    what: &str,
) {
    let response = request.header("authorization", format!("Bearer {token}")).send().await.unwrap();
    let name = reason.passport_name();
    assert_eq!(response.status(), 401, "{what}");
    assert_eq!(
        response.headers()["www-authenticate"],
        format!(r#"Bearer realm="passport", error="invalid_token", error_description="{name}""#),
        "{what}"
    );
    let body = response.text().await.unwrap();
    assert_eq!(body, format!(r#"{{"error":"invalid_token","reason":"{name}"}}"#), "{what}");
}

/// Asserts that a gRPC server rejects `token` with a status that has the coarse reason.
pub(crate) async fn assert_rejected_on_grpc(
    channel: Channel,
    token: &str,
    reason: RejectionReason,
    what: &str,
) {
    let mut request = tonic::Request::new(HealthCheckRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let status = HealthClient::new(channel).check(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "{what}: {status}");
    assert_eq!(status.message(), format!("invalid token: {}", reason.passport_name()), "{what}");
}

pub(crate) fn identity(passport: &DevPassport, registered: &DevIdentity) -> ManagedIdentity {
    identity_builder(passport, registered).build().unwrap()
}

pub(crate) fn client(identity: ManagedIdentity, api: &str) -> Client {
    AttachTokenLayer::new(identity, AllowedOrigins::new([api]).unwrap()).layer(http())
}

pub(crate) async fn get_with(client: &Client, url: &str) -> Result<reqwest::Response, BoxError> {
    let request = reqwest::Request::new(reqwest::Method::GET, url.parse()?);
    client.clone().oneshot(request).await
}

/// Returns the status of a `GET` with `token`, or without one.
pub(crate) async fn status_with(url: &str, token: Option<&str>) -> u16 {
    let request = http().get(url);
    let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
    request.send().await.unwrap().status().as_u16()
}
