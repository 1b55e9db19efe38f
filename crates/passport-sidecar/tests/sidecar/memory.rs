//! Limits of the memory that clients can make the sidecar use. The clients write raw HTTP/2
//! frames, and read nothing.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::stream;
use passport_test_support::servers::serve;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::sleep,
};

use crate::{
    harness::{Setup, SidecarProcess, eventually},
    http2_frames::{
        DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, WINDOW_UPDATE, block, frame, read_frame,
    },
};

const MEBIBYTE: u64 = 1024 * 1024;

/// The number of unauthenticated clients. It is limited, because each has a file descriptor in
/// the test and one in the sidecar.
const UNKNOWN_CLIENTS: usize = 200;

/// The limit of the sidecar on concurrent requests of one HTTP/2 connection.
const STREAMS: u32 = 100;

/// Returns the HTTP/2 preface of a client that announces the largest flow-control windows.
fn preface() -> Vec<u8> {
    let window = (u32::MAX >> 1).to_be_bytes();
    let settings = frame(SETTINGS, 0, 0, &[&[0, 4], &window[..]].concat());
    let update = frame(WINDOW_UPDATE, 0, 0, &((u32::MAX >> 1) - 65535).to_be_bytes());
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..], &update].concat()
}

fn streams() -> impl Iterator<Item = u32> {
    (0..STREAMS).map(|number| 2 * number + 1)
}

/// Writes `bytes`, or as many of them as the peer reads within 2 s. Ignores errors, because the
/// peer can have closed the connection.
async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    let _ = tokio::time::timeout(Duration::from_secs(2), stream.write_all(bytes)).await;
}

/// Reads frames until the server increases a flow-control window.
async fn window_update(stream: &mut TcpStream) {
    while read_frame(stream).await != WINDOW_UPDATE {}
}

async fn resident(sidecar: &SidecarProcess) -> u64 {
    // Once its memory no longer grows, the sidecar has received everything.
    let mut before = 0;
    eventually(async || {
        sleep(Duration::from_millis(300)).await;
        let now = sidecar.resident();
        let change = now.abs_diff(std::mem::replace(&mut before, now));
        if change < MEBIBYTE { Ok(now) } else { Err(format!("{now} bytes, and still changing")) }
    })
    .await
}

/// Each connection sends a hundred unfinished forms. Their heads are as large as allowed.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_tcp_clients_use_little_memory() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let large = "x".repeat(15_000);
    let form = block(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/passport/token"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-large", &large),
    ]);
    let mut attack = Vec::new();
    for stream in streams() {
        attack.extend(frame(HEADERS, END_HEADERS, stream, &form));
        attack.extend(frame(DATA, 0, stream, &[b'x'; 2500]));
    }
    let attack = Arc::new(attack);
    let before = resident(&sidecar).await;
    let connections = (0..UNKNOWN_CLIENTS).map(|_| {
        let attack = Arc::clone(&attack);
        let port = sidecar.tcp;
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            write(&mut stream, &preface()).await;
            window_update(&mut stream).await;
            write(&mut stream, &attack).await;
            stream
        })
    });
    let held = futures_util::future::join_all(connections.collect::<Vec<_>>()).await;
    sidecar.has(&format!("passport_sidecar_connections{{listener=\"tcp\"}} {UNKNOWN_CLIENTS}")).await;
    let each = (resident(&sidecar).await - before) / UNKNOWN_CLIENTS as u64;
    // Measured: 0.62 MB to 0.79 MB, in a debug build.
    assert!(each < MEBIBYTE, "{each} bytes for each connection");
    drop(held);
}

/// The clients send no byte, or half the head of a request.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_clients_without_a_request_use_little_memory() {
    let half = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(8000));
    for begin in ["", &half] {
        let setup = Setup::new().await;
        let sidecar = setup.sidecar().await;
        let before = resident(&sidecar).await;
        let mut held = Vec::new();
        for _ in 0..UNKNOWN_CLIENTS {
            let mut stream = TcpStream::connect(("127.0.0.1", sidecar.tcp)).await.unwrap();
            write(&mut stream, begin.as_bytes()).await;
            held.push(stream);
        }
        sidecar.has(&format!("passport_sidecar_connections{{listener=\"tcp\"}} {UNKNOWN_CLIENTS}")).await;
        let each = (resident(&sidecar).await - before) / UNKNOWN_CLIENTS as u64;
        // Measured: 13 KiB and 31 KiB, in a debug build.
        assert!(each < 100 * 1024, "{each} bytes for each connection");
    }
}

/// Starts an upstream with a response that does not end.
async fn endless() -> String {
    let body = || {
        let chunk = Bytes::from_static(&[7; 16 * 1024]);
        Body::from_stream(stream::repeat_with(move || Ok::<_, Infallible>(chunk.clone())))
    };
    let router = Router::new().route("/endless", get(async move || body()));
    serve(router).await
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_read_nothing_use_little_memory() {
    let setup = Setup::new().await;
    let url = endless().await;
    let sidecar =
        setup.sidecar_with(&format!("[upstreams.endless]\nurl = \"{url}\"\nidentity = \"erp\"")).await;
    let head = block(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/to/endless/endless"),
        ("passport-sidecar", "true"),
    ]);
    let mut requests = preface();
    for stream in streams() {
        requests.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &head));
    }
    let before = resident(&sidecar).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut stream = UnixStream::connect(&sidecar.socket).await.unwrap();
        write(&mut stream, &requests).await;
        held.push(stream);
    }
    sidecar.has("passport_sidecar_forwarded_requests 256").await;
    let used = resident(&sidecar).await - before;
    assert!(used < 64 * MEBIBYTE, "{used} bytes for 10 connections");
}
