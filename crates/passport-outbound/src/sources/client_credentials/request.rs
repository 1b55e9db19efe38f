//! Builds the HTTP request of the client credentials grant.

use std::time::SystemTime;

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use passport_core::{Scopes, request_to};

use super::{super::transport_failure::no_response, client_authentication::ClientProof, form::Form};
use crate::token::FetchFailure;

/// Builds a token request in the format that Passport documents: a form body, `%20` between
/// scopes, and by default HTTP Basic.
pub(super) fn build(
    proof: &ClientProof<'_>,
    scopes: &Scopes,
    now: SystemTime,
) -> Result<Request<Bytes>, FetchFailure> {
    let mut form = Form::client_credentials();
    form.push("scope", &scopes.to_string());
    let authorization = proof.add_to(&mut form, now)?;
    // The body owns the form, which is zeroized when the request is dropped.
    let mut request = request_to(proof.token_url, Bytes::from_owner(form)).map_err(no_response)?;
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    Ok(request)
}

#[cfg(test)]
mod tests;
