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
        // It limits the time of a request's body. A token request has a limit of its own.
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, 2 * state.tokens.response_time))
        .with_state(Arc::clone(&state.tokens))
}
