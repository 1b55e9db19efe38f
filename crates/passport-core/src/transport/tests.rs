use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use url::Url;

use super::{proxy::is_never_proxied, *};

const LIMITS: ResponseLimits = ResponseLimits { timeout: Duration::from_secs(10), max_body: 100 };

/// Starts a server that sends `response`, byte for byte, to every request. Returns its URL and
/// the number of requests.
async fn server(response: impl Into<String>) -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let (response, requests) = (response.into(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&requests);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            counter.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(response.as_bytes()).await;
        }
    });
    (url, requests)
}

fn kind(outcome: Result<Response<Bytes>, TransportError>) -> TransportErrorKind {
    outcome.unwrap_err().kind()
}

#[tokio::test]
async fn response_of_any_status_is_returned() {
    let (url, _) = server("HTTP/1.1 418 X\r\nx-own: 1\r\ncontent-length: 4\r\n\r\nbody").await;
    let response = Transport::default().get(&url, LIMITS).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["x-own"]), (418, &"1".parse().unwrap()));
    assert_eq!(response.body(), "body");
}

#[tokio::test]
async fn size_limit_applies_with_and_without_content_length() {
    let (announced, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n").await;
    assert_eq!(kind(Transport::default().get(&announced, LIMITS).await), TransportErrorKind::TooLarge);
    let unannounced = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(101));
    let (unannounced, _) = server(unannounced).await;
    assert_eq!(kind(Transport::default().get(&unannounced, LIMITS).await), TransportErrorKind::TooLarge);
}

#[tokio::test]
async fn redirect_is_never_followed() {
    let (target, requests) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let (url, _) = server(format!("HTTP/1.1 307 X\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n")).await;
    let follows =
        ReqwestHttpClient::configured(|settings| settings.redirect(reqwest::redirect::Policy::limited(10)));
    let response = Transport::new(follows).get(&url, LIMITS).await.unwrap();
    assert_eq!(response.status(), 307);
    assert_eq!(requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn configured_proxy_is_not_used_for_loopback() {
    let (proxy, requests) = server("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let (url, _) = server("HTTP/1.1 204 X\r\n\r\n").await;
    let proxied = ReqwestHttpClient::configured(move |settings| {
        settings.proxy(reqwest::Proxy::all(proxy.clone()).expect("the URL of a test server"))
    });
    assert_eq!(Transport::new(proxied).get(&url, LIMITS).await.unwrap().status(), 204);
    assert_eq!(requests.load(Ordering::SeqCst), 0);
}

#[test]
fn loopback_and_metadata_hosts_bypass_the_proxy() {
    for (url, stays) in [
        ("http://169.254.169.254/metadata/identity/oauth2/token", true),
        ("http://[fe80::1]/", true),
        ("http://[fd00:ec2::254]/", true),
        ("http://[::ffff:169.254.169.254]/", true),
        ("http://[fd00:ec3::254]/", false),
        ("http://localhost:8080/", true),
        ("http://[::1]/", true),
        ("http://10.0.0.1/", false),
        ("https://passport.bizfirst.ai/", false),
    ] {
        assert_eq!(is_never_proxied(&Url::parse(url).unwrap()), stays, "{url}");
    }
}

#[tokio::test]
async fn closed_and_refused_connections_have_different_kinds() {
    let (cut_off, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nhalf").await;
    assert_eq!(kind(Transport::default().get(&cut_off, LIMITS).await), TransportErrorKind::ConnectionClosed);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    assert_eq!(kind(Transport::default().get(&closed, LIMITS).await), TransportErrorKind::Connect);
}

#[tokio::test]
async fn hanging_server_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    tokio::time::pause();
    assert_eq!(kind(Transport::default().get(&url, LIMITS).await), TransportErrorKind::Timeout);
}

#[tokio::test]
async fn error_does_not_contain_the_query() {
    let url = Url::parse("http://127.0.0.1:1/?code=passw0rd").unwrap();
    let error = Transport::default().get(&url, LIMITS).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("passw0rd"));
}

/// Sends a request to a server, which responds with 204. Returns the head of the request that
/// the server has received.
async fn head_of(transport: ReqwestHttpClient, request: impl FnOnce(&Url) -> Request<Bytes>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let head = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let read = stream.read(&mut head).await.unwrap();
        stream.write_all(b"HTTP/1.1 204 X\r\n\r\n").await.unwrap();
        String::from_utf8(head[..read].to_vec()).unwrap()
    });
    Transport::new(transport).send(request(&url), LIMITS).await.unwrap();
    head.await.unwrap().to_ascii_lowercase()
}

fn plain(url: &Url) -> Request<Bytes> {
    request_to(url, Bytes::new()).unwrap()
}

#[tokio::test]
async fn request_has_user_agent_and_accepts_no_encoding() {
    let head = head_of(ReqwestHttpClient::new(), plain).await;
    let version = env!("CARGO_PKG_VERSION");
    assert!(head.contains(&format!("\r\nuser-agent: tower-passport/{version}\r\n")), "{head}");
    assert!(head.contains("\r\naccept-encoding: identity\r\n"), "{head}");
}

#[tokio::test]
async fn user_agent_is_configurable() {
    let transport = ReqwestHttpClient::configured(|settings| settings.user_agent("payroll/2"));
    assert!(head_of(transport, plain).await.contains("\r\nuser-agent: payroll/2\r\n"));
}

#[tokio::test]
async fn encoded_response_is_returned_if_it_was_requested() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 1\r\n\r\nx";
    let (url, _) = server(HEAD).await;
    let mut request = plain(&url);
    request.headers_mut().insert("accept-encoding", "gzip".parse().unwrap());
    assert_eq!(Transport::default().send(request, LIMITS).await.unwrap().body(), "x");
}

#[tokio::test]
async fn encoded_response_is_an_error_that_names_the_encoding() {
    for (encoding, named) in [
        ("gzip", Some("gzip")),
        ("BR", Some("br")),
        ("gzip, passw0rd", Some("an unknown Content-Encoding")),
        ("identity", None),
        ("", None),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: 1\r\n\r\nx");
        let (url, _) = server(head).await;
        match (Transport::default().get(&url, LIMITS).await, named) {
            (Ok(response), None) => assert_eq!(response.body(), "x"),
            (Err(error), Some(named)) => {
                assert_eq!(error.kind(), TransportErrorKind::UnexpectedEncoding(named));
                assert!(error.to_string().contains(named));
            }
            (outcome, _) => panic!("{encoding}: {outcome:?}"),
        }
    }
}

#[tokio::test]
async fn each_request_uses_a_new_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let transport = Transport::default();
    for _ in 0..3 {
        let answer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let read = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            (read, stream)
        };
        let (response, (read, mut stream)) = tokio::join!(transport.get(&url, LIMITS), answer);
        assert!(response.is_ok() && read > 0);
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0, "the client has closed the connection");
    }
}

#[tokio::test]
async fn silent_connection_of_a_safe_request_is_hedged() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let limits = ResponseLimits { timeout: Duration::from_millis(500), ..LIMITS };
    let answer = async {
        let (_silent, _) = listener.accept().await.unwrap();
        let (mut second, _) = listener.accept().await.unwrap();
        let _ = second.read(&mut [0; 4096]).await.unwrap();
        second.write_all(b"HTTP/1.1 204 X\r\n\r\n").await.unwrap();
        // Keeps both connections open until the response was received.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        response = async { Transport::default().get(&url, limits).await } => {
            assert_eq!(response.unwrap().status(), 204);
        }
        () = answer => {}
    }
}

#[tokio::test]
async fn idempotent_post_is_hedged() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let limits = ResponseLimits { timeout: Duration::from_millis(500), ..LIMITS };
    let mut request = plain(&url);
    *request.method_mut() = http::Method::POST;
    request.extensions_mut().insert(Idempotent);
    let outcome = tokio::spawn(async move { Transport::default().send(request, limits).await });
    let _both = (listener.accept().await.unwrap(), listener.accept().await.unwrap());
    assert_eq!(kind(outcome.await.unwrap()), TransportErrorKind::Timeout);
}

#[tokio::test]
async fn unsafe_request_is_sent_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let limits = ResponseLimits { timeout: Duration::from_millis(200), ..LIMITS };
    let mut request = plain(&url);
    *request.method_mut() = http::Method::POST;
    let outcome = Transport::default().send(request, limits).await;
    assert_eq!(kind(outcome), TransportErrorKind::Timeout);
    listener.accept().await.unwrap();
    let second = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(second.is_err(), "there was one connection");
}

#[tokio::test]
async fn server_with_another_protocol_is_not_http() {
    for bytes in ["SSH-2.0-OpenSSH_9\r\n", "\x15\x03\x01\0\x02\x02\x46", "\0\0\x12\x04\0\0\0\0\0"] {
        let (url, _) = server(bytes).await;
        let error = Transport::default().get(&url, LIMITS).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::NotHttp, "{bytes:?} {error:?}");
        assert!(error.to_string().contains("check the scheme and the port"));
    }
    let (mut url, _) = server("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await;
    url.set_scheme("https").unwrap();
    let transport = ReqwestHttpClient::configured(|settings| settings.tls_certs_only([]));
    let error = Transport::new(transport).get(&url, LIMITS).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Tls(TlsFailure::NotTls), "{error:?}");
}

#[tokio::test]
async fn unknown_host_is_a_dns_error() {
    let url = Url::parse("http://no-such-host.invalid/").unwrap();
    let error = Transport::default().get(&url, LIMITS).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Dns, "{error:?}");
}

#[tokio::test]
async fn error_of_a_refused_connection_names_the_reason() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let error = Transport::default().get(&url, LIMITS).await.unwrap_err();
    assert_eq!(error.to_string(), "no connection could be made (connection refused)");
    assert!(error.is_transient());
}

#[tokio::test]
async fn error_of_a_compressed_response_has_a_remedy() {
    for (encoding, shown) in [("gzip", "(gzip)"), ("x-own", "(an unknown Content-Encoding)")] {
        let (url, _) =
            server(format!("HTTP/1.1 200 X\r\ncontent-encoding: {encoding}\r\ncontent-length: 0\r\n\r\n"))
                .await;
        let text = Transport::default().get(&url, LIMITS).await.unwrap_err().to_string();
        assert!(text.contains(shown) && text.contains("honor Accept-Encoding"), "{text}");
    }
}

#[tokio::test]
async fn server_with_another_protocol_is_permanent() {
    let (url, _) = server("SSH-2.0-OpenSSH_9.2\r\n").await;
    let error = Transport::default().get(&url, LIMITS).await.unwrap_err();
    assert_eq!((error.kind(), error.is_transient()), (TransportErrorKind::NotHttp, false));
}

#[test]
fn kinds_are_transient_or_permanent() {
    for (kind, is_transient) in [
        (TransportErrorKind::Setup, false),
        (TransportErrorKind::Tls(TlsFailure::UnknownIssuer), false),
        (TransportErrorKind::Dns, true),
        (TransportErrorKind::UnexpectedEncoding("gzip"), false),
        (TransportErrorKind::Timeout, true),
    ] {
        assert_eq!(TransportError::new(kind).is_transient(), is_transient, "{kind}");
    }
}

#[test]
fn debug_of_an_error_is_its_message_with_causes() {
    let error = TransportError::new(TransportErrorKind::Setup).with_source(std::io::Error::other("no proxy"));
    let expected =
        "the HTTP request cannot be made; check the URL, and the proxy and certificate settings: no proxy";
    assert_eq!(format!("{error:?}"), expected);
}
