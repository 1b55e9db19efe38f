//! A line for each request, without its query, and without anything that was shown or handed out.

use std::{sync::Arc, time::Duration};

use axum::{extract::Request, middleware::Next, response::Response};
use tokio::time::Instant;

use crate::{
    callers::Caller,
    guard::{self, Interface},
    refusal::Refused,
    telemetry,
};

/// Who asked, put into the response by whoever knows.
#[derive(Clone, Debug)]
pub(crate) struct AskedBy(pub(crate) Arc<Caller>);

pub(crate) async fn note(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let begin = Instant::now();
    let response = next.run(request).await;
    let (status, took) = (response.status().as_u16(), begin.elapsed());
    let code = response.extensions().get::<Refused>().map_or("", |refused| refused.0);
    let caller = response.extensions().get::<AskedBy>().map_or("", |asked| asked.0.name.as_str());
    telemetry::answered(interface(&path), status, code, took);
    tracing::info!(
        target: telemetry::ACCESS,
        caller,
        %method,
        path = shown(&path),
        status,
        error = code,
        milliseconds = milliseconds(took),
        request_id = id.as_deref().unwrap_or_default(),
        "answered"
    );
    response
}

/// Without what is behind an upstream's name: reset links, and the like, are secrets.
fn shown(path: &str) -> &str {
    match Interface::of(path) {
        Interface::Auth => "/v1/auth",
        _ if path.starts_with("/to/") => path.match_indices('/').nth(2).map_or(path, |(at, _)| &path[..at]),
        _ if guard::is_ours(path) => path,
        _ => "(by header)",
    }
}

/// An id that a request has brought goes into logs, here and elsewhere; one that is odd is replaced.
pub(crate) async fn without_odd_ids(mut request: Request, next: Next) -> Response {
    let is_odd = |id: &http::HeaderValue| {
        let id = id.as_bytes();
        id.len() > 64 || !id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
    };
    if request.headers().get("x-request-id").is_some_and(is_odd) {
        request.headers_mut().remove("x-request-id");
    }
    next.run(request).await
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// What was asked, as a label: there are few.
fn interface(path: &str) -> &'static str {
    match (Interface::of(path), path) {
        (Interface::DropIn, _) => "drop_in",
        (Interface::Auth, _) => "auth",
        (Interface::Other, "/v1/token") => "token",
        (Interface::Other, "/v1/token/refresh") => "refresh",
        (Interface::Other, "/v1/validate") => "validate",
        (Interface::Other, _) => "passed_on",
    }
}
