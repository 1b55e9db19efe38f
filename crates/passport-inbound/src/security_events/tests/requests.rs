//! Tests of requests to the receiver: form, limits and failures.

use super::*;

#[tokio::test]
async fn denial_that_is_not_saved_gets_503_and_is_retried() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let setup = setup_with(DenyList::builder().file(missing.join("denied"))).await;
    let response = setup.send(push(&signed("secevent+jwt", &event()))).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[header::RETRY_AFTER], "5");
    assert_eq!(setup.list.len(), 1, "the denial is in effect");
    std::fs::create_dir(&missing).unwrap();
    assert_eq!(setup.push(&event()).await, 202, "the id is not remembered before");
    assert!(missing.join("denied").exists());
}

#[tokio::test(start_paused = true)]
async fn overload_gets_503() {
    let setup = setup();
    let permits: Vec<_> = std::iter::from_fn(|| setup.verifier.pipeline().permits.try_acquire()).collect();
    let response = setup.send(push(&signed("secevent+jwt", &event()))).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers().contains_key(header::RETRY_AFTER));
    drop(permits);
    assert_eq!(setup.push(&event()).await, 202);
}

#[tokio::test]
async fn malformed_requests_are_rejected() {
    let setup = setup();
    let event = signed("secevent+jwt", &event());
    let get = Request::get("/security-events").body(Full::default()).unwrap();
    let response = setup.send(get).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()[header::ALLOW]),
        (405, &"POST".parse().unwrap())
    );
    let form = "application/x-www-form-urlencoded";
    for (request, status) in [
        (post("/other", form, ""), 404),
        (post("/security-events", "application/jwt", event.clone()), 400),
        (post("/security-events", "application/secevent+jwt", "x".repeat(64 * 1024 + 1)), 413),
        (post("/security-events", "Application/SecEvent+JWT; charset=utf-8", event), 202),
        (post("/backchannel-logout", "text/plain", "logout_token=x"), 400),
        (post("/backchannel-logout", form, "token=x"), 400),
        (post("/backchannel-logout", form, "logout_token=x&logout_token=x"), 400),
    ] {
        let path = request.uri().to_string();
        assert_eq!(setup.status(request).await.0, status, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_body_is_rejected_after_10_seconds() {
    let setup = setup();
    let body = http_body_util::StreamBody::new(futures_util::stream::pending::<
        Result<http_body::Frame<Bytes>, std::convert::Infallible>,
    >());
    let request = Request::post("/security-events").header(header::CONTENT_TYPE, "application/secevent+jwt");
    let started = tokio::time::Instant::now();
    let response = setup.receiver.clone().call(request.body(body).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(started.elapsed(), Duration::from_secs(10));
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn router_serves_both_paths() {
    use tower::ServiceExt;

    let setup = setup();
    let router: axum::Router = setup.receiver.clone().into_router();
    let router = axum::Router::new().nest("/passport", router);
    for (request, status) in
        [(push(&signed("secevent+jwt", &event())), 202), (push_logout(&signed("logout+jwt", &logout())), 200)]
    {
        let (mut parts, body) = request.into_parts();
        parts.uri = format!("/passport{}", parts.uri).parse().unwrap();
        let request = Request::from_parts(parts, axum::body::Body::new(body));
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), status);
    }
}
