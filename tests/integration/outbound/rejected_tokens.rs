use std::{
    collections::HashSet,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{Router, extract::State, response::IntoResponse, routing::any};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{
    HeaderMap, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use passport_inbound::{AuthenticateLayer, TokenVerifier};
use passport_outbound::BufferedBody;
use tokio::sync::Notify;
use tonic::{
    Code,
    service::interceptor::InterceptorLayer,
    transport::{Endpoint, Server},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{ServiceBuilder, ServiceExt};

use super::*;
use crate::harness::{http, serve};

/// An API that introspects each token, and so knows which are revoked.
#[derive(Clone, Debug, Default)]
struct IntrospectingApi {
    revoked: Arc<Mutex<HashSet<String>>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl IntrospectingApi {
    /// Revokes every token that the API has received.
    fn revoke_all(&self) {
        let seen = self.seen.lock().unwrap().clone();
        self.revoked.lock().unwrap().extend(seen);
    }

    fn accepts(&self, authorization: &str) -> bool {
        self.seen.lock().unwrap().push(authorization.to_owned());
        !self.revoked.lock().unwrap().contains(authorization)
    }

    fn calls(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

/// Starts an API that returns the body of the request.
async fn api(receiver: &IntrospectingApi) -> String {
    async fn echo(
        State(receiver): State<IntrospectingApi>,
        headers: HeaderMap,
        body: Bytes,
    ) -> axum::response::Response {
        if receiver.accepts(headers[AUTHORIZATION].to_str().unwrap()) {
            body.into_response()
        } else {
            (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")], "revoked")
                .into_response()
        }
    }
    serve(Router::new().route("/", any(echo)).with_state(receiver.clone())).await
}

/// A service with a token that is old enough to be replaced, and that the API rejects.
struct Setup {
    passport: DevPassport,
    receiver: IntrospectingApi,
    api: String,
    identity: ManagedIdentity,
    clock: ManualClock,
}

impl Setup {
    async fn new() -> Self {
        let passport = DevPassport::start().await.unwrap();
        let receiver = IntrospectingApi::default();
        let api = api(&receiver).await;
        let clock = clock();
        let registered = passport.managed_identity("payroll").create();
        let identity = builder(&passport, &registered).clock(clock.clone()).build().unwrap();
        let token = identity.token().await.unwrap();
        receiver.accepts(token.authorization().to_str().unwrap());
        receiver.revoke_all();
        clock.advance(60 * SECOND);
        Self { passport, receiver, api, identity, clock }
    }

    fn layer(&self) -> AttachTokenLayer {
        AttachTokenLayer::new(self.identity.clone(), AllowedOrigins::new([&self.api]).unwrap())
    }

    /// Waits until the refresh that a rejection started has ended.
    async fn settled(&self) {
        while self.identity.status().is_fetching() {
            tokio::task::yield_now().await;
        }
    }

    fn post(&self, body: impl Into<reqwest::Body>) -> reqwest::Request {
        http().post(&self.api).body(body).build().unwrap()
    }
}

fn stream() -> StreamBody<impl futures_util::Stream<Item = std::io::Result<Frame<Bytes>>> + Send + Sync> {
    let chunks = ["one", "two"].map(|chunk| Ok(Frame::data(Bytes::from_static(chunk.as_bytes()))));
    StreamBody::new(futures_util::stream::iter(chunks))
}

#[tokio::test]
async fn reqwest_call_with_a_revoked_token_succeeds_with_a_new_one() {
    let setup = Setup::new().await;
    let client = setup.layer().retry_unauthorized().layer(http());
    let response = client.oneshot(setup.post("payload")).await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, "payload"));
    assert_eq!((setup.passport.counters().token(), setup.receiver.calls()), (2, 3));
}

#[tokio::test]
async fn buffered_reqwest_stream_is_retried() {
    let setup = Setup::new().await;
    let streamed = || setup.post(reqwest::Body::wrap(stream()));

    let plain = setup.layer().retry_unauthorized().layer(http());
    assert_eq!(plain.oneshot(streamed()).await.unwrap().status(), 401, "a stream cannot be cloned");
    setup.settled().await;
    setup.receiver.revoke_all();
    setup.clock.advance(60 * SECOND);

    let wrap = |body: BufferedBody<reqwest::Body>| reqwest::Body::wrap(body);
    let buffered = setup.layer().retry_unauthorized_buffered(1024, wrap).layer(http());
    let response = buffered.oneshot(streamed()).await.unwrap();
    assert_eq!((response.status().as_u16(), response.text().await.unwrap().as_str()), (200, "onetwo"));
}

#[tokio::test]
async fn hyper_call_with_a_revoked_token_succeeds_with_a_new_one() {
    let setup = Setup::new().await;
    let hyper = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let client = setup.layer().retry_unauthorized().layer(hyper);
    let request = Request::post(&setup.api).body(Full::from("payload")).unwrap();
    let response = client.oneshot(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "payload");
    assert_eq!(setup.passport.counters().token(), 2);
}

#[tokio::test]
async fn one_new_token_for_1000_calls_with_a_revoked_token() {
    let setup = Setup::new().await;
    let client = setup.layer().retry_unauthorized().layer(http());
    let calls = (0..1000).map(|_| client.clone().oneshot(setup.post("payload")));
    for response in futures_util::future::join_all(calls).await {
        assert_eq!(response.unwrap().status(), 200);
    }
    assert_eq!(setup.passport.counters().token(), 2);
}

/// The API requires an audience that the tokens do not have, so it rejects each of them.
#[tokio::test]
async fn wrong_audience_causes_no_loop_of_token_requests() {
    let setup = Setup::new().await;
    let verifier = TokenVerifier::builder("another-api").issuer(setup.passport.issuer()).build().unwrap();
    let api = serve(Router::new().route("/", any(|| async {})).layer(AuthenticateLayer::new(verifier))).await;
    let layer = AttachTokenLayer::new(setup.identity.clone(), AllowedOrigins::new([&api]).unwrap());
    let client = layer.retry_unauthorized().layer(http());
    for _ in 0..600 {
        let request = http().get(&api).build().unwrap();
        assert_eq!(client.clone().oneshot(request).await.unwrap().status(), 401);
        setup.clock.advance(SECOND);
    }
    // Each replacement is allowed later after the last one: after 5, 10, 20, ... 300 s.
    assert!((5..=8).contains(&setup.passport.counters().token()), "{}", setup.passport.counters().token());
}

/// The client removes the token before it follows a redirect to another host, even to an allowed
/// one.
#[tokio::test]
async fn rejection_after_a_redirect_does_not_replace_the_token() {
    let setup = Setup::new().await;
    let elsewhere = serve(Router::new().route("/", any(|| async { StatusCode::UNAUTHORIZED }))).await;
    let target = elsewhere.clone();
    let redirect = any(move || async move { axum::response::Redirect::temporary(&target) });
    let api = serve(Router::new().route("/", redirect)).await;
    for allowed in [vec![&api], vec![&api, &elsewhere]] {
        let origins = AllowedOrigins::new(allowed).unwrap();
        let layer = AttachTokenLayer::new(setup.identity.clone(), origins).retry_unauthorized();
        let response = layer.layer(http()).oneshot(http().get(&api).build().unwrap()).await.unwrap();
        assert_eq!(response.status(), 401);
        setup.settled().await;
        assert_eq!(setup.passport.counters().token(), 1, "the host that responded did not receive the token");
    }
}

/// Starts an API that rejects a request before it reads the body, as a server does that checks
/// the token first. It notifies `refused`.
async fn api_that_rejects_before_the_body(receiver: &IntrospectingApi, refused: &Arc<Notify>) -> String {
    let (receiver, refused) = (receiver.clone(), Arc::clone(refused));
    let echo = any(move |request: axum::extract::Request| {
        let (receiver, refused) = (receiver.clone(), Arc::clone(&refused));
        async move {
            if receiver.accepts(request.headers()[AUTHORIZATION].to_str().unwrap()) {
                return axum::response::Response::new(request.into_body());
            }
            refused.notify_one();
            StatusCode::UNAUTHORIZED.into_response()
        }
    });
    serve(Router::new().route("/", echo)).await
}

type BoxBody = http_body_util::combinators::UnsyncBoxBody<Bytes, crate::harness::BoxError>;

/// Sends an upload that is rejected while its body is being sent.
async fn upload_that_is_rejected_half_way<C>(http: C)
where
    C: Service<Request<BoxBody>, Response = http::Response<hyper::body::Incoming>> + Clone,
    C::Error: Into<crate::harness::BoxError>,
{
    let setup = Setup::new().await;
    let refused = Arc::new(Notify::new());
    let api = api_that_rejects_before_the_body(&setup.receiver, &refused).await;
    let second = async move {
        refused.notified().await;
        Ok(Frame::data(Bytes::from_static(b"two")))
    };
    let first = futures_util::stream::iter([Ok(Frame::data(Bytes::from_static(b"one")))]);
    let body = StreamBody::new(first.chain(futures_util::stream::once(second))).boxed_unsync();
    let layer = AttachTokenLayer::new(setup.identity.clone(), AllowedOrigins::new([&api]).unwrap());
    let client = layer
        .retry_unauthorized_buffered(1024, |body: BufferedBody<BoxBody>| body.boxed_unsync())
        .layer(http);
    let response = client.oneshot(Request::post(&api).body(body).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "onetwo");
}

#[tokio::test]
async fn upload_rejected_half_way_is_resent_whole_over_http_1() {
    upload_that_is_rejected_half_way(Client::builder(TokioExecutor::new()).build_http()).await;
}

#[tokio::test]
async fn upload_rejected_half_way_is_resent_whole_over_http_2() {
    upload_that_is_rejected_half_way(Client::builder(TokioExecutor::new()).http2_only(true).build_http())
        .await;
}

/// A stream of messages with `UNAUTHENTICATED` in its trailers.
#[tokio::test]
async fn stream_that_ends_unauthenticated_replaces_the_token() {
    let setup = Setup::new().await;
    let ending = any(|| async {
        let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "16".parse().unwrap())]);
        let frames =
            [Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x"))), Ok(Frame::trailers(trailers))];
        let body = axum::body::Body::new(StreamBody::new(futures_util::stream::iter(frames)));
        ([(CONTENT_TYPE, "application/grpc")], body)
    });
    let api = serve(Router::new().route("/", ending)).await;
    let layer = AttachTokenLayer::for_grpc(setup.identity.clone(), AllowedOrigins::new([&api]).unwrap());
    let hyper = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let request = Request::post(&api).header(CONTENT_TYPE, "application/grpc").body(Full::default()).unwrap();
    let response = layer.layer(hyper).oneshot(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "16");
    setup.settled().await;
    assert_eq!(setup.passport.counters().token(), 2);
}

async fn grpc_server(receiver: &IntrospectingApi) -> Endpoint {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let receiver = receiver.clone();
    let check = move |request: tonic::Request<()>| {
        let shown = request.metadata().get("authorization").unwrap().to_str().unwrap().to_owned();
        if receiver.accepts(&shown) { Ok(request) } else { Err(tonic::Status::unauthenticated("revoked")) }
    };
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder().layer(InterceptorLayer::new(check)).add_service(health);
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(async { server.serve_with_incoming(incoming).await.unwrap() });
    endpoint
}

#[tokio::test]
async fn grpc_call_with_a_revoked_token_succeeds_with_a_new_one() {
    let setup = Setup::new().await;
    let endpoint = grpc_server(&setup.receiver).await;
    let origins = AllowedOrigins::channel(endpoint.uri()).unwrap();
    let layer = AttachTokenLayer::new(setup.identity.clone(), origins);
    let channel = ServiceBuilder::new()
        .layer(layer.retry_unauthorized_buffered(64 * 1024, tonic::body::Body::new))
        .service(endpoint.connect_lazy());
    let mut client = HealthClient::new(channel);
    assert_eq!(client.check(HealthCheckRequest::default()).await.unwrap().into_inner().status, 1);
    assert_eq!((setup.passport.counters().token(), setup.receiver.calls()), (2, 3));
}

#[tokio::test]
async fn grpc_call_without_retry_is_rejected_and_the_next_succeeds() {
    let setup = Setup::new().await;
    let endpoint = grpc_server(&setup.receiver).await;
    let origins = AllowedOrigins::channel(endpoint.uri()).unwrap();
    let layer = AttachTokenLayer::new(setup.identity.clone(), origins);
    let mut client = HealthClient::new(layer.layer(endpoint.connect_lazy()));
    let status = client.check(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "revoked"));
    setup.settled().await;
    client.check(HealthCheckRequest::default()).await.unwrap();
}
