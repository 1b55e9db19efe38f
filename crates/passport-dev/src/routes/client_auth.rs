//! Client authentication: `client_secret_basic` and `client_secret_post`
//! ([RFC 6749, section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)), and
//! `private_key_jwt`.

use axum::http::{HeaderMap, header};
use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;

use super::{assertion, form::Form, oauth_error::OAuthError};
use crate::{
    registry::{AuthenticatedClient, Registry},
    server_state::ServerState,
};

/// The supported client authentication methods, for the discovery document.
pub(super) const METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

/// Authenticates the client that sent a request. Returns an error if the request does not use
/// exactly one authentication method, or if its credentials are invalid.
pub(super) fn authenticate(
    state: &ServerState,
    registry: &mut Registry,
    headers: &HeaderMap,
    form: &Form,
) -> Result<AuthenticatedClient, OAuthError> {
    let basic = headers.get(header::AUTHORIZATION).map(|value| value.to_str().ok().and_then(decode_basic));
    let (secret, assertion) = (form.get("client_secret"), form.get("client_assertion"));
    match (basic, secret, assertion) {
        (Some(Some((id, secret))), None, None) => basic_client(registry, &id, &secret),
        (None, Some(secret), None) => {
            let client_id = form.get("client_id").unwrap_or_default();
            registry.authenticate(client_id, secret).ok_or(OAuthError::INVALID_CLIENT)
        }
        (None, None, Some(assertion)) => assertion::authenticate(state, registry, form, assertion),
        (Some(None) | None, None, None) => Err(OAuthError::INVALID_CLIENT),
        _ => Err(OAuthError::invalid_request("more than one client authentication method; use one")),
    }
}

/// Authenticates the client that sent a request whose body is not a form, with
/// `client_secret_basic`.
pub(super) fn authenticate_basic(
    registry: &Registry,
    headers: &HeaderMap,
) -> Result<AuthenticatedClient, OAuthError> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let (id, secret) = value.and_then(decode_basic).ok_or(OAuthError::INVALID_CLIENT)?;
    basic_client(registry, &id, &secret)
}

/// Authenticates a client with the id and the secret of a `Basic` header.
///
/// RFC 6749 requires that id and secret are form-encoded before base64. Passport's own .NET sample
/// does not form-encode the id and the secret. So the encoded and the unencoded form are both
/// accepted. For the characters that Passport documents for ids and secrets, both forms are the
/// same.
fn basic_client(registry: &Registry, id: &str, secret: &str) -> Result<AuthenticatedClient, OAuthError> {
    let decoded = registry.authenticate(&form_decoded(id), &form_decoded(secret));
    let client = decoded.or_else(|| registry.authenticate(id, secret));
    client.ok_or(OAuthError::INVALID_CLIENT)
}

/// Parses the value of a `Basic` authorization header. Returns the client id and the secret, or
/// `None` if the value is malformed or has another scheme.
fn decode_basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// Decodes a text in the encoding of HTML forms: `+` is a blank, and `%XX` is a byte.
fn form_decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests;
