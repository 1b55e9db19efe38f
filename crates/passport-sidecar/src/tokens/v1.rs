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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenQuery {
    identity: String,
    scope: Option<String>,
    /// Seconds that the token has to be valid for at least.
    min_ttl: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RefreshForm {
    identity: String,
    scope: Option<String>,
    /// The SHA-256 of the rejected token, in hexadecimal digits.
    rejected: String,
}

/// `GET /v1/token?identity=&scope=&min_ttl=`
pub(super) async fn token(
    State(endpoints): State<Arc<TokenEndpoints>>,
    Extension(caller): Extension<Arc<Caller>>,
    parameters: Result<Query<TokenQuery>, QueryRejection>,
) -> Result<Response, ErrorResponse> {
    let Query(parameters) = parameters.map_err(|_| {
        ErrorResponse::invalid(
            "write identity=, and scope= and min_ttl= (whole seconds) if need be, and nothing else",
        )
    })?;
    let min_ttl = Duration::from_secs(parameters.min_ttl.unwrap_or_default().into());
    endpoints.token(&caller, &parameters.identity, parameters.scope.as_deref(), min_ttl).await
}

/// `POST /v1/token/refresh` with a form: returns another token than the rejected one. All callers
/// that report the same token share one request to Passport.
pub(super) async fn refresh(
    State(endpoints): State<Arc<TokenEndpoints>>,
    Extension(caller): Extension<Arc<Caller>>,
    parameters: Result<Form<RefreshForm>, FormRejection>,
) -> Result<Response, ErrorResponse> {
    let Form(parameters) = parameters.map_err(|_| {
        ErrorResponse::invalid(
            "send a form with identity=, rejected= (the token's SHA-256) and scope= if need be",
        )
    })?;
    let request = endpoints.request(&caller, &parameters.identity, parameters.scope.as_deref())?;
    if !is_hash(&parameters.rejected) {
        return Err(ErrorResponse::invalid("rejected= is 64 hexadecimal digits: the token's SHA-256"));
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
