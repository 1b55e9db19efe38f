//! Builds the HTTP request of the client credentials grant.

use std::time::SystemTime;

use bytes::Bytes;
use http::Request;
use passport_core::{ClientAuthenticationError, ClientProof, Form, Scopes};
use url::Url;

use super::super::transport_failure::no_response;
use crate::token::{FetchFailure, TokenErrorKind};

/// Builds a token request in the format that Passport documents: a form body, `%20` between
/// scopes, and by default HTTP Basic.
pub(super) fn build(
    proof: &ClientProof<'_>,
    token_url: &Url,
    scopes: &Scopes,
    now: SystemTime,
) -> Result<Request<Bytes>, FetchFailure> {
    let mut form = Form::of("grant_type", "client_credentials");
    form.push("scope", &scopes.to_string());
    proof.request(token_url, form, now).map_err(|error| match error {
        ClientAuthenticationError::Url(error) => no_response(error),
        error => FetchFailure::of(TokenErrorKind::SecretUnavailable).with_source(error),
    })
}

#[cfg(test)]
mod tests;
