//! Ambiguous requests and responses, which two recipients could read in two ways.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UnixStream},
};

use crate::harness::{Setup, SidecarProcess, json};

/// An upstream that records the first request of each connection, and sends a fixed response to
/// it.
pub(crate) struct ScriptedUpstream {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl ScriptedUpstream {
    /// Starts the upstream. A request is complete when it contains `end`.
    pub(crate) async fn start(end: &'static str, response: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let request = read_until(&mut stream, end).await;
                    seen.lock().unwrap().push(request);
                    stream.write_all(response.as_bytes()).await.unwrap();
                });
            }
        });
        Self { url, requests }
    }

    /// Returns the recorded requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads until the received text contains `end`, or the stream ends.
async fn read_until(stream: &mut (impl AsyncRead + Unpin), end: &str) -> String {
    let mut read = Vec::new();
    while !read.windows(end.len()).any(|part| part == end.as_bytes()) {
        if stream.read_buf(&mut read).await.unwrap_or_default() == 0 {
            break;
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// Sends a raw request: `head`, the headers that the sidecar requires, and `body`. Returns the
/// whole response.
async fn send(sidecar: &SidecarProcess, head: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(&sidecar.socket).await.unwrap();
    let request =
        format!("{head}\r\nHost: localhost\r\nPassport-Sidecar: true\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

fn upstream(name: &str, url: &str) -> String {
    format!("[upstreams.{name}]\nurl = \"{url}\"\nidentity = \"erp\"\n")
}

#[tokio::test]
async fn connection_option_cannot_remove_a_users_token() {
    let setup = Setup::new().await;
    let both = format!("{}propagate = true", upstream("both", &setup.api));
    let sidecar = setup.sidecar_with(&both).await;
    let user = setup.passport.managed_identity("user").create().token().build();
    let get = || sidecar.unix().get("http://localhost/to/both/orders").bearer_auth(&user);
    let rejected = get().header("connection", "close, authorization").send().await.unwrap();
    assert_eq!(rejected.status(), 400);
    assert_eq!(rejected.headers()["passport-sidecar-error"], "invalid_request");
    let forwarded = get().header("connection", "close, x-of-the-hop").send().await.unwrap();
    assert_eq!(json(forwarded).await["caller"], "user");
}

#[tokio::test]
async fn request_with_two_lengths_is_not_forwarded() {
    let setup = Setup::new().await;
    let raw = ScriptedUpstream::start("\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let sidecar = setup.sidecar_with(&upstream("raw", &raw.url)).await;
    for lengths in
        ["Content-Length: 3\r\nContent-Length: 4", "Content-Length: 3, 3", "Transfer-Encoding: gzip, chunked"]
    {
        let head = format!("POST /to/raw/a HTTP/1.1\r\n{lengths}");
        let response = send(&sidecar, &head, "3\r\nabc\r\n0\r\n\r\n").await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{lengths}: {response}");
    }
    assert_eq!(raw.requests(), [""; 0]);
    // RFC 9112, section 6.3: the transfer coding overrides the length, which is not forwarded.
    let head = "POST /to/raw/a HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked";
    send(&sidecar, head, "3\r\nabc\r\n0\r\n\r\n").await;
    let forwarded = raw.requests()[0].to_lowercase();
    assert!(forwarded.contains("transfer-encoding: chunked"), "{forwarded}");
    assert!(!forwarded.contains("content-length"), "{forwarded}");
}

#[tokio::test]
async fn upgrade_is_ignored_and_not_forwarded() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    for upgrade in ["TLS/1.2", "h2c", "websocket", "TLS/1.2, HTTP/2.0"] {
        let get = sidecar.unix().get("http://localhost/to/api/orders");
        let get = get.header("upgrade", upgrade).header("connection", "Upgrade, HTTP2-Settings");
        let response = get.header("http2-settings", "AAMAAABk").send().await.unwrap();
        assert_eq!(response.status(), 200, "{upgrade}");
        let headers = json(response).await["headers"].to_string();
        assert!(!headers.contains("upgrade") && !headers.contains("http2"), "{headers}");
    }
    let connect = send(&sidecar, "CONNECT localhost:443 HTTP/1.1", "").await;
    assert!(connect.starts_with("HTTP/1.1 "), "{connect}");
    assert!(!connect.starts_with("HTTP/1.1 2"), "{connect}");
}

#[tokio::test]
async fn ambiguous_response_is_a_502() {
    let setup = Setup::new().await;
    for response in [
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 9\r\n\r\nabcdefghi",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 3, 9\r\n\r\nabcdefghi",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabcdefghi\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n9\r\nabcdefghi\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n9\r\nabcdefghi\r\n0\r\n\r\n",
    ] {
        let odd = ScriptedUpstream::start("\r\n\r\n", response).await;
        let sidecar = setup.sidecar_with(&upstream("odd", &odd.url)).await;
        let received = sidecar.unix().get("http://localhost/to/odd/a").send().await.unwrap();
        assert_eq!(received.status(), 502, "{response}");
        assert_eq!(received.headers()["passport-sidecar-error"], "server_error");
    }
}

#[tokio::test]
async fn chunked_body_of_a_get_is_forwarded() {
    let setup = Setup::new().await;
    let raw = ScriptedUpstream::start("0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let sidecar = setup.sidecar_with(&upstream("raw", &raw.url)).await;
    let head = "GET /to/raw/search HTTP/1.1\r\nTransfer-Encoding: chunked";
    let response = send(&sidecar, head, "5\r\nquery\r\n0\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    let requests = raw.requests();
    assert!(requests[0].to_lowercase().contains("transfer-encoding: chunked"), "{requests:?}");
    assert!(requests[0].ends_with("5\r\nquery\r\n0\r\n\r\n"), "{requests:?}");
}

#[tokio::test]
async fn trailers_carry_no_identity_in_either_direction() {
    let setup = Setup::new().await;
    let response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-passport-roles, checksum\r\n\r\n\
                    1\r\na\r\n0\r\nX-Passport-Roles: admin\r\nChecksum: 7\r\n\r\n";
    let raw = ScriptedUpstream::start("7\r\n\r\n", response).await;
    let sidecar = setup.sidecar_with(&upstream("raw", &raw.url)).await;
    let head = "POST /to/raw/a HTTP/1.1\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\
                Trailer: X-Passport-Roles, Passport-Sidecar-Token, Checksum";
    let trailers = "X-Passport-Roles: admin\r\nPassport-Sidecar-Token: hidden\r\nChecksum: 7\r\n\r\n";
    let response = send(&sidecar, head, &format!("1\r\na\r\n0\r\n{trailers}")).await.to_lowercase();
    let request = raw.requests()[0].to_lowercase();
    for message in [&response, &request] {
        assert!(message.contains("checksum: 7"), "{message}");
        assert!(!message.contains("roles: admin") && !message.contains("hidden"), "{message}");
    }
}
