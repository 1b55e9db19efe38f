use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, StatusCode, header};
use percent_encoding::percent_decode_str;

use crate::error::ErrorResponse;

/// A token request of an OAuth2 client.
pub(super) struct TokenForm {
    pub(super) client_id: String,
    /// Readings of the caller's token, which a client sends as its secret. In a Basic header some
    /// clients encode it, and others do not.
    pub(super) caller_tokens: Vec<String>,
    pub(super) scope: Option<String>,
}

pub(super) fn check_content_type(headers: &HeaderMap) -> Result<(), ErrorResponse> {
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if is_form {
        Ok(())
    } else {
        Err(ErrorResponse::invalid("send a form: application/x-www-form-urlencoded"))
    }
}

/// Parses a form. Client id and secret are in a Basic header or in the form
/// ([RFC 6749, section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
pub(super) fn parse(basic: Option<BasicCredentials>, body: &[u8]) -> Result<TokenForm, ErrorResponse> {
    let mut form = BTreeMap::new();
    for (key, value) in form_urlencoded::parse(body) {
        // Another recipient could read the other value.
        if form.insert(key.into_owned(), value.into_owned()).is_some() {
            return Err(ErrorResponse::invalid("a parameter is there twice"));
        }
    }
    if form.get("grant_type").is_none_or(|grant| grant != "client_credentials") {
        return Err(ErrorResponse::new(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            "grant_type is client_credentials here",
        ));
    }
    let of_the_form = form.remove("client_id");
    let (client_id, mut caller_tokens) = match (basic, of_the_form) {
        (Some((id, _)), Some(other)) if id != other => {
            return Err(ErrorResponse::invalid("client_id is one in the form and another in the header"));
        }
        (Some((id, tokens)), _) => (id, tokens.to_vec()),
        (None, Some(id)) => (id, form.remove("client_secret").into_iter().collect()),
        (None, None) => return Err(ErrorResponse::invalid("client_id is missing: which identity is it?")),
    };
    caller_tokens.retain(|token| !token.is_empty());
    Ok(TokenForm { client_id, caller_tokens, scope: form.remove("scope") })
}

/// The client id, and both readings of its secret.
pub(super) type BasicCredentials = (String, [String; 2]);

pub(super) fn basic_credentials(value: &[u8]) -> Result<BasicCredentials, ErrorResponse> {
    let wrong = || ErrorResponse::invalid("the Authorization header is not Basic with id and secret");
    let text = std::str::from_utf8(value).map_err(|_| wrong())?;
    let (scheme, encoded) = text.split_once(' ').ok_or_else(wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).map_err(|_| wrong())?;
    let decoded = String::from_utf8(decoded).map_err(|_| wrong())?;
    let (id, secret) = decoded.split_once(':').ok_or_else(wrong)?;
    let plain = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(Cow::into_owned)
    };
    let read = plain(secret).unwrap_or_default();
    Ok((plain(id).map_err(|_| wrong())?, [read, secret.to_owned()]))
}

#[cfg(test)]
mod tests;
