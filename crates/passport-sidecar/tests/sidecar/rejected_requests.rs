//! Requests that are rejected because of their origin, their caller or their syntax.

use reqwest::RequestBuilder;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
};

use crate::harness::{CALLER_TOKEN, Setup, json, plain};

async fn error_of(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), json(response).await["error"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn browser_and_proxy_requests_are_rejected() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let unmarked =
        || plain().get(sidecar.url("/v1/token?identity=erp")).header("passport-sidecar-token", CALLER_TOKEN);
    let marked = || unmarked().header("passport-sidecar", "true");
    for (request, expected) in [
        (unmarked(), (400, "invalid_request")),
        (marked().header("host", "evil.example"), (403, "access_denied")),
        (marked().header("origin", "https://evil.example"), (403, "access_denied")),
        (marked().header("sec-fetch-site", "cross-site"), (403, "access_denied")),
        (marked().header("x-forwarded-for", "1.2.3.4"), (403, "access_denied")),
        (marked().header("via", "1.1 proxy"), (403, "access_denied")),
    ] {
        assert_eq!(error_of(request).await, (expected.0, expected.1.to_owned()));
    }
    assert_eq!(marked().send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn unlisted_identities_and_scopes_are_rejected() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let get = |query: &str| sidecar.unix().get(format!("http://localhost/v1/token?{query}"));
    for (query, expected) in [
        ("identity=payroll", (403, "unauthorized_client")),
        ("identity=unknown", (403, "unauthorized_client")),
        ("identity=erp&scope=admin", (400, "invalid_scope")),
        ("identity=erp&scope=open%22id", (400, "invalid_scope")),
        ("identity=erp&other=1", (400, "invalid_request")),
        ("identity=erp&min_ttl=soon", (400, "invalid_request")),
        ("scope=openid", (400, "invalid_request")),
    ] {
        assert_eq!(error_of(get(query)).await, (expected.0, expected.1.to_owned()), "{query}");
    }
    assert_eq!(get("identity=erp&scope=openid").send().await.unwrap().status(), 200);
    assert_eq!(error_of(sidecar.unix().get("http://localhost/to/nowhere/x")).await.0, 404);
    assert_eq!(
        sidecar.unix().delete("http://localhost/v1/token?identity=erp").send().await.unwrap().status(),
        405
    );
}

/// A request without a scope, and a forwarded request, need the scopes of the identity.
#[tokio::test]
async fn unlisted_scopes_are_unavailable_on_each_route() {
    let setup = Setup::new().await;
    let config =
        setup.config("").replace("identities = [\"erp\"]", "identities = [\"erp\"]\nscopes = [\"openid\"]");
    let sidecar = setup.start(&config).serves().await;
    let get = |path: &str| sidecar.unix().get(format!("http://localhost{path}"));
    assert_eq!(error_of(get("/v1/token?identity=erp")).await, (400, "invalid_scope".to_owned()));
    assert_eq!(get("/v1/token?identity=erp&scope=openid").send().await.unwrap().status(), 200);
    let form = format!("grant_type=client_credentials&client_id={}", setup.registered.client_id());
    let drop_in = sidecar.unix().post("http://localhost/passport/token").body(form);
    let drop_in = drop_in.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(error_of(drop_in).await, (400, "invalid_scope".to_owned()));
    assert_eq!(get("/to/api/orders").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn unknown_user_is_rejected() {
    let setup = Setup::new().await;
    let uid = nix::unistd::getuid().as_raw();
    let config = setup.config("").replace(&format!("uids = [{uid}]"), &format!("uids = [{}]", uid + 1));
    let sidecar = setup.start(&config).serves().await;
    let rejected = error_of(sidecar.unix().get("http://localhost/v1/token?identity=erp")).await;
    assert_eq!(rejected, (403, "access_denied".to_owned()));
}

#[tokio::test]
async fn non_loopback_listener_is_rejected() {
    let setup = Setup::new().await;
    let config = setup.config("").replace("tcp = \"127.0.0.1:", "tcp = \"0.0.0.0:");
    let sidecar = setup.start(&config);
    let mut process = sidecar.process;
    assert!(!process.wait().await.unwrap().success());
    assert!(std::fs::read_to_string(&sidecar.log).unwrap().contains("not a loopback address"));
}

#[tokio::test]
async fn oversized_head_is_rejected() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let response =
        sidecar.unix().get("http://localhost/v1/token").header("x-large", "x".repeat(40_000)).send().await;
    assert_eq!(response.unwrap().status(), 431);
}

/// The clients of both listeners send no byte, the beginning of an HTTP/2 preface, or half a
/// head.
#[tokio::test]
async fn silent_or_slow_client_is_disconnected() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar_with("[limits]\nhead_timeout_seconds = 1").await;
    for sent in [&b""[..], b"PRI * HT", b"GET /v1/token HTTP/1.1\r\nHost: localhost\r\nx-slow"] {
        let mut tcp = TcpStream::connect(("127.0.0.1", sidecar.tcp)).await.unwrap();
        let mut unix = UnixStream::connect(&sidecar.socket).await.unwrap();
        tcp.write_all(sent).await.unwrap();
        unix.write_all(sent).await.unwrap();
        let (mut response, begin) = (Vec::new(), tokio::time::Instant::now());
        let closed = async {
            // The connection is closed with or without a response.
            let _ = tcp.read_to_end(&mut response).await;
            let _ = unix.read_to_end(&mut response).await;
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), closed).await.expect("disconnected");
        assert!(begin.elapsed() > std::time::Duration::from_millis(900), "not before the timeout");
    }
}

/// The responses to pings transfer bytes on the connection, but they are no requests.
#[tokio::test]
async fn client_that_only_answers_pings_is_disconnected() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar_with("[limits]\nhead_timeout_seconds = 1\nidle_timeout_seconds = 2").await;
    let http2 = reqwest::Client::builder().http2_prior_knowledge().unix_socket(sidecar.socket.as_path());
    let client = http2.build().unwrap();
    let get_token =
        || client.get("http://localhost/v1/token?identity=erp").header("passport-sidecar", "true").send();
    assert_eq!(get_token().await.unwrap().status(), 200);
    sidecar.has("passport_sidecar_connections{listener=\"unix\"} 1").await;
    sidecar.has("passport_sidecar_connections{listener=\"unix\"} 0").await;
    assert_eq!(get_token().await.unwrap().status(), 200, "the client reconnects");
}

#[tokio::test]
async fn emptied_token_file_revokes_the_caller() {
    let setup = Setup::new().await;
    let sidecar = setup.sidecar().await;
    let status = async || {
        let get = plain().get(sidecar.url("/v1/token?identity=erp")).header("passport-sidecar", "true");
        get.header("passport-sidecar-token", CALLER_TOKEN).send().await.unwrap().status().as_u16()
    };
    assert_eq!(status().await, 200);
    std::fs::write(setup.path("caller.token"), "").unwrap();
    let begin = tokio::time::Instant::now();
    while status().await != 401 {
        assert!(begin.elapsed() < std::time::Duration::from_secs(5), "the token is still valid");
    }
    assert!(sidecar.logged().contains("caller token unusable"));
}
