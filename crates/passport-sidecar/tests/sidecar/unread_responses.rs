//! HTTP/2 clients that respond to pings but do not read their responses. They are disconnected.

use std::time::Duration;

use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use crate::{
    caller_limits::hanging,
    harness::{CALLER_TOKEN, Setup, SidecarProcess, marked},
    http2_frames::{END_HEADERS, END_STREAM, HEADERS, SETTINGS, answer_pings, block, frame, read_frame},
};

/// The sidecar sends pings every second, and the idle timeout is 2 s, so that no connection is
/// without a byte for the idle timeout.
const LIMITS: &str = "head_timeout_seconds = 1\nidle_timeout_seconds = 2";

/// Requests a token on an HTTP/2 connection with a flow-control window of `window` bytes for the
/// response, and reads the head of the response.
async fn request(sidecar: &SidecarProcess, caller_token: Option<&str>, window: u32) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", sidecar.tcp)).await.unwrap();
    let mut headers = vec![
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/v1/token?identity=erp"),
        ("passport-sidecar", "true"),
    ];
    headers.extend(caller_token.map(|token| ("passport-sidecar-token", token)));
    let settings = [&[0, 4], &window.to_be_bytes()[..]].concat();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &settings)).await.unwrap();
    let head = block(&headers);
    stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head)).await.unwrap();
    while read_frame(&mut stream).await != HEADERS {}
    stream
}

async fn is_closed(mut stream: TcpStream) {
    timeout(Duration::from_secs(20), answer_pings(&mut stream)).await.expect("the connection is closed");
}

/// The sidecar has buffered the rest of the response, so that the request is no longer in
/// flight.
#[tokio::test]
async fn client_that_stops_reading_is_disconnected() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar_with(&format!("[limits]\n{LIMITS}")).await;
    let stream = request(&sidecar, Some(CALLER_TOKEN), 1).await;
    is_closed(stream).await;
    sidecar.has("passport_sidecar_connections{listener=\"tcp\"} 0").await;
}

#[tokio::test]
async fn caller_that_does_not_begin_to_read_is_disconnected() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar_with(&format!("[limits]\n{LIMITS}")).await;
    let stream = request(&sidecar, Some(CALLER_TOKEN), 0).await;
    is_closed(stream).await;
    sidecar.has("passport_sidecar_connections{listener=\"tcp\"} 0").await;
}

#[tokio::test]
async fn rejected_caller_that_does_not_read_is_disconnected() {
    let setup = Setup::new().await;
    let (_upstream, sidecar) = hanging(&setup, &format!("{LIMITS}\nmax_connections_per_caller = 1")).await;
    let client = marked().http2_prior_knowledge().build().unwrap();
    let get = client.get(sidecar.url("/to/hangs/a")).header("passport-sidecar-token", CALLER_TOKEN);
    let held = tokio::spawn(get.send());
    sidecar.has("passport_sidecar_forwarded_requests 1").await;
    let stream = request(&sidecar, Some(CALLER_TOKEN), 0).await;
    is_closed(stream).await;
    assert!(sidecar.logged().contains("status=429"), "{}", sidecar.logged());
    assert!(!held.is_finished(), "the other connection of the caller is open");
    held.abort();
}

#[tokio::test]
async fn unknown_client_that_does_not_read_is_disconnected() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar_with(&format!("[limits]\n{LIMITS}")).await;
    let stream = request(&sidecar, None, 0).await;
    is_closed(stream).await;
    sidecar.has("passport_sidecar_connections{listener=\"tcp\"} 0").await;
    assert!(sidecar.logged().contains("status=401"), "{}", sidecar.logged());
}
