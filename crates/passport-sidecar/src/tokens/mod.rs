//! The endpoints that return tokens: a drop-in replacement of Passport's token endpoint, and two
//! endpoints of the sidecar with more options.

mod drop_in;
mod form;
mod request;
mod response;
mod v1;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

pub(crate) use self::request::TokenEndpoints;

/// Creates the routes of the token endpoints.
pub(crate) fn routes() -> Router<Arc<TokenEndpoints>> {
    Router::new()
        .route("/passport/token", post(drop_in::token))
        .route("/v1/token", get(v1::token))
        .route("/v1/token/refresh", post(v1::refresh))
}
