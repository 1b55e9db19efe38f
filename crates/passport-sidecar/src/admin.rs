//! The endpoints of the admin listener: health and metrics. The admin listener is separate from
//! the other listeners, so that it responds during a flood of requests at the other listeners.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::state::AppState;

type AdminState = (Arc<AppState>, Option<PrometheusHandle>, CancellationToken);

/// Creates the routes of the admin listener. `/readyz` responds with status 503 once `shutdown`
/// is canceled. `/metrics` responds with status 404 if `metrics` is `None`.
pub(crate) fn router(
    state: Arc<AppState>,
    metrics: Option<PrometheusHandle>,
    shutdown: CancellationToken,
) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readiness))
        .route("/metrics", get(render_metrics))
        .layer(from_fn_with_state(Arc::clone(&state), check_host))
        .with_state((state, metrics, shutdown))
}

/// Responds with status 403 to a request with a `Host` that does not name this machine. A web
/// page could make a browser send such a request, by a host name that resolves to this machine
/// (DNS rebinding).
async fn check_host(State(state): State<Arc<AppState>>, request: Request, next: Next) -> Response {
    if state.guard.is_to_this_machine(request.uri(), request.headers()) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

/// Responds with status 200 if all of these conditions hold, and otherwise with 503:
/// - the sidecar is not shutting down;
/// - each identity has a valid token, or the last token fetch of the identity has not failed;
/// - if `validate` is configured, there are usable keys to verify tokens with.
async fn readiness(State((state, _, shutdown)): State<AdminState>) -> Response {
    let identities: BTreeMap<&String, Value> = state
        .tokens
        .identities
        .iter()
        .map(|(name, identity)| {
            let status = identity.status();
            let error = status.last_error().map(ToString::to_string);
            let ready = status.has_valid_token() || error.is_none();
            (name, json!({ "ready": ready, "has_valid_token": status.has_valid_token(), "error": error }))
        })
        .collect();
    let keys = state.verifier.as_ref().map(|verifier| verifier.health().is_usable());
    let is_healthy = identities.values().all(|identity| identity["ready"] == true) && keys != Some(false);
    let shutting_down = shutdown.is_cancelled();
    let ready = is_healthy && !shutting_down;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": ready, "shutting_down": shutting_down, "identities": identities, "keys": keys,
    });
    (status, Json(body)).into_response()
}

async fn render_metrics(State((_, metrics, _)): State<AdminState>) -> Response {
    match metrics {
        Some(metrics) => {
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
