//! Servers on free loopback ports and clients for them.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use axum::{Json, Router, routing::get};
use http::{Request, Response};
use passport_dev::{DevIdentity, DevPassport};
use passport_inbound::{
    AuthenticateLayer, IdInfo, ManualClock, RejectionReason, RequireServiceAccountLayer, TokenVerifier,
};
use passport_outbound::{
    AllowedOrigins, AttachToken, AttachTokenLayer, ManagedIdentity, ManagedIdentityBuilder, SecretSource,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code,
    transport::{Channel, Server},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{Layer, Service, ServiceExt};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Client = AttachToken<reqwest::Client>;

pub(crate) fn verifier(passport: &DevPassport) -> TokenVerifier {
    TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).build().unwrap()
}

/// What the clock of [`on_one_clock`] shows at first, in seconds since 1970.
pub(crate) const START: u32 = 1_750_000_000;

/// A dev Passport and a verifier of its tokens on one clock.
pub(crate) async fn on_one_clock() -> (DevPassport, TokenVerifier, ManualClock) {
    let clock = ManualClock::at_unix_seconds(START);
    let passport = DevPassport::builder().clock(clock.clone()).start().await.unwrap();
    let builder = TokenVerifier::builder(passport.audience()).issuer(passport.issuer());
    let verifier = builder.clock(clock.clone()).build().unwrap();
    (passport, verifier, clock)
}

/// A client that never leaves this machine, whatever proxy it has, and that shares one connection.
pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).http2_prior_knowledge().build().unwrap()
}

pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    base
}

/// An API with a route for everybody with a token and one for machines.
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

/// The standard health service behind an `AuthenticateLayer`.
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

/// On HTTP a refused token gets 401, a challenge and a body, all of them fixed texts with a coarse reason.
pub(crate) async fn assert_refused_on_http(
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

/// On gRPC it gets a status with the coarse reason.
pub(crate) async fn assert_refused_on_grpc(
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

pub(crate) fn identity_builder(passport: &DevPassport, registered: &DevIdentity) -> ManagedIdentityBuilder {
    ManagedIdentity::builder(registered.client_id(), SecretSource::fixed(registered.secret()))
        .issuer(passport.issuer())
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

/// The status of a `GET` with `token`, or with none.
pub(crate) async fn status_with(url: &str, token: Option<&str>) -> u16 {
    let request = http().get(url);
    let request = token.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
    request.send().await.unwrap().status().as_u16()
}

/// What a token says, unverified.
pub(crate) fn claims_of(token: &str) -> Value {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let payload = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// The cheapest service there is: a request in, an empty response out, at once and without an allocation.
#[derive(Clone, Debug)]
pub(crate) struct AtOnce;

impl Service<Request<()>> for AtOnce {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(String::new())))
    }
}
