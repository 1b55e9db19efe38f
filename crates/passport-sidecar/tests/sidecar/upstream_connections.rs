//! Connections to upstreams: a pool for each caller, and retries after a connection was closed.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::{future::join_all, stream};
use http::Method;
use passport_test_support::servers::serve;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixStream},
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::harness::{CALLER_TOKEN, Setup, SidecarProcess, plain};

const MEBIBYTE: usize = 1024 * 1024;

/// Starts an upstream that closes each of its `first` connections at the second request. Returns
/// its URL, and a counter of its connections.
async fn closing(first: usize) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let is_first = counted.fetch_add(1, Ordering::SeqCst) < first;
            tokio::spawn(async move {
                for number in 0.. {
                    let mut head = [0; 8192];
                    if stream.read(&mut head).await.unwrap_or(0) == 0 || (is_first && number == 1) {
                        break;
                    }
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
                }
            });
        }
    });
    (url, connections)
}

#[tokio::test]
async fn idempotent_request_on_a_closed_connection_is_retried() {
    for (method, body, expected, connections) in [
        (Method::GET, "", 200, 2),
        (Method::DELETE, "", 200, 2),
        (Method::PUT, "content", 502, 1),
        (Method::POST, "", 502, 1),
    ] {
        let setup = Setup::new().await;
        let (url, seen) = closing(1).await;
        let sidecar =
            setup.sidecar_with(&format!("[upstreams.closing]\nurl = \"{url}\"\nidentity = \"erp\"")).await;
        let send = |method: Method, body: &'static str| {
            sidecar.unix().request(method, "http://localhost/to/closing/a").body(body).send()
        };
        assert_eq!(send(Method::GET, "").await.unwrap().status(), 200);
        assert_eq!(send(method.clone(), body).await.unwrap().status(), expected, "{method}");
        assert_eq!(seen.load(Ordering::SeqCst), connections, "{method}");
    }
}

/// Starts an upstream that closes each connection after one response. Returns its URL, and a
/// receiver that gets a message when a connection was closed.
async fn closing_when_idle() -> (String, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (closed, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _read = stream.read(&mut [0; 8192]).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
    });
    (url, receiver)
}

/// A `POST` is not retried, so that it must not be sent on a connection that is known to be
/// closed.
#[tokio::test]
async fn connection_that_was_closed_while_idle_is_not_used() {
    let setup = Setup::new().await;
    let (url, mut closed) = closing_when_idle().await;
    let sidecar =
        setup.sidecar_with(&format!("[upstreams.closing]\nurl = \"{url}\"\nidentity = \"erp\"")).await;
    let url = "http://localhost/to/closing/a";
    assert_eq!(sidecar.unix().get(url).send().await.unwrap().status(), 200);
    for body in ["", "content"] {
        closed.recv().await.unwrap();
        assert_eq!(sidecar.unix().post(url).body(body).send().await.unwrap().status(), 200, "{body:?}");
    }
}

/// Starts an HTTP/1 upstream that responds with a long body as soon as a request begins, and
/// reads the request at the same time. Returns its URL, and a receiver of the number of bytes
/// that it has read.
async fn responding_early() -> (String, oneshot::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, read) = oneshot::channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (mut receive, mut send) = stream.into_split();
        let mut part = vec![0; 64 * 1024];
        let mut bytes = receive.read(&mut part).await.unwrap();
        tokio::spawn(async move {
            let _ = send.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n").await;
            while send.write_all(&[7; 64 * 1024]).await.is_ok() {}
        });
        while bytes < UPLOAD {
            let read = receive.read(&mut part).await.unwrap();
            assert_ne!(read, 0, "the connection stays open");
            bytes += read;
        }
        sender.send(bytes).unwrap();
    });
    (url, read)
}

const UPLOAD: usize = 16 * MEBIBYTE;

/// A client that does not read its response must not stop its own upload.
#[tokio::test(flavor = "multi_thread")]
async fn upload_goes_on_while_the_response_is_not_read() {
    let setup = Setup::new().await;
    let (url, read) = responding_early().await;
    let sidecar =
        setup.sidecar_with(&format!("[upstreams.early]\nurl = \"{url}\"\nidentity = \"erp\"")).await;
    let mut client = UnixStream::connect(&sidecar.socket).await.unwrap();
    let head = format!(
        "POST /to/early/ HTTP/1.1\r\nHost: localhost\r\nPassport-Sidecar: true\r\nContent-Length: {UPLOAD}\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let upload = async {
        client.write_all(&vec![7; UPLOAD]).await.unwrap();
        read.await.unwrap()
    };
    assert!(timeout(Duration::from_secs(20), upload).await.expect("not stopped") >= UPLOAD);
}

/// A request that waits for a new connection can get one that another request has used before.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_on_closed_connections_are_retried() {
    let setup = Setup::new().await;
    let (url, _) = closing(usize::MAX).await;
    let sidecar =
        setup.sidecar_with(&format!("[upstreams.closing]\nurl = \"{url}\"\nidentity = \"erp\"")).await;
    let client = sidecar.unix();
    for round in 0..10 {
        let get = || client.get("http://localhost/to/closing/a").send();
        for response in join_all((0..40).map(|_| get())).await {
            assert_eq!(response.unwrap().status(), 200, "round {round}");
        }
    }
}

/// Starts an HTTP/2 upstream with two paths: one has a response that does not end, and the other
/// a response of 1 MiB.
async fn streaming() -> String {
    let endless = || {
        let chunk = Bytes::from_static(&[7; 64 * 1024]);
        Body::from_stream(stream::repeat_with(move || Ok::<_, Infallible>(chunk.clone())))
    };
    let router = Router::new()
        .route("/endless", get(async move || endless()))
        .route("/mebibyte", get(async || vec![7; MEBIBYTE]));
    serve(router).await
}

/// Connects a client that reads only the beginning of a response that does not end.
async fn stops_reading(sidecar: &SidecarProcess) -> UnixStream {
    let mut stream = UnixStream::connect(&sidecar.socket).await.unwrap();
    let request = b"GET /to/h2/endless HTTP/1.1\r\nHost: localhost\r\nPassport-Sidecar: true\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut begin = [0; 15];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
    stream
}

/// The clients that stop reading are on the Unix socket. The two clients that read are on TCP:
/// one has the same caller, and the other another caller.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_stop_reading_delay_no_others() {
    let setup = Setup::new().await;
    std::fs::write(setup.path("web.token"), "token-of-web").unwrap();
    let more = format!(
        "[upstreams.h2]\nurl = \"{}\"\nidentity = \"erp\"\nhttp2 = true\n\
         [callers.web]\ntoken_ref = \"file:{}\"\nidentities = [\"erp\"]\n\
         [limits]\nmax_forwarded_requests_per_caller = 40",
        streaming().await,
        setup.path("web.token"),
    );
    let sidecar = setup.sidecar_with(&more).await;
    let mut held = Vec::new();
    for _ in 0..30 {
        held.push(stops_reading(&sidecar).await);
    }
    for token in [CALLER_TOKEN, "token-of-web"] {
        let mebibyte = async {
            let get = plain().get(sidecar.url("/to/h2/mebibyte")).header("passport-sidecar", "true");
            get.header("passport-sidecar-token", token).send().await.unwrap().bytes().await.unwrap()
        };
        let body = timeout(Duration::from_secs(10), mebibyte).await.expect("not delayed");
        assert_eq!(body.len(), MEBIBYTE);
    }
}
