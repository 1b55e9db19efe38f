//! Parses the form and the `Authorization` header of token requests at `/passport/token`.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, StatusCode, header};
use percent_encoding::percent_decode_str;

use crate::error::ErrorResponse;

/// The parameters of a token request of an OAuth2 client.
pub(super) struct TokenForm {
    pub(super) client_id: String,
    /// The possible values of the caller token, which the client sends as its client secret. Empty
    /// if the client sends no secret. A Basic header results in two values, because some clients
    /// percent-encode the secret in this header, and others do not.
    pub(super) caller_tokens: Vec<String>,
    pub(super) scope: Option<String>,
}

/// Checks that `Content-Type` says that the body is a form.
///
/// # Errors
/// Returns a 400 if the request has another content type, or none.
pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), ErrorResponse> {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if is_form {
        Ok(())
    } else {
        Err(ErrorResponse::invalid("expected Content-Type: application/x-www-form-urlencoded"))
    }
}

/// Parses a form. `basic` contains the client id and the client secret of a Basic header. If
/// `basic` is `None`, they are parameters of the form ([RFC 6749, section
/// 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
///
/// # Errors
/// Returns a 400 in these cases:
/// - a parameter is repeated;
/// - `grant_type` is missing, or is not `client_credentials`;
/// - the client id is missing;
/// - `client_id` of the form differs from the client id of the Basic header.
pub(super) fn parse(basic: Option<BasicCredentials>, body: &[u8]) -> Result<TokenForm, ErrorResponse> {
    let mut form = BTreeMap::new();
    for (key, value) in form_urlencoded::parse(body) {
        // A repeated parameter is rejected, because another server could use the other value.
        if form.insert(key.into_owned(), value.into_owned()).is_some() {
            return Err(ErrorResponse::invalid("repeated parameter: send each one once"));
        }
    }
    if form.get("grant_type").is_none_or(|grant| grant != "client_credentials") {
        return Err(ErrorResponse::new(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "unsupported grant_type: expected client_credentials",
        ));
    }
    let form_id = form.remove("client_id");
    let (client_id, mut caller_tokens) = match (basic, form_id) {
        (Some((id, _)), Some(other)) if id != other => {
            return Err(ErrorResponse::invalid(
                "client_id of the form differs from that of the Authorization header: send the same, or one",
            ));
        }
        (Some((id, tokens)), _) => (id, tokens.to_vec()),
        (None, Some(id)) => (id, form.remove("client_secret").into_iter().collect()),
        (None, None) => {
            return Err(ErrorResponse::invalid(
                "missing client_id: send the name or the client id of an identity",
            ));
        }
    };
    caller_tokens.retain(|token| !token.is_empty());
    Ok(TokenForm { client_id, caller_tokens, scope: form.remove("scope") })
}

/// The client id, and the two possible values of the client secret: with and without
/// percent-decoding.
pub(super) type BasicCredentials = (String, [String; 2]);

/// Parses the value of an `Authorization` header as Basic credentials.
///
/// # Errors
/// Returns a 400 if the value has another scheme, is malformed, or lacks the client id or the
/// client secret.
pub(super) fn basic_credentials(value: &[u8]) -> Result<BasicCredentials, ErrorResponse> {
    let invalid =
        || ErrorResponse::invalid("expected a Basic Authorization header with client id and secret");
    let text = std::str::from_utf8(value).map_err(|_| invalid())?;
    let (scheme, encoded) = text.split_once(' ').ok_or_else(invalid)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(invalid());
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).map_err(|_| invalid())?;
    let decoded = String::from_utf8(decoded).map_err(|_| invalid())?;
    let (id, secret) = decoded.split_once(':').ok_or_else(invalid)?;
    let plain = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(Cow::into_owned)
    };
    let decoded_secret = plain(secret).unwrap_or_default();
    Ok((plain(id).map_err(|_| invalid())?, [decoded_secret, secret.to_owned()]))
}

#[cfg(test)]
mod tests;
