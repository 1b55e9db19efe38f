use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use form_urlencoded::byte_serialize;
use http::{
    HeaderValue, Method, Request,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use passport_core::{ClientId, Scopes, Secret, TransportError, TransportErrorKind, request_to};
use url::Url;
use zeroize::Zeroizing;

/// A token request as Passport documents it: HTTP Basic, form body, `%20` between scopes.
pub(super) fn build(
    token_url: &Url,
    client_id: &ClientId,
    secret: &Secret,
    scopes: &Scopes,
) -> Result<Request<Bytes>, TransportError> {
    let body = format!("grant_type=client_credentials&scope={}", percent_encoded(&scopes.to_string()));
    let mut request = request_to(token_url, Bytes::from(body))?;
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, basic(client_id, secret)?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    Ok(request)
}

/// `client_secret_basic`: id and secret are form-encoded first
/// ([RFC 6749, section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)). For the alphabets of Passport's
/// own ids and secrets that changes nothing.
fn basic(client_id: &ClientId, secret: &Secret) -> Result<HeaderValue, TransportError> {
    let encoded = |text: &str| Zeroizing::new(byte_serialize(text.as_bytes()).collect::<String>());
    let (id, secret) = (encoded(client_id.as_str()), encoded(secret.expose()));
    let pair = Zeroizing::new([id.as_str(), secret.as_str()].join(":"));
    let pair = Zeroizing::new(BASE64_STANDARD.encode(pair.as_str()));
    let header = Zeroizing::new(["Basic ", pair.as_str()].concat());
    let mut value = HeaderValue::from_str(&header)
        .map_err(|error| TransportError::new(TransportErrorKind::Setup).caused_by(error))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Form encoding with `%20` for the blank, as every raw sample of Passport has it.
fn percent_encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(secret: &str) -> Request<Bytes> {
        let url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
        let client_id = "mi-payroll-scheduler-clientid".parse().unwrap();
        build(&url, &client_id, &Secret::new(secret), &Scopes::default()).unwrap()
    }

    #[test]
    fn the_request_is_the_documented_one_byte_for_byte() {
        let request = built("mics_sk_xxxxxxxxxxxxxxxxxxxxxxxx");
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "https://passport.bizfirst.ai/passport/token");
        assert_eq!(request.headers()[CONTENT_TYPE], "application/x-www-form-urlencoded");
        assert_eq!(
            request.headers()[AUTHORIZATION],
            "Basic bWktcGF5cm9sbC1zY2hlZHVsZXItY2xpZW50aWQ6bWljc19za194eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="
        );
        assert_eq!(request.body(), "grant_type=client_credentials&scope=openid%20roles");
    }

    #[test]
    fn odd_characters_of_a_secret_are_form_encoded_first() {
        let header = built("a+b:c %").headers()[AUTHORIZATION].clone();
        let decoded = BASE64_STANDARD.decode(&header.as_bytes()["Basic ".len()..]).unwrap();
        assert_eq!(decoded, b"mi-payroll-scheduler-clientid:a%2Bb%3Ac+%25");
    }

    #[test]
    fn the_credentials_are_marked_sensitive() {
        let request = built("mics_sk_hidden");
        assert!(request.headers()[AUTHORIZATION].is_sensitive());
        assert!(!format!("{request:?}").contains("bWk"));
    }
}
