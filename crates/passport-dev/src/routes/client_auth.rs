//! `client_secret_basic` and `client_secret_post`
//! ([RFC 6749, section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)), or a signed assertion in their place.

use axum::http::{HeaderMap, header};
use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::percent_decode_str;

use super::{OAuthError, assertion, form::Form};
use crate::{registry::Registry, shared::Shared};

/// Who asks, and with which of its secrets.
pub(super) struct Client {
    pub(super) client_id: String,
    pub(super) secret_id: String,
}

pub(super) fn authenticate(
    shared: &Shared,
    registry: &mut Registry,
    headers: &HeaderMap,
    form: &Form,
) -> Result<Client, OAuthError> {
    let basic = headers.get(header::AUTHORIZATION).map(|value| value.to_str().ok().and_then(decode_basic));
    let (secret, assertion) = (form.get("client_secret"), form.get("client_assertion"));
    match (basic, secret, assertion) {
        // RFC 6749 wants id and secret form-encoded before base64; Passport's own .NET sample sends them raw. For
        // the documented alphabets the two are the same; for others, either is accepted.
        (Some(Some((id, secret))), None, None) => known(registry, &form_decoded(&id), &form_decoded(&secret))
            .or_else(|_| known(registry, &id, &secret)),
        (None, Some(secret), None) => known(registry, form.get("client_id").unwrap_or_default(), secret),
        (None, None, Some(assertion)) => assertion::authenticate(shared, registry, form, assertion),
        (Some(None) | None, None, None) => Err(OAuthError::INVALID_CLIENT),
        _ => Err(OAuthError::invalid_request("use one client authentication method, not two")),
    }
}

fn known(registry: &Registry, client_id: &str, secret: &str) -> Result<Client, OAuthError> {
    let (identity, secret_id) = registry.authenticate(client_id, secret).ok_or(OAuthError::INVALID_CLIENT)?;
    Ok(Client { client_id: identity.client_id.clone(), secret_id })
}

fn decode_basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

fn form_decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_form_decoded() {
        assert_eq!(form_decoded("a%2Bb%3Ac+d"), "a+b:c d");
        assert_eq!(form_decoded("mics_sk_plain"), "mics_sk_plain");
    }

    #[test]
    fn only_well_formed_basic_headers_are_read() {
        assert_eq!(decode_basic("Basic aWQ6c2VjcmV0"), Some(("id".to_owned(), "secret".to_owned())));
        for header in ["Basic", "Bearer aWQ6c2VjcmV0", "Basic ???", "Basic aWQ="] {
            assert_eq!(decode_basic(header), None, "{header}");
        }
    }
}
