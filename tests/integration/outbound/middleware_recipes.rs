//! The order of layers that `docs/recipes.md` recommends, and its reasons.

use std::{
    future::{Ready, ready},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use bytes::Bytes;
use http::{Request, Response, header::AUTHORIZATION};
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use passport_dev::DevPassport;
use passport_outbound::{AllowedOrigins, AttachTokenLayer, ManualClock};
use tower::{
    BoxError, ServiceBuilder, ServiceExt,
    retry::{Policy, RetryLayer},
};
use tower_http::trace::{DefaultMakeSpan, TraceLayer};

use super::{HOUR, builder, clock};
use crate::harness::{serve, traced};

/// Retries once, after an hour.
#[derive(Clone)]
struct RetryAfterAnHour(Option<ManualClock>);

impl<B: Clone, T> Policy<Request<B>, Response<T>, BoxError> for RetryAfterAnHour {
    type Future = Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<B>,
        outcome: &mut Result<Response<T>, BoxError>,
    ) -> Option<Ready<()>> {
        let failed = outcome.as_ref().is_ok_and(|response| response.status().is_server_error());
        let clock = self.0.take().filter(|_| failed)?;
        clock.advance(HOUR);
        Some(ready(()))
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }
}

#[tokio::test]
async fn retry_has_a_live_token_and_trace_has_no_token() {
    let clock = clock();
    let passport = DevPassport::builder().clock(clock.clone()).start().await.unwrap();
    let registered = passport.managed_identity("payroll").create();
    let identity = builder(&passport, &registered).clock(clock.clone()).build().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let api = failing_once(Arc::clone(&seen)).await;

    let traced = traced(async {
        let traces = TraceLayer::new_for_http()
            .make_span_with(DefaultMakeSpan::new().include_headers(true).level(tracing::Level::INFO));
        let client = ServiceBuilder::new()
            .timeout(Duration::from_secs(30))
            .layer(traces)
            .layer(RetryLayer::new(RetryAfterAnHour(Some(clock))))
            .layer(AttachTokenLayer::new(identity, AllowedOrigins::new([&api]).unwrap()))
            .timeout(Duration::from_secs(5))
            .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
        let request = Request::get(&api).header("x-request-id", "42").body(Full::default()).unwrap();
        let response = client.oneshot(request).await.unwrap();
        format!("{}", response.status())
    })
    .await;

    assert!(traced.contains("x-request-id") && traced.ends_with("200 OK"), "{traced}");
    assert!(!traced.contains("eyJ"), "a token in a trace");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert_ne!(seen[0], seen[1], "the first token was too old by then");
}

/// Starts a server that records the token of each request, and fails the first.
async fn failing_once(seen: Arc<Mutex<Vec<String>>>) -> String {
    let answer = move |headers: HeaderMap| async move {
        let mut seen = seen.lock().unwrap();
        seen.push(headers[AUTHORIZATION].to_str().unwrap().to_owned());
        if seen.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }
    };
    serve(Router::new().route("/", get(answer))).await
}
