//! Streams that end when the caller's token expires, and tokens in the query and in cookies, for
//! browsers.

use std::{convert::Infallible, ops::Range, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    http::Uri,
    response::Response,
    routing::get,
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body::Frame;
use http_body_util::StreamBody;
use passport_dev::DevPassport;
use passport_inbound::{AuthenticateLayer, IdInfo, TokenDeadlineLayer, TokenVerifier};
use tokio::{net::TcpListener, time::Instant};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_tungstenite::tungstenite;
use tonic::{
    Code, Request,
    transport::{Endpoint, Server},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{Layer, ServiceExt};
use tower_http::trace::{DefaultMakeSpan, TraceLayer};

use crate::harness::{EmptyResponse, http, serve, traced, verifier};

/// The expected end: not at the token's `exp`, which has passed, but soon after the clock skew.
const ON_TIME: Range<Duration> = Duration::from_millis(500)..Duration::from_secs(20);

/// Returns a token that stays valid for two seconds: it has expired, but the clock skew is a
/// minute.
fn short_lived(passport: &DevPassport) -> String {
    passport.user_token("ada").expired_for(Duration::from_secs(58)).build()
}

/// Sends one event, and keeps the stream open.
pub(crate) async fn events() -> Response {
    let hello =
        futures_util::stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from("data: hello\n\n")))]);
    let body = StreamBody::new(hello.chain(futures_util::stream::pending()));
    Response::builder().header("content-type", "text/event-stream").body(Body::new(body)).unwrap()
}

/// Echoes messages while the caller's token is valid.
pub(crate) async fn chat(caller: IdInfo, upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(move |socket| talk(caller, socket))
}

async fn talk(caller: IdInfo, mut socket: WebSocket) {
    loop {
        tokio::select! {
            () = caller.expired() => break,
            message = socket.recv() => match message {
                Some(Ok(message)) => drop(socket.send(message).await),
                _ => return,
            },
        }
    }
    let over = CloseFrame { code: 1008, reason: "the token has expired".into() };
    let _ = socket.send(Message::Close(Some(over))).await;
}

async fn api(passport: &DevPassport) -> String {
    let router = Router::new()
        .route("/events", get(events))
        .route_layer(TokenDeadlineLayer::new())
        .route("/chat", get(chat))
        .layer(AuthenticateLayer::new(verifier(passport)).token_from_query());
    serve(router).await
}

#[tokio::test]
async fn event_stream_ends_when_the_token_expires() {
    let passport = DevPassport::start().await.unwrap();
    let events = format!("{}/events", api(&passport).await);
    let request = http().get(&events).header("accept", "text/event-stream");
    let token = short_lived(&passport);
    let began = Instant::now();
    let response = request.bearer_auth(token).send().await.unwrap();
    assert_eq!(response.status(), 200);
    // Without a deadline this call would not return.
    assert_eq!(response.text().await.unwrap(), "data: hello\n\n");
    assert!(ON_TIME.contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn web_socket_is_notified_when_the_token_expires() {
    let passport = DevPassport::start().await.unwrap();
    let chat = format!("{}/chat", api(&passport).await.replacen("http", "ws", 1));
    let refused = tokio_tungstenite::connect_async(&chat).await.unwrap_err();
    assert!(matches!(refused, tungstenite::Error::Http(response) if response.status() == 401));
    // A browser can only put the token into the query.
    let chat = format!("{chat}?access_token={}", short_lived(&passport));
    let (mut socket, _) = tokio_tungstenite::connect_async(chat).await.unwrap();
    socket.send(tungstenite::Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().to_text().unwrap(), "hello");
    let tungstenite::Message::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else {
        panic!("it was not closed")
    };
    assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1008, "the token has expired"));
}

/// Starts the standard health service, whose streams end at the deadline of the token.
pub(crate) async fn grpc_streams(verifier: TokenVerifier) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder()
        .layer(AuthenticateLayer::new(verifier))
        .layer(TokenDeadlineLayer::new())
        .add_service(health);
    tokio::spawn(async { server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap() });
    endpoint
}

#[tokio::test]
async fn grpc_stream_ends_unauthenticated_when_the_token_expires() {
    let passport = DevPassport::start().await.unwrap();
    let endpoint = grpc_streams(verifier(&passport)).await;
    let mut request = Request::new(HealthCheckRequest::default());
    let bearer = format!("Bearer {}", short_lived(&passport));
    request.metadata_mut().insert("authorization", bearer.parse().unwrap());
    let began = Instant::now();
    let mut stream = HealthClient::new(endpoint.connect_lazy()).watch(request).await.unwrap().into_inner();
    assert_eq!(stream.next().await.unwrap().unwrap().status, 1);
    let status = stream.next().await.unwrap().unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "the token has expired"));
    assert!(ON_TIME.contains(&began.elapsed()), "{:?}", began.elapsed());
}

/// Outside the authentication layer, the deadline layer has no token and no deadline.
#[tokio::test]
async fn deadline_layer_outside_authentication_rejects_everyone() {
    let passport = DevPassport::start().await.unwrap();
    let wrong =
        TokenDeadlineLayer::new().layer(AuthenticateLayer::new(verifier(&passport)).layer(EmptyResponse));
    let token = format!("Bearer {}", passport.user_token("ada").build());
    let request = http::Request::get("/").header("authorization", token).body(()).unwrap();
    assert_eq!(wrong.oneshot(request).await.unwrap().status(), 500);
    let anonymous = AuthenticateLayer::new(verifier(&passport))
        .optional()
        .layer(TokenDeadlineLayer::new().layer(EmptyResponse));
    assert_eq!(anonymous.oneshot(http::Request::new(())).await.unwrap().status(), 200);
}

#[tokio::test]
async fn configured_query_or_cookie_token_is_in_no_trace() {
    let passport = DevPassport::start().await.unwrap();
    let token = passport.user_token("ada").build();
    let output = traced(async {
        let traces = TraceLayer::new_for_http().make_span_with(DefaultMakeSpan::new().include_headers(true));
        let seen = get(|uri: Uri, caller: IdInfo| async move {
            format!("{} {}", uri.path_and_query().unwrap(), caller.user_id())
        });
        let authenticated = AuthenticateLayer::new(verifier(&passport))
            .token_from_query()
            .token_from_cookie("session")
            .strip_header(http::HeaderName::from_static("x-user-id"));
        // The authentication layer is applied last, so that the trace layer is inside it.
        let api = serve(Router::new().route("/", seen).layer(traces).layer(authenticated)).await;

        let request =
            http().get(format!("{api}/?a=b&access_token={token}")).header("accept", "text/event-stream");
        let answer = request.header("x-user-id", "passw0rd").send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "/?a=b ada");
        let answer = http().get(&api).header("cookie", format!("session={token}; a=b")).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "/ ada");
        let plain = http().get(format!("{api}/?access_token={token}")).send().await.unwrap();
        assert_eq!(plain.status(), 401, "a client that can set the header must do so");
        String::new()
    })
    .await;
    let inside: Vec<_> = output.lines().filter(|line| line.contains("tower_http")).collect();
    assert!(inside.len() >= 2, "{inside:#?}");
    assert!(inside.iter().all(|line| !line.contains("eyJ") && !line.contains("passw0rd")), "{inside:#?}");
}
