//! Open streams that end when their caller is denied, or when the issuer says that the token is not
//! active.

use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use passport_dev::DevPassport;
use tokio_tungstenite::tungstenite::Message;
use tonic::{Code, Request};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::*;
use crate::{harness::http, token_deadlines::grpc_streams};

/// Opens a stream of server-sent events, and waits for the first event.
async fn event_stream(url: &str, token: &str) -> reqwest::Response {
    let request = http().get(format!("{url}/events")).bearer_auth(token);
    let mut response = request.send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "data: hello\n\n");
    response
}

/// A service that receives the events of a dev Passport, and tokens of two users.
async fn setup() -> (DevPassport, EventService, String, String) {
    let passport = DevPassport::start().await.unwrap();
    let service = EventService::start(&passport).await;
    service.receive_events(&passport);
    let (alice, bob) = (passport.user_token("alice").build(), passport.user_token("bob").build());
    (passport, service, alice, bob)
}

#[tokio::test]
async fn event_stream_ends_when_its_caller_is_denied() {
    let (passport, service, alice, bob) = setup().await;
    let stream = event_stream(&service.url, &alice).await;
    let mut other = event_stream(&service.url, &bob).await;
    passport.log_out_user("alice").await;
    // Without the denial, this call would not return.
    assert_eq!(stream.text().await.unwrap(), "");
    assert!(other.chunk().now_or_never().is_none(), "the stream of another caller continues");
    passport.log_out_user("bob").await;
    assert_eq!(other.text().await.unwrap(), "");
}

#[tokio::test]
async fn grpc_stream_ends_unauthenticated_when_its_caller_is_denied() {
    let (passport, service, alice, _) = setup().await;
    let endpoint = grpc_streams(service.verifier.clone()).await;
    let mut request = Request::new(HealthCheckRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {alice}").parse().unwrap());
    let watch = HealthClient::new(endpoint.connect_lazy()).watch(request).await;
    let mut stream = watch.unwrap().into_inner();
    assert_eq!(stream.next().await.unwrap().unwrap().status, 1);
    passport.log_out_user("alice").await;
    let status = stream.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "{status}");
}

#[tokio::test]
async fn web_socket_is_notified_when_its_caller_is_denied() {
    let (passport, service, alice, bob) = setup().await;
    let open = async |token: &str| {
        let url = format!("{}/chat?access_token={token}", service.url.replacen("http", "ws", 1));
        tokio_tungstenite::connect_async(url).await.unwrap().0
    };
    let (mut socket, mut other) = (open(&alice).await, open(&bob).await);
    passport.log_out_user("alice").await;
    let Message::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else {
        panic!("it was not closed")
    };
    assert_eq!(u16::from(frame.code), 1008);
    other.send(Message::text("still here")).await.unwrap();
    assert_eq!(other.next().await.unwrap().unwrap().to_text().unwrap(), "still here");
}

#[tokio::test]
async fn event_stream_ends_when_the_issuer_says_not_active() {
    let passport = DevPassport::start().await.unwrap();
    let mode = IntrospectionMode::LocalThenIntrospect { max_age: Duration::from_secs(1) };
    let verifier = builder(&passport).introspection(introspection(&passport, mode)).build().unwrap();
    let url = serve(api(verifier)).await;
    let token = passport.user_token("alice").build();
    let stream = event_stream(&url, &token).await;
    passport.revoke_token(&token);
    assert_eq!(stream.text().await.unwrap(), "");
}
