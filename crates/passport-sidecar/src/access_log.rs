//! Writes an access log entry for each request, and counts the request in metrics. An entry
//! contains neither the query of the request nor a token.

use std::{sync::Arc, time::Duration};

use axum::{extract::Request, response::Response};
use http::{HeaderValue, Method, Uri};
use tokio::time::Instant;

use crate::{
    caller_auth::Caller,
    error::ErrorCode,
    metrics::ACCESS,
    request_id::REQUEST_ID,
    request_metrics::RequestMetrics,
    route::{Route, is_valid_name},
};

/// The configured caller that sent a request. It is stored as an extension of the response. The
/// access log reads the caller's name from this extension.
#[derive(Clone, Debug)]
pub(crate) struct RequestCaller(pub(crate) Arc<Caller>);

/// The access log entry of a request in flight. The entry is written when the response begins.
/// An entry that is dropped before that is written with the status [`CANCELED`].
pub(crate) struct AccessLogEntry<'a> {
    metrics: &'a RequestMetrics,
    route: Route,
    method: Method,
    uri: Uri,
    id: Option<HeaderValue>,
    started: Instant,
    is_finished: bool,
}

/// The logged status of a request that was canceled before the response began, because the
/// client disconnected or the shutdown aborted the connection. nginx logs the same status.
const CANCELED: u16 = 499;

impl<'a> AccessLogEntry<'a> {
    /// Creates the entry of `request`, and starts to measure its duration for `metrics`.
    pub(crate) fn of(request: &Request, metrics: &'a RequestMetrics) -> Self {
        Self {
            metrics,
            route: Route::of(request.uri().path()),
            method: request.method().clone(),
            uri: request.uri().clone(),
            id: request.headers().get(REQUEST_ID).cloned(),
            started: Instant::now(),
            is_finished: false,
        }
    }

    /// Writes the entry with the status, the error code and the caller of `response`. The error
    /// code or the caller is empty in the entry if `response` has none.
    pub(crate) fn finish(mut self, response: &Response) {
        self.is_finished = true;
        let code = response.extensions().get::<ErrorCode>().map_or("", |code| code.0);
        let caller = response.extensions().get::<RequestCaller>().map_or("", |caller| &*caller.0.name);
        self.log(caller, response.status().as_u16(), code);
    }

    fn log(&self, caller: &str, status: u16, code: &'static str) {
        let duration = self.started.elapsed();
        self.metrics.record((self.route.label(), status, code), duration);
        tracing::info!(
            target: ACCESS,
            caller,
            method = %self.method,
            path = logged_path(self.route, self.uri.path()),
            status,
            error = code,
            duration_ms = milliseconds(duration),
            request_id = self.id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default(),
            "request finished"
        );
    }
}

impl Drop for AccessLogEntry<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.log("", CANCELED, "canceled");
        }
    }
}

/// Returns the text that is logged as the path of a request. These parts are left out, because
/// they could contain a secret, such as the secret of a password reset link:
/// - the path below `/v1/auth`;
/// - the path after the name of an upstream, or the whole path if the name is not valid;
/// - the path of a request that does not name its upstream in the path;
/// - the path of an unknown endpoint.
fn logged_path(route: Route, path: &str) -> &str {
    match route {
        Route::Auth => "/v1/auth",
        Route::ProxyByPath => {
            let named = path.match_indices('/').nth(2).map_or(path, |(at, _)| &path[..at]);
            if named.strip_prefix("/to/").is_some_and(is_valid_name) { named } else { "(no such upstream)" }
        }
        Route::ProxyByHeader => "(by header)",
        Route::Unknown => "(no such endpoint)",
        Route::DropIn | Route::Token | Route::Refresh | Route::Validate => path,
    }
}

fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests;
