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
use passport_outbound::AccessToken;
use serde::Deserialize;

use super::{request::TokenEndpoints, response};
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
    let request = endpoints.request(&caller, &parameters.identity, parameters.scope.as_deref())?;
    let life = Duration::from_secs(parameters.min_ttl.unwrap_or_default().into());
    let token = request.token(life).await?;
    Ok(response::token(&token, &request.granted()))
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
    let rejected = decode_hex(&parameters.rejected)
        .ok_or_else(|| ErrorResponse::invalid("rejected= is 64 hexadecimal digits: the token's SHA-256"))?;
    let replaced = request.identity.token_after_refusal(|kept| has_hash(kept, &rejected));
    let token = request.wait_for(replaced).await?;
    Ok(response::token(&token, &request.granted()))
}

fn has_hash(kept: &AccessToken, hash: &[u8]) -> bool {
    verify_slices_are_equal(digest(&SHA256, kept.expose().as_bytes()).as_ref(), hash).is_ok()
}

fn decode_hex(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte =
            u8::from_str_radix(hex.get(at..at + 2).filter(|digits| !digits.starts_with('+'))?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
