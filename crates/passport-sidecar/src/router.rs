//! The router of the sidecar's own endpoints.

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit};
use http::StatusCode;
use tower_http::timeout::TimeoutLayer;

use crate::{limits::MAX_FORM, state::AppState, tokens, validate};

/// Returns the router of the sidecar's own endpoints.
pub(crate) fn own_endpoints(state: &AppState) -> Router {
    tokens::routes()
        .merge(validate::routes(state.verifier.clone(), state.max_form))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        // Limits the time to read a form. The wait for a token has a separate limit.
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, 2 * state.tokens.timeout))
        .with_state(Arc::clone(&state.tokens))
}
