//! Forwarding of streams and large bodies. The sidecar forwards each part as it arrives, and
//! does not buffer the whole body.

use std::{convert::Infallible, time::Duration};

use axum::{Router, body::Body, routing::any};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::Uri;
use http_body_util::BodyExt;
use passport_inbound::{AuthenticateLayer, TokenVerifier};
use passport_test_support::servers::serve;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};

use crate::harness::{CALLER_TOKEN, Setup};

/// Starts a gRPC server with a method that streams in both directions. An `AuthenticateLayer`
/// verifies the tokens of its callers.
async fn grpc(setup: &Setup) -> String {
    let verifier =
        TokenVerifier::builder(setup.passport.audience()).issuer(setup.passport.issuer()).build().unwrap();
    let reflection = tonic_reflection::server::Builder::configure().build_v1().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().layer(AuthenticateLayer::new(verifier)).add_service(reflection);
    tokio::spawn(async { server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap() });
    url
}

#[tokio::test]
async fn grpc_streams_in_both_directions() {
    let setup = Setup::new().await;
    let upstream =
        format!("[upstreams.grpc]\nurl = \"{}\"\nidentity = \"erp\"\nhttp2 = true", grpc(&setup).await);
    let sidecar = setup.sidecar_with(&upstream).await;
    let uri: Uri = sidecar.url("").parse().unwrap();
    let channel = Channel::builder(uri).connect().await.unwrap();
    let mut client = ServerReflectionClient::with_interceptor(channel, |mut request: tonic::Request<()>| {
        let metadata = request.metadata_mut();
        metadata.insert("passport-sidecar", "true".parse().unwrap());
        metadata.insert("passport-sidecar-token", CALLER_TOKEN.parse().unwrap());
        metadata.insert("passport-sidecar-upstream", "grpc".parse().unwrap());
        Ok(request)
    });
    let message = || ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let (send, receive) = tokio::sync::mpsc::channel(1);
    send.send(message()).await.unwrap();
    let requests = tokio_stream::wrappers::ReceiverStream::new(receive);
    let mut stream = client.server_reflection_info(requests).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    // Each message is sent after the response to the previous message has arrived.
    for _ in 0..5 {
        send.send(message()).await.unwrap();
        assert!(stream.message().await.unwrap().is_some());
    }
    drop(send);
    assert!(stream.message().await.unwrap().is_none(), "the stream ends with its trailers");
}

const CHUNK: usize = 64 * 1024;
const GIBIBYTE: u64 = 1024 * 1024 * 1024;

fn chunks() -> impl Stream<Item = Result<Bytes, Infallible>> {
    let chunk = Bytes::from_static(&[7; CHUNK]);
    stream::iter(0..GIBIBYTE / CHUNK as u64).map(move |_| Ok(chunk.clone()))
}

/// Starts an upstream that counts the bytes of a request body, and responds with a body of as
/// many bytes.
async fn large() -> String {
    let router = Router::new().route(
        "/large",
        any(|request: axum::extract::Request| async move {
            let mut body = request.into_body();
            let mut seen = 0;
            while let Some(frame) = body.frame().await {
                seen += frame.unwrap().into_data().map_or(0, |data| data.len() as u64);
            }
            assert_eq!(seen, GIBIBYTE);
            Body::from_stream(chunks())
        }),
    );
    serve(router).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_gibibyte_is_forwarded_in_little_memory() {
    let setup = Setup::new().await;
    let upstream = format!(
        "[upstreams.large]\nurl = \"{}\"\nidentity = \"erp\"\n[limits]\nresponse_timeout_seconds = 300",
        large().await
    );
    let sidecar = setup.sidecar_with(&upstream).await;
    let request =
        sidecar.unix().post("http://localhost/to/large/large").body(reqwest::Body::wrap_stream(chunks()));
    let mut response = request.timeout(Duration::from_secs(300)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut seen = 0;
    while let Some(chunk) = response.chunk().await.unwrap() {
        seen += chunk.len() as u64;
    }
    assert_eq!(seen, GIBIBYTE);
    let peak = sidecar.peak();
    assert!(peak < 128 * 1024 * 1024, "{peak} bytes");
}
