//! The endpoints `/v1/token` and `/v1/token/refresh`.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use axum::{
    Extension,
    extract::{
        Form, Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    response::Response,
};
use passport_core::Hex;
use passport_outbound::AccessToken;
use serde::Deserialize;

use super::request::TokenEndpoints;
use crate::{caller_auth::Caller, error::ErrorResponse};

/// The query parameters of `GET /v1/token`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenQuery {
    identity: String,
    scope: Option<String>,
    /// The minimum remaining lifetime of the token in seconds.
    min_ttl: Option<u32>,
}

/// The form parameters of `POST /v1/token/refresh`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshForm {
    identity: String,
    scope: Option<String>,
    /// The SHA-256 of the rejected token in 64 hexadecimal digits.
    rejected: String,
}

/// `GET /v1/token?identity=&scope=&min_ttl=`: returns a token of an identity that the caller is
/// allowed to use.
pub(super) async fn token(
    State(endpoints): State<Arc<TokenEndpoints>>,
    Extension(caller): Extension<Arc<Caller>>,
    parameters: Result<Query<TokenQuery>, QueryRejection>,
) -> Result<Response, ErrorResponse> {
    let Query(parameters) = parameters.map_err(|_| {
        ErrorResponse::invalid(
            "expected the parameter identity, and optionally scope and min_ttl (whole seconds)",
        )
    })?;
    let min_ttl = Duration::from_secs(parameters.min_ttl.unwrap_or_default().into());
    endpoints.token(&caller, &parameters.identity, parameters.scope.as_deref(), min_ttl).await
}

/// `POST /v1/token/refresh` with a form: replaces a token that a receiver has rejected, and
/// returns the new token. All callers that report the same token share one token fetch.
pub(super) async fn refresh(
    State(endpoints): State<Arc<TokenEndpoints>>,
    Extension(caller): Extension<Arc<Caller>>,
    parameters: Result<Form<RefreshForm>, FormRejection>,
) -> Result<Response, ErrorResponse> {
    let Form(parameters) = parameters.map_err(|_| {
        ErrorResponse::invalid(
            "expected a form with identity, rejected (SHA-256 of the token) and optionally scope",
        )
    })?;
    let request = endpoints.request(&caller, &parameters.identity, parameters.scope.as_deref())?;
    if !is_hash(&parameters.rejected) {
        return Err(ErrorResponse::invalid(
            "rejected must be the SHA-256 of the token: 64 hexadecimal digits",
        ));
    }
    let rejected = parameters.rejected.to_ascii_lowercase();
    request.respond(request.identity.replace_rejected_token(|cached| has_hash(cached, &rejected))).await
}

fn has_hash(token: &AccessToken, hash: &str) -> bool {
    let digest = digest(&SHA256, token.expose().as_bytes());
    verify_slices_are_equal(Hex(digest.as_ref()).to_string().as_bytes(), hash.as_bytes()).is_ok()
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
