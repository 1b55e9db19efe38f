//! An HTTP/2 upstream that closes connections and resets streams while requests are in flight.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    harness::Setup,
    http2_frames::{END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, frame},
};

/// `:status: 200` ([RFC 7541, appendix A](https://www.rfc-editor.org/rfc/rfc7541#appendix-A)).
const OK: u8 = 0x88;

/// How the upstream ends a request without a response. Contains the HTTP/2 error code ([RFC
/// 9113, section 7](https://www.rfc-editor.org/rfc/rfc9113#section-7)).
#[derive(Clone, Copy, Debug)]
enum StreamEnd {
    /// A GOAWAY with a last stream id that is lower than that of the request: the request was not
    /// processed.
    GoAway(u32),
    Reset(u32),
}

const NO_ERROR: StreamEnd = StreamEnd::GoAway(0);
const ENHANCE_YOUR_CALM: StreamEnd = StreamEnd::GoAway(11);
const INTERNAL_ERROR: StreamEnd = StreamEnd::Reset(2);
const REFUSED_STREAM: StreamEnd = StreamEnd::Reset(7);

impl StreamEnd {
    /// Returns the frame that ends the request with the id `stream`.
    fn frame_for(self, stream: u32) -> Vec<u8> {
        match self {
            Self::GoAway(code) => {
                let last = stream.saturating_sub(2).to_be_bytes();
                frame(GOAWAY, 0, 0, &[last, code.to_be_bytes()].concat())
            }
            Self::Reset(code) => frame(RST_STREAM, 0, stream, &code.to_be_bytes()),
        }
    }
}

/// Responds to the first `responses` requests of a connection, and ends each further request as
/// `end` says.
async fn serve(mut stream: TcpStream, mut responses: usize, end: StreamEnd) -> std::io::Result<()> {
    stream.read_exact(&mut [0; 24]).await?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let [a, b, c, kind, _flags, id @ ..] = head;
        let (length, id) = (u32::from_be_bytes([0, a, b, c]), u32::from_be_bytes(id));
        stream.read_exact(&mut vec![0; usize::try_from(length).unwrap()]).await?;
        if kind != HEADERS {
            continue;
        }
        let remaining = responses.checked_sub(1);
        responses = remaining.unwrap_or_default();
        let reply = match remaining {
            Some(_) => frame(HEADERS, END_HEADERS | END_STREAM, id, &[OK]),
            None => end.frame_for(id),
        };
        stream.write_all(&reply).await?;
    }
}

/// Returns the URL of an upstream, and a counter of its connections. The first connection sends
/// `responses[0]` responses, and each later one `responses[1]`.
async fn upstream(responses: [usize; 2], end: StreamEnd) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, responses[number.min(1)], end));
        }
    });
    (url, connections)
}

const ALL: usize = usize::MAX;

#[tokio::test]
async fn request_that_was_not_processed_is_retried_once() {
    for (method, body, end, responses, expected, connections) in [
        (Method::GET, "", NO_ERROR, [1, ALL], 200, 2),
        (Method::GET, "", REFUSED_STREAM, [1, ALL], 200, 2),
        (Method::POST, "", REFUSED_STREAM, [1, ALL], 200, 2),
        // Not retried: the request can have been processed, has a body, or the upstream wants fewer
        // requests.
        (Method::POST, "", NO_ERROR, [1, ALL], 502, 1),
        (Method::POST, "content", REFUSED_STREAM, [1, ALL], 502, 1),
        (Method::GET, "", INTERNAL_ERROR, [1, ALL], 502, 1),
        (Method::GET, "", ENHANCE_YOUR_CALM, [1, ALL], 502, 1),
        // The retry on a new connection also fails.
        (Method::GET, "", NO_ERROR, [1, 0], 502, 2),
        (Method::GET, "", REFUSED_STREAM, [1, 0], 502, 2),
    ] {
        let setup = Setup::new().await;
        let (url, seen) = upstream(responses, end).await;
        let more = format!("[upstreams.ends]\nurl = \"{url}\"\nidentity = \"erp\"\nhttp2 = true");
        let sidecar = setup.sidecar_with(&more).await;
        let send = |method: Method, body: &'static str| {
            sidecar.unix().request(method, "http://localhost/to/ends/a").body(body).send()
        };
        assert_eq!(send(Method::GET, "").await.unwrap().status(), 200);
        let case = format!("{method} {end:?} {responses:?}");
        assert_eq!(send(method, body).await.unwrap().status(), expected, "{case}");
        assert_eq!(seen.load(Ordering::SeqCst), connections, "{case}");
    }
}

#[tokio::test]
async fn failure_of_a_fresh_connection_is_not_retried() {
    for end in [NO_ERROR, REFUSED_STREAM] {
        let setup = Setup::new().await;
        let (url, seen) = upstream([0, ALL], end).await;
        let more = format!("[upstreams.ends]\nurl = \"{url}\"\nidentity = \"erp\"\nhttp2 = true");
        let sidecar = setup.sidecar_with(&more).await;
        let response = sidecar.unix().get("http://localhost/to/ends/a").send().await.unwrap();
        assert_eq!(response.status(), 502, "{end:?}");
        assert_eq!(seen.load(Ordering::SeqCst), 1, "{end:?}");
    }
}

/// An upstream that closes each connection without a response.
#[tokio::test]
async fn http1_failure_of_a_fresh_connection_is_not_retried() {
    let setup = Setup::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sidecar = setup.sidecar_with(&format!("[upstreams.ends]\nurl = \"{url}\"\nidentity = \"erp\"")).await;
    let seen = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let _read = stream.read(&mut [0; 8192]).await.unwrap();
        }
    });
    let response = sidecar.unix().get("http://localhost/to/ends/a").send().await.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

/// Starts an HTTP/2 server that refuses each second stream with `REFUSED_STREAM`, and closes
/// each connection after four streams.
async fn restarting() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                for number in 0.. {
                    let Some(Ok((_request, mut respond))) = connection.accept().await else { break };
                    if number % 2 == 0 {
                        respond.send_response(http::Response::new(()), true).unwrap();
                    } else {
                        respond.send_reset(h2::Reason::REFUSED_STREAM);
                    }
                    if number == 3 {
                        connection.graceful_shutdown();
                    }
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn restarting_http2_server_fails_no_request() {
    let setup = Setup::new().await;
    let url = restarting().await;
    let more = format!("[upstreams.ends]\nurl = \"{url}\"\nidentity = \"erp\"\nhttp2 = true");
    let sidecar = setup.sidecar_with(&more).await;
    for number in 0..40 {
        let method = if number % 3 == 0 { Method::POST } else { Method::GET };
        let response = sidecar.unix().request(method, "http://localhost/to/ends/a").send().await.unwrap();
        assert_eq!(response.status(), 200, "request {number}");
    }
}
