use std::time::SystemTime;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use form_urlencoded::byte_serialize;
use http::{
    HeaderValue, Method, Request,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use passport_core::{ClientId, Scopes, Secret, request_to};
use url::Url;
use zeroize::Zeroizing;

use super::{super::transport_failure::no_response, ClientAuthentication, assertion};
use crate::token::{FetchFailure, TokenErrorKind};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The client, and how it authenticates.
#[derive(Clone, Copy)]
pub(super) struct ClientProof<'a> {
    pub(super) method: &'a ClientAuthentication,
    pub(super) client_id: &'a ClientId,
    /// The secret, or the private key.
    pub(super) secret: &'a Secret,
    pub(super) token_url: &'a Url,
}

/// Builds a token request as Passport documents it: a form, `%20` between scopes, and by default
/// HTTP Basic.
pub(super) fn build(
    proof: &ClientProof<'_>,
    scopes: &Scopes,
    now: SystemTime,
) -> Result<Request<Bytes>, FetchFailure> {
    let mut body = Zeroizing::new("grant_type=client_credentials".to_owned());
    push(&mut body, "scope", &scopes.to_string());
    let (id, secret) = (proof.client_id.as_str(), proof.secret.expose());
    let mut authorization = None;
    match proof.method {
        ClientAuthentication::ClientSecretBasic => {
            authorization = Some(basic(&form_encoded(id), &form_encoded(secret))?);
        }
        ClientAuthentication::ClientSecretBasicRaw => authorization = Some(basic(id, secret)?),
        ClientAuthentication::ClientSecretPost => {
            push(&mut body, "client_id", id);
            push(&mut body, "client_secret", secret);
        }
        ClientAuthentication::PrivateKeyJwt(signed) => {
            let token_url = proof.token_url.as_str();
            let assertion = assertion::signed(signed, proof.client_id, token_url, proof.secret, now)
                .map_err(|error| FetchFailure::of(TokenErrorKind::Secret).caused_by(error))?;
            push(&mut body, "client_id", id);
            push(&mut body, "client_assertion_type", ASSERTION_TYPE);
            push(&mut body, "client_assertion", &assertion);
        }
    }
    // Our copy is wiped when the request is dropped.
    let mut request = request_to(proof.token_url, Bytes::from_owner(WipedForm(body))).map_err(no_response)?;
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    Ok(request)
}

struct WipedForm(Zeroizing<String>);

impl AsRef<[u8]> for WipedForm {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Returns the header of `client_secret_basic`. By [RFC 6749, section
/// 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1) id and secret are form-encoded
/// first.
fn basic(id: &str, secret: &str) -> Result<HeaderValue, FetchFailure> {
    let pair = Zeroizing::new([id, secret].join(":"));
    let pair = Zeroizing::new(BASE64_STANDARD.encode(pair.as_str()));
    let header = Zeroizing::new(["Basic ", pair.as_str()].concat());
    let mut value = HeaderValue::from_str(&header)
        .map_err(|error| FetchFailure::of(TokenErrorKind::Secret).caused_by(error))?;
    value.set_sensitive(true);
    Ok(value)
}

fn form_encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(byte_serialize(text.as_bytes()).collect())
}

/// Adds a field to a form, with `%20` for a space, as in Passport's documentation.
fn push(body: &mut Zeroizing<String>, name: &str, value: &str) {
    let value = Zeroizing::new(form_encoded(value).replace('+', "%20"));
    // One allocation: a reallocation would leave a part of the secret in memory.
    let mut grown = Zeroizing::new(String::with_capacity(body.len() + name.len() + value.len() + 2));
    for part in [body.as_str(), "&", name, "=", &value] {
        grown.push_str(part);
    }
    *body = grown;
}

#[cfg(test)]
mod tests;
