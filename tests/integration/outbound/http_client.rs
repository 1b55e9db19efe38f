//! `ManagedIdentityHttpClient`: paths, methods, bodies and errors.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Redirect, Response},
    routing::{any, get, post},
};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use passport_dev::DevPassport;
use passport_inbound::AuthenticateLayer;
use passport_outbound::{
    AccessToken, AllowedOrigins, AttachError, CallerIdentity, CallerToken, Clock, HttpClientError,
    InvalidPath, ManagedIdentityHttpClient, ManagedIdentityRequest, SystemClock, TokenErrorKind,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{HOUR, builder, clock};
use crate::harness::{http, serve, verifier};

/// Returns what the server received.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: String) -> Json<Value> {
    let headers: BTreeMap<_, _> = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-"))
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    Json(
        json!({ "method": method.as_str(), "uri": uri.path_and_query().unwrap().as_str(), "headers": headers, "body": body }),
    )
}

async fn api(passport: &DevPassport) -> String {
    let router = Router::new()
        .route("/status/{status}", any(status))
        .route("/stream", post(|request: Request| async { Response::new(request.into_body()) }))
        .fallback(echo)
        .layer(AuthenticateLayer::new(verifier(passport)));
    serve(router).await
}

async fn status(axum::extract::Path(status): axum::extract::Path<u16>) -> StatusCode {
    StatusCode::from_u16(status).unwrap()
}

async fn client() -> (DevPassport, ManagedIdentityHttpClient) {
    let passport = DevPassport::start().await.unwrap();
    let base = api(&passport).await + "/v1";
    let identity = builder(&passport, &passport.managed_identity("erp-sync").create()).build().unwrap();
    let client = ManagedIdentityHttpClient::builder(identity, &base).client(http()).build().unwrap();
    (passport, client)
}

#[tokio::test]
async fn paths_are_resolved_as_in_a_browser() {
    let (_passport, client) = client().await;
    for (path, asked) in [
        ("/api/accounts?since=2026-05-01", "/api/accounts?since=2026-05-01"),
        ("accounts", "/v1/accounts"),
        ("a/b?c=d", "/v1/a/b?c=d"),
        ("", "/v1/"),
        ("?page=2", "/v1/?page=2"),
        ("a%2Fb", "/v1/a%2Fb"),
    ] {
        let told: Value = client.get_json(path).await.unwrap();
        assert_eq!(told["uri"], asked, "{path}");
    }
}

#[tokio::test]
async fn each_method_sends_its_http_method() {
    let (_passport, client) = client().await;
    for (request, method) in [
        (client.get("/"), "GET"),
        (client.post("/"), "POST"),
        (client.put("/"), "PUT"),
        (client.patch("/"), "PATCH"),
        (client.delete("/"), "DELETE"),
        (client.request(Method::OPTIONS, "/"), "OPTIONS"),
    ] {
        assert_eq!(request.receive_json::<Value>().await.unwrap()["method"], method);
    }
}

#[tokio::test]
async fn request_builder_works_as_in_reqwest() {
    let (_passport, client) = client().await;
    let more = HeaderMap::from_iter([("x-more".parse().unwrap(), "2".parse().unwrap())]);
    let request = client.post("/").header("x-one", "1").headers(more).query(&[("a", "b c")]);
    let told: Value = request
        .json(&json!({ "since": "May" }))
        .timeout(Duration::from_secs(30))
        .with(|request| request.header("x-three", "3"))
        .receive_json()
        .await
        .unwrap();
    assert_eq!(told["uri"], "/?a=b+c");
    assert_eq!(told["headers"], json!({ "x-one": "1", "x-more": "2", "x-three": "3" }));
    assert_eq!(told["body"], r#"{"since":"May"}"#);
    let told: Value = client.post_json("/", &json!([1])).await.unwrap();
    assert_eq!(told["body"], "[1]");
}

#[tokio::test]
async fn bodies_are_streamed_in_both_directions() {
    let (_passport, client) = client().await;
    let (send, chunks) = mpsc::channel::<Result<Frame<Bytes>, std::io::Error>>(1);
    let body = reqwest::Body::wrap(StreamBody::new(ReceiverStream::new(chunks)));
    let answer = client.post("/stream").body(body).send().await.unwrap();
    let mut answer = Body::new(reqwest::Body::from(answer));
    for chunk in ["one", "two", "three"] {
        send.send(Ok(Frame::data(Bytes::from(chunk)))).await.unwrap();
        let came_back = answer.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(came_back, chunk, "each chunk is returned before the next is sent");
    }
    drop(send);
    assert!(answer.frame().await.is_none_or(|frame| frame.unwrap().data_ref().is_none_or(Bytes::is_empty)));
}

#[tokio::test]
async fn failures_are_distinguished_by_error_type() {
    use HttpClientError::{Attach, Http, InvalidRequest, InvalidScopes};
    let (passport, client) = client().await;
    let error = client.get("http://[").send().await.unwrap_err();
    assert!(matches!(error, InvalidRequest(_)), "{error:?}");
    let error = client.get("/").header("bad header", "1").send().await.unwrap_err();
    assert!(matches!(error, InvalidRequest(_)), "{error:?}");
    let error = client.get("/").header("authorization", "Bearer x").send().await.unwrap_err();
    assert!(matches!(error, Attach(AttachError::AuthorizationPresent)), "{error:?}");
    let error = client.get("https://elsewhere.example/").send().await.unwrap_err();
    assert!(matches!(error, Attach(AttachError::OriginNotAllowed { .. })), "{error:?}");
    let error = client.get("/").scopes("\u{e9}").send().await.unwrap_err();
    assert!(matches!(error, InvalidScopes(_)), "{error:?}");
    let error = client.get("/").identity(CallerIdentity::from_task_local()).send().await.unwrap_err();
    assert!(matches!(error, Attach(AttachError::MissingCallerToken)), "{error:?}");
    let error =
        client.get("/").identity(CallerIdentity::from_task_local()).scopes("roles").send().await.unwrap_err();
    assert!(error.to_string().contains("the scopes of a caller's token cannot be changed"), "{error}");
    assert_eq!(passport.counters().token(), 0, "no token was requested");

    assert_eq!(client.get("/status/404").send().await.unwrap().status(), 404);
    let error = client.get_json::<Value>("/status/404").await.unwrap_err();
    assert!(matches!(&error, Http(error) if error.status() == Some(StatusCode::NOT_FOUND)), "{error:?}");
    let error = client.get_json::<Value>("/status/200").await.unwrap_err();
    assert!(matches!(&error, Http(error) if error.is_decode()), "{error:?}");
}

#[tokio::test]
async fn path_that_url_parsing_changes_is_not_sent() {
    let (passport, client) = client().await;
    let base = client.get("").send().await.unwrap().url().to_string();
    let tokens = passport.counters().token();
    for (path, expected) in [
        ("../v2/accounts", InvalidPath::DotSegment),
        ("/tenants/mine/../other", InvalidPath::DotSegment),
        (&*format!("{base}tenants/mine/../other"), InvalidPath::DotSegment),
        ("/tenants/mine/%2e%2e/other", InvalidPath::EncodedDotSegment),
        ("/tenants/mine/..%2fother", InvalidPath::EncodedSeparator),
        (r"/tenants/mine/..\other", InvalidPath::Backslash),
        ("/tenants/mine/.\t./other", InvalidPath::ControlCharacter),
        ("//elsewhere.example/", InvalidPath::SchemeRelative),
        (r"\\elsewhere.example/", InvalidPath::Backslash),
        (r"/\elsewhere.example/", InvalidPath::Backslash),
        ("/\t/elsewhere.example/", InvalidPath::ControlCharacter),
        ("https:elsewhere.example", InvalidPath::MissingHost),
        ("//user:passw0rd@elsewhere.example/", InvalidPath::SchemeRelative),
    ] {
        let error = client.get(path).send().await.unwrap_err();
        assert!(!error.to_string().contains("passw0rd"), "{error}");
        assert!(matches!(error, HttpClientError::InvalidPath(path) if path == expected), "{path}: {error:?}");
    }
    let error = client.get("https://user:passw0rd@elsewhere.example/").send().await.unwrap_err();
    assert!(matches!(error, HttpClientError::Attach(AttachError::UserInfoPresent)), "{error:?}");
    assert_eq!(passport.counters().token(), tokens);
}

#[tokio::test]
async fn foreign_host_header_is_not_sent() {
    let (passport, client) = client().await;
    let error = client.get("/").header("host", "somebody-else.example").send().await.unwrap_err();
    assert!(matches!(error, HttpClientError::Attach(AttachError::HostMismatch)), "{error:?}");
    let twice = client.get("/").header("host", "a.example").header("host", "a.example");
    let error = twice.send().await.unwrap_err();
    assert!(matches!(error, HttpClientError::Attach(AttachError::DuplicateHost)), "{error:?}");
    assert_eq!(passport.counters().token(), 0);
    let url = client.get("/").send().await.unwrap().url().clone();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    assert_eq!(client.get("/").header("host", host).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn redirect_that_is_not_followed_is_an_error() {
    let (passport, _) = client().await;
    let moved =
        || async { (StatusCode::TEMPORARY_REDIRECT, [("location", "https://elsewhere.example")], "{}") };
    let base = serve(Router::new().route("/", get(moved))).await;
    let identity = builder(&passport, &passport.managed_identity("erp-sync").create()).build().unwrap();
    let client = ManagedIdentityHttpClient::new(identity, &base).unwrap();
    client.ready().await.unwrap();
    let error = client.get_json::<Value>("/").await.unwrap_err();
    assert!(matches!(error, HttpClientError::Status(StatusCode::TEMPORARY_REDIRECT)), "{error:?}");
}

/// The default client follows redirects only within the origin.
#[tokio::test]
async fn redirect_to_another_origin_is_returned_and_not_followed() {
    let passport = DevPassport::start().await.unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let elsewhere =
        serve(Router::new().fallback(|| async move { counted.fetch_add(1, Ordering::SeqCst).to_string() }))
            .await;
    let router = Router::new()
        .route("/out", any(|| async move { Redirect::temporary(&format!("{elsewhere}/")) }))
        .route("/within", any(|| async { Redirect::temporary("/there") }))
        .route("/for-ever", any(|| async { Redirect::temporary("/for-ever") }))
        .fallback(echo);
    let base = serve(router.layer(AuthenticateLayer::new(verifier(&passport)))).await;
    let identity = builder(&passport, &passport.managed_identity("erp-sync").create()).build().unwrap();
    let client = ManagedIdentityHttpClient::new(identity, &base).unwrap();
    let token = AccessToken::new(&passport.user_token("ada").build(), SystemClock.now() + HOUR).unwrap();
    for name in [None, Some(CallerToken::new(token))] {
        let request = |path| {
            name.iter().cloned().fold(client.post(path), ManagedIdentityRequest::caller).body("secret")
        };
        let out = request("/out").send().await.unwrap();
        assert_eq!((out.status(), asked.load(Ordering::SeqCst)), (StatusCode::TEMPORARY_REDIRECT, 0));
        let told: Value = request("/within").receive_json().await.unwrap();
        assert_eq!((&told["uri"], &told["body"]), (&json!("/there"), &json!("secret")));
        let error = request("/for-ever").send().await.unwrap_err();
        assert!(matches!(&error, HttpClientError::Http(error) if error.is_redirect()), "{error:?}");
    }
}

#[tokio::test]
async fn caller_from_extensions_without_extensions_is_an_error() {
    let (passport, client) = client().await;
    let own = builder(&passport, &passport.managed_identity("own").create()).build().unwrap();
    for identity in
        [CallerIdentity::from_extensions().into(), CallerIdentity::from_extensions().or(own.clone())]
    {
        let error = client.get("/").identity(identity).send().await.unwrap_err();
        assert!(matches!(error, HttpClientError::Attach(AttachError::ExtensionsUnavailable)), "{error:?}");
    }
    assert_eq!(
        client.get("/").identity(CallerIdentity::from_task_local().or(own)).send().await.unwrap().status(),
        200
    );
}

#[tokio::test]
async fn missing_token_returns_the_error_of_the_identity() {
    let passport = DevPassport::start().await.unwrap();
    let registered = passport.managed_identity("erp-sync").create();
    registered.disable();
    let identity = builder(&passport, &registered).build().unwrap();
    let client = ManagedIdentityHttpClient::builder(identity, "http://127.0.0.1:9").client(http());
    let error = client.build().unwrap().get("/").send().await.unwrap_err();
    assert!(matches!(&error, HttpClientError::Token(error) if error.kind() == TokenErrorKind::Rejected));
}

#[tokio::test]
async fn scopes_of_a_request_have_a_separate_cached_token() {
    let (passport, client) = client().await;
    for _ in 0..3 {
        client.get("/").send().await.unwrap();
        client.get("/").scopes("openid tenant").send().await.unwrap();
        client.get("/").scopes("tenant openid").send().await.unwrap();
    }
    assert_eq!(passport.counters().token(), 2);
}

/// Starts a server that rejects the first request, whatever its token.
async fn rejecting_first_request() -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let answer = move |body: String| async move {
        match counted.fetch_add(1, Ordering::SeqCst) {
            0 => StatusCode::UNAUTHORIZED.into_response(),
            _ => body.into_response(),
        }
    };
    (serve(Router::new().route("/", get(answer.clone()).post(answer))).await, asked)
}

#[tokio::test]
async fn rejected_request_is_retried_if_configured() {
    for (replays, status, requests) in [(true, 200, 2), (false, 401, 1)] {
        let clock = clock();
        let passport = DevPassport::builder().clock(clock.clone()).start().await.unwrap();
        let registered = passport.managed_identity("erp-sync").create();
        let identity = builder(&passport, &registered).clock(clock.clone()).build().unwrap();
        identity.token().await.unwrap();
        clock.advance(Duration::from_secs(60));
        let (api, asked) = rejecting_first_request().await;
        let client = ManagedIdentityHttpClient::builder(identity, &api).client(http());
        let client = if replays { client.retry_unauthorized() } else { client }.build().unwrap();
        let answer = client.post("/").body("once").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), asked.load(Ordering::SeqCst)), (status, requests));
        if replays {
            assert_eq!(answer.text().await.unwrap(), "once");
        }
    }
}

#[tokio::test]
async fn other_origin_is_called_only_if_allowed() {
    let (passport, _) = client().await;
    let other = api(&passport).await;
    let identity = builder(&passport, &passport.managed_identity("erp-sync").create()).build().unwrap();
    let client = ManagedIdentityHttpClient::builder(identity, "https://api.bizfirst.ai").client(http());
    let client = client.also_allow(AllowedOrigins::new([&other]).unwrap()).build().unwrap();
    assert_eq!(client.get(&format!("{other}/status/204")).send().await.unwrap().status(), 204);
}

#[test]
fn plain_http_base_url_must_be_allowed_explicitly() {
    let client = |base| ManagedIdentityHttpClient::builder(CallerIdentity::from_task_local(), base);
    assert!(client("http://erp.mesh").build().is_err());
    assert!(client("http://erp.mesh").danger_plain_http().build().is_ok());
}

#[test]
fn invalid_base_url_is_reported_and_not_shown() {
    for base in [
        "api.bizfirst.ai",
        "http://api.bizfirst.ai",
        "https://user:hidden@api.bizfirst.ai",
        "https://a/?hidden",
    ] {
        let client = ManagedIdentityHttpClient::new(CallerIdentity::from_extensions(), base);
        let told = client.unwrap_err().to_string();
        assert!(told.contains("base_url: ") && !told.contains("hidden"), "{told}");
    }
}
