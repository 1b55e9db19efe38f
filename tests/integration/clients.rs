//! The outbound layer over each HTTP client, in common stacks of layers.

use std::time::Duration;

use axum::{Router, response::Redirect, routing::get};
use bytes::Bytes;
use http::{Request, Response, header::AUTHORIZATION};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use passport_dev::DevPassport;
use passport_outbound::{AllowedOrigins, AttachError, AttachTokenLayer, ConfigError};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;

use crate::harness::{api, http, identity, serve};

fn layer(passport: &DevPassport, origin: &str) -> AttachTokenLayer {
    let registered = passport.managed_identity("payroll").create();
    AttachTokenLayer::new(identity(passport, &registered), AllowedOrigins::new([origin]).unwrap())
}

#[tokio::test]
async fn same_layer_works_with_hyper_and_reqwest() {
    let passport = DevPassport::start().await.unwrap();
    let api = api(&passport).await;
    let layer = layer(&passport, &api);
    let url = format!("{api}/whoami");

    let hyper = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut hyper = ServiceBuilder::new().layer(layer.clone()).service(hyper);
    let request = Request::get(&url).body(Full::default()).unwrap();
    // The response has the client's own type.
    let response: Response<Incoming> = hyper.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.into_body().collect().await.unwrap().to_bytes().is_empty());

    let mut reqwest = ServiceBuilder::new().layer(layer).service(http());
    let request = reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap());
    assert_eq!(reqwest.ready().await.unwrap().call(request).await.unwrap().status(), 200);
    assert_eq!(passport.counters().token(), 1);
}

#[tokio::test]
async fn layer_composes_with_limits_timeouts_and_buffers() {
    let passport = DevPassport::start().await.unwrap();
    let api = api(&passport).await;
    let client = ServiceBuilder::new()
        .buffer(16)
        .concurrency_limit(2)
        .layer(layer(&passport, &api))
        .timeout(Duration::from_secs(10))
        .concurrency_limit(1)
        .service(http());
    let calls = (0..20).map(|_| {
        let request = reqwest::Request::new(reqwest::Method::GET, format!("{api}/whoami").parse().unwrap());
        client.clone().oneshot(request)
    });
    for response in futures_util::future::join_all(calls).await {
        assert_eq!(response.unwrap().status(), 200);
    }
    assert_eq!(passport.counters().token(), 1);
}

/// Starts a server that returns the `Authorization` header that it received, if any.
async fn foreign_host() -> String {
    let echo =
        get(|headers: http::HeaderMap| async move { format!("{:?}", headers.get(AUTHORIZATION).is_some()) });
    serve(Router::new().route("/", echo)).await
}

async fn redirecting_to(target: String) -> String {
    serve(Router::new().route("/", get(|| async move { Redirect::temporary(&target) }))).await
}

#[tokio::test]
async fn redirect_followed_outside_the_layer_has_no_token() {
    let passport = DevPassport::start().await.unwrap();
    let api = redirecting_to(foreign_host().await).await;
    let mut client = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(layer(&passport, &api))
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    let request = Request::get(&api).body(Full::default()).unwrap();
    let error = client.ready().await.unwrap().call(request).await.unwrap_err();
    assert!(matches!(*error.downcast::<AttachError>().unwrap(), AttachError::OriginNotAllowed { .. }));
}

#[tokio::test]
async fn redirect_followed_inside_the_layer_has_no_token() {
    let passport = DevPassport::start().await.unwrap();
    let api = redirecting_to(foreign_host().await).await;
    let mut client = ServiceBuilder::new().layer(layer(&passport, &api)).service(http());
    let request = reqwest::Request::new(reqwest::Method::GET, api.parse().unwrap());
    let response = client.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.text().await.unwrap(), "false", "reqwest removes the header for another host");
}

#[tokio::test]
async fn redirect_followed_by_tower_http_in_the_layer_has_no_token() {
    let passport = DevPassport::start().await.unwrap();
    let api = redirecting_to(foreign_host().await).await;
    let mut client = ServiceBuilder::new()
        .layer(layer(&passport, &api))
        .layer(FollowRedirectLayer::new())
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    let request = Request::get(&api).body(Full::default()).unwrap();
    let response = client.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "false");
}

#[test]
fn plain_http_origin_outside_loopback_is_rejected_at_build() {
    let error: ConfigError =
        AllowedOrigins::channel(&http::Uri::from_static("http://payroll.bizfirst.ai")).unwrap_err();
    assert!(error.to_string().contains("https"), "{error}");
}

#[tokio::test]
async fn foreign_host_header_is_not_sent() {
    let passport = DevPassport::start().await.unwrap();
    let api = api(&passport).await;
    let layer = layer(&passport, &api);

    let hyper = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut hyper = ServiceBuilder::new().layer(layer.clone()).service(hyper);
    let request = Request::get(&api).header("host", "somebody-else.example").body(Full::default()).unwrap();
    let error = hyper.ready().await.unwrap().call(request).await.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&AttachError::HostMismatch));

    let mut reqwest = ServiceBuilder::new().layer(layer).service(http());
    let mut request = reqwest::Request::new(reqwest::Method::GET, api.parse().unwrap());
    request.headers_mut().insert("host", "somebody-else.example".parse().unwrap());
    let error = reqwest.ready().await.unwrap().call(request).await.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&AttachError::HostMismatch));
    assert_eq!(passport.counters().token(), 0);
}
