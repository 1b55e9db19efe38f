//! Limits that keep one caller, or an unknown client, from using up what other callers need.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_util::{future::select_all, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    harness::{CALLER_TOKEN, Setup, SidecarProcess, eventually, marked, plain},
    http2_frames::{DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, SETTINGS, block, frame, read_frame},
};

const TOKEN: &str = "http://localhost/v1/token?identity=erp";

/// Returns the configuration of a second caller, `web`, which is authenticated on TCP.
pub(crate) fn web(setup: &Setup) -> String {
    std::fs::write(setup.path("web.token"), "token-of-web").unwrap();
    format!("[callers.web]\ntoken_ref = \"file:{}\"\nidentities = [\"erp\"]\n", setup.path("web.token"))
}

#[tokio::test]
async fn unknown_users_take_no_connections_of_callers() {
    let setup = Setup::new().await;
    let uid = nix::unistd::getuid().as_raw();
    let limits = "[limits]\nmax_connections = 5";
    let config = setup.config(limits).replace(&format!("uids = [{uid}]"), &format!("uids = [{}]", uid + 1));
    let config = config.replace("[listen]", "[listen]\nunix_mode = \"0666\"");
    let sidecar = setup.start(&config).serves().await;
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut stream = UnixStream::connect(&sidecar.socket).await.unwrap();
        let mut status = [0; 12];
        stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        stream.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 403");
        held.push(stream);
    }
    sidecar.has("passport_sidecar_connections_forbidden_total 20").await;
    let (_, metrics) = sidecar.admin("/metrics").await.unwrap();
    assert!(!metrics.contains("connections{listener=\"unix\"}"), "{metrics}");
    assert!(!metrics.contains("passport_sidecar_connections_rejected"), "{metrics}");
}

#[tokio::test]
async fn one_caller_gets_half_of_the_connections() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar_with(&format!("{}[limits]\nmax_connections = 10", web(&setup))).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(UnixStream::connect(&sidecar.socket).await.unwrap());
    }
    let mut sixth = UnixStream::connect(&sidecar.socket).await.unwrap();
    let mut status = [0; 12];
    timeout(Duration::from_secs(10), sixth.read_exact(&mut status)).await.unwrap().unwrap();
    assert_eq!(&status, b"HTTP/1.1 429");
}

/// The caller of a TCP connection is unknown until its first request.
#[tokio::test]
async fn one_caller_gets_half_of_the_tcp_connections() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar_with(&format!("{}[limits]\nmax_connections = 4", web(&setup))).await;
    let drop_in = |client: &reqwest::Client, token: &'static str| {
        let post = client.post(sidecar.url("/passport/token")).basic_auth("erp", Some(token));
        let post = post.header("content-type", "application/x-www-form-urlencoded");
        post.body("grant_type=client_credentials").send()
    };
    let get = |client: &reqwest::Client, token: &'static str| {
        let get = client.get(sidecar.url("/v1/token?identity=erp")).header("passport-sidecar", "true");
        get.header("passport-sidecar-token", token).send()
    };
    // Each client keeps its connection.
    let held = [plain(), plain()];
    for client in &held {
        for _ in 0..2 {
            let response = get(client, CALLER_TOKEN).await.unwrap();
            assert_eq!(response.status(), 200);
            response.bytes().await.unwrap();
        }
    }
    for _ in 0..5 {
        let third = plain();
        for rejected in [get(&third, CALLER_TOKEN).await, drop_in(&third, CALLER_TOKEN).await] {
            let rejected = rejected.unwrap();
            assert_eq!(rejected.status(), 429);
            assert_eq!(rejected.headers()["connection"], "close");
        }
    }
    let other = plain();
    assert_eq!(get(&other, "token-of-web").await.unwrap().status(), 200);
    assert_eq!(drop_in(&other, "token-of-web").await.unwrap().status(), 200);
    drop(held);
    eventually(async || match get(&plain(), CALLER_TOKEN).await.unwrap().status().as_u16() {
        200 => Ok(()),
        status => Err(format!("the status is {status}")),
    })
    .await;
}

#[tokio::test]
async fn http2_connection_beyond_a_callers_share_is_closed() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar_with(&format!("{}[limits]\nmax_connections = 4", web(&setup))).await;
    let get = |client: &reqwest::Client, token: &'static str| {
        let get = client.get(sidecar.url("/v1/token?identity=erp"));
        get.header("passport-sidecar-token", token).send()
    };
    // Each client keeps its connection until the sidecar closes it.
    let clients: Vec<_> = (0..4).map(|_| marked().http2_prior_knowledge().build().unwrap()).collect();
    for (client, expected) in clients.iter().zip([200, 200, 429, 429]) {
        assert_eq!(get(client, CALLER_TOKEN).await.unwrap().status(), expected);
    }
    sidecar.has("passport_sidecar_connections{listener=\"tcp\"} 2").await;
    assert_eq!(get(&clients[2], "token-of-web").await.unwrap().status(), 200);
    assert_eq!(get(&clients[0], CALLER_TOKEN).await.unwrap().status(), 200);
}

/// Some clients ignore a response that arrives after a GOAWAY.
#[tokio::test]
async fn http2_response_429_is_sent_before_the_goaway() {
    let setup = Setup::new().await;
    let sidecar = setup
        .sidecar_with(&format!(
            "{}[limits]\nmax_connections = 20\nmax_connections_per_caller = 1",
            web(&setup)
        ))
        .await;
    let client = plain();
    let get = client.get(sidecar.url("/v1/token?identity=erp")).header("passport-sidecar", "true");
    assert_eq!(get.header("passport-sidecar-token", CALLER_TOKEN).send().await.unwrap().status(), 200);
    let head = block(&[
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/v1/token?identity=erp"),
        ("passport-sidecar", "true"),
        ("passport-sidecar-token", CALLER_TOKEN),
    ]);
    for _ in 0..10 {
        let mut stream = TcpStream::connect(("127.0.0.1", sidecar.tcp)).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
        stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &head)).await.unwrap();
        let mut kinds = Vec::new();
        while kinds.last() != Some(&GOAWAY) {
            kinds.push(read_frame(&mut stream).await);
        }
        assert!(kinds.contains(&HEADERS) && kinds.contains(&DATA), "{kinds:?}");
    }
}

/// Starts an upstream that accepts connections but does not respond, and a sidecar that forwards
/// to it.
pub(crate) async fn hanging(setup: &Setup, limits: &str) -> (TcpListener, SidecarProcess) {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let more = format!(
        "{}[upstreams.hangs]\nurl = \"http://{}\"\nidentity = \"erp\"\n[limits]\n{limits}",
        web(setup),
        upstream.local_addr().unwrap(),
    );
    (upstream, setup.sidecar_with(&more).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_a_hanging_upstream_do_not_block_others() {
    let setup = Setup::new().await;
    let (_upstream, sidecar) =
        hanging(&setup, "max_forwarded_requests = 4\nmax_forwarded_requests_per_caller = 3").await;
    let get = |token: &'static str, path: &str| {
        let get = plain().get(sidecar.url(path)).header("passport-sidecar", "true");
        get.header("passport-sidecar-token", token).send()
    };
    let mut held: Vec<_> = (0..3).map(|_| tokio::spawn(get(CALLER_TOKEN, "/to/hangs/a"))).collect();
    sidecar.has("passport_sidecar_forwarded_requests 3").await;
    let rejected = get(CALLER_TOKEN, "/to/api/orders").await.unwrap();
    assert_eq!(rejected.status(), 429);
    assert_eq!(rejected.headers()["retry-after"], "1");
    assert_eq!(get("token-of-web", "/to/api/orders").await.unwrap().status(), 200);
    held.push(tokio::spawn(get("token-of-web", "/to/hangs/a")));
    sidecar.has("passport_sidecar_forwarded_requests 4").await;
    let rejected = get("token-of-web", "/to/api/orders").await.unwrap();
    assert_eq!(rejected.status(), 503);
    assert_eq!(rejected.headers()["retry-after"], "1");
    assert_eq!(
        get(CALLER_TOKEN, "/v1/token?identity=erp").await.unwrap().status(),
        200,
        "a request for a token"
    );
    assert_eq!(sidecar.admin("/livez").await.unwrap().0, 200);
    sidecar
        .has("passport_sidecar_forwarded_requests_rejected_total{limit=\"max_forwarded_requests\"} 1")
        .await;
    for request in held {
        request.abort();
    }
    sidecar.has("passport_sidecar_forwarded_requests 0").await;
    assert_eq!(get(CALLER_TOKEN, "/to/api/orders").await.unwrap().status(), 200);
}

/// A response counts until its body has ended or its client has disconnected.
#[tokio::test]
async fn response_that_is_not_read_counts_as_a_forwarded_request() {
    let setup = Setup::new().await;
    let (upstream, sidecar) = hanging(&setup, "max_forwarded_requests_per_caller = 1").await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = upstream.accept().await {
            tokio::spawn(async move {
                let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n";
                let mut bytes = stream.read(&mut [0; 4096]).await.map(drop);
                if stream.write_all(head).await.is_ok() {
                    while bytes.is_ok() {
                        bytes = stream.write_all(&[7; 65536]).await;
                    }
                }
            });
        }
    });
    let get = || sidecar.unix().get("http://localhost/to/hangs/a").send();
    let response = get().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(get().await.unwrap().status(), 429);
    drop(response);
    eventually(async || match get().await.unwrap().status().as_u16() {
        200 => Ok(()),
        status => Err(format!("the status is {status}")),
    })
    .await;
}

/// Limits with which there is memory for 18 concurrent requests to the sidecar's own endpoints.
const LITTLE_MEMORY: &str = "[limits]\nmax_connections = 1\nmax_forwarded_requests = 1\nmax_head_bytes = 8192\nbody_buffer_kib = 16\n\
                             http2_connection_window_kib = 64\nmax_buffered_mib = 1";

/// Returns a client that sends all its requests on one HTTP/2 connection.
async fn http2(sidecar: &SidecarProcess) -> reqwest::Client {
    let client = marked().http2_prior_knowledge().unix_socket(sidecar.socket.as_path()).build().unwrap();
    assert_eq!(client.get(TOKEN).send().await.unwrap().status(), 200);
    client
}

type Form = JoinHandle<reqwest::Result<reqwest::Response>>;

/// Sends a form with a body that does not end, so that the request stays in flight.
fn unfinished(client: &reqwest::Client, path: &str) -> Form {
    let body = reqwest::Body::wrap_stream(stream::pending::<Result<Bytes, Infallible>>());
    let post = client.post(format!("http://localhost{path}")).body(body);
    tokio::spawn(post.header("content-type", "application/x-www-form-urlencoded").send())
}

/// Sends unfinished forms until two are rejected, and returns the others.
async fn held(client: &reqwest::Client, number: usize, path: &str) -> Vec<Form> {
    let mut forms: Vec<_> = (0..number + 2).map(|_| unfinished(client, path)).collect();
    for _ in 0..2 {
        let (rejected, _, others) = timeout(Duration::from_secs(30), select_all(forms)).await.unwrap();
        let rejected = rejected.unwrap().unwrap();
        assert_eq!(rejected.status(), 429, "{path}");
        assert_eq!(rejected.headers()["retry-after"], "1", "{path}");
        forms = others;
    }
    forms
}

#[tokio::test]
async fn memory_of_own_endpoints_is_bounded() {
    for path in ["/v1/validate", "/v1/token/refresh", "/passport/token"] {
        let setup = Setup::new().await;
        let sidecar = setup.sidecar_with(LITTLE_MEMORY).await;
        let client = http2(&sidecar).await;
        let held = held(&client, 18, path).await;
        let get = async || client.get(TOKEN).send().await.unwrap().status().as_u16();
        assert_eq!(get().await, 429, "{path}");
        assert_eq!(sidecar.admin("/livez").await.unwrap().0, 200);
        held[0].abort();
        eventually(async || match get().await {
            200 => Ok(()),
            status => Err(format!("the status is {status}")),
        })
        .await;
    }
}

#[tokio::test]
async fn one_caller_gets_half_of_the_memory_of_own_endpoints() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar_with(&format!("{}{LITTLE_MEMORY}", web(&setup))).await;
    let client = http2(&sidecar).await;
    let _held = held(&client, 9, "/v1/validate").await;
    let get = plain().get(sidecar.url("/v1/token?identity=erp")).header("passport-sidecar", "true");
    let response = get.header("passport-sidecar-token", "token-of-web").send().await.unwrap();
    assert_eq!(response.status(), 200);
}
