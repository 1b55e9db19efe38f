//! The router of the sidecar's own endpoints.

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit};
use http::StatusCode;
use tower_http::timeout::TimeoutLayer;

use crate::{limits::MAX_FORM, state::AppState, tokens, validate};

/// Creates the router of the endpoints that the sidecar itself responds to: tokens and
/// verification. Forwarded requests do not pass through this router.
pub(crate) fn own_endpoints(state: &AppState) -> Router {
    tokens::routes()
        .merge(validate::routes(state.verifier.clone(), state.max_form))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        // Limits the time for receiving a form. The time for waiting for a token has a separate,
        // shorter limit.
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, 2 * state.tokens.timeout))
        .with_state(Arc::clone(&state.tokens))
}
