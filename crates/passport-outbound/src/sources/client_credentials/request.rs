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
use crate::token::{Failure, TokenErrorKind};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Who asks, and how that is proved.
#[derive(Clone, Copy)]
pub(super) struct Proof<'a> {
    pub(super) method: &'a ClientAuthentication,
    pub(super) client_id: &'a ClientId,
    /// Or the private key.
    pub(super) secret: &'a Secret,
    pub(super) token_url: &'a Url,
}

/// A token request as Passport documents it: a form, `%20` between scopes, and by default HTTP Basic.
pub(super) fn build(proof: &Proof<'_>, scopes: &Scopes, now: SystemTime) -> Result<Request<Bytes>, Failure> {
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
                .map_err(|error| Failure::of(TokenErrorKind::Secret).caused_by(error))?;
            push(&mut body, "client_id", id);
            push(&mut body, "client_assertion_type", ASSERTION_TYPE);
            push(&mut body, "client_assertion", &assertion);
        }
    }
    // Wiped when the request is gone, as far as it is ours.
    let mut request = request_to(proof.token_url, Bytes::from_owner(Body(body))).map_err(no_response)?;
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    if let Some(authorization) = authorization {
        headers.insert(AUTHORIZATION, authorization);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    Ok(request)
}

struct Body(Zeroizing<String>);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// `client_secret_basic`. By [RFC 6749, section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1) id and secret are
/// form-encoded first.
fn basic(id: &str, secret: &str) -> Result<HeaderValue, Failure> {
    let pair = Zeroizing::new([id, secret].join(":"));
    let pair = Zeroizing::new(BASE64_STANDARD.encode(pair.as_str()));
    let header = Zeroizing::new(["Basic ", pair.as_str()].concat());
    let mut value = HeaderValue::from_str(&header)
        .map_err(|error| Failure::of(TokenErrorKind::Secret).caused_by(error))?;
    value.set_sensitive(true);
    Ok(value)
}

fn form_encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(byte_serialize(text.as_bytes()).collect())
}

/// Adds a field to a form, with `%20` for the blank, as every raw sample of Passport has it.
fn push(body: &mut Zeroizing<String>, name: &str, value: &str) {
    let value = Zeroizing::new(form_encoded(value).replace('+', "%20"));
    // Grown at once, so that no part of a secret stays behind.
    let mut grown = Zeroizing::new(String::with_capacity(body.len() + name.len() + value.len() + 2));
    for part in [body.as_str(), "&", name, "=", &value] {
        grown.push_str(part);
    }
    *body = grown;
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn built_by(method: &ClientAuthentication, id: &str, secret: &str) -> Request<Bytes> {
        let token_url = "https://passport.bizfirst.ai/passport/token".parse().unwrap();
        let (client_id, secret) = (id.parse().unwrap(), Secret::new(secret));
        let proof = Proof { method, client_id: &client_id, secret: &secret, token_url: &token_url };
        build(&proof, &Scopes::default(), UNIX_EPOCH).unwrap()
    }

    fn built(secret: &str) -> Request<Bytes> {
        built_by(&ClientAuthentication::ClientSecretBasic, "mi-payroll-scheduler-clientid", secret)
    }

    fn shown(request: &Request<Bytes>) -> Vec<u8> {
        BASE64_STANDARD.decode(&request.headers()[AUTHORIZATION].as_bytes()["Basic ".len()..]).unwrap()
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
        assert_eq!(shown(&built("a+b:c %")), b"mi-payroll-scheduler-clientid:a%2Bb%3Ac+%25");
    }

    #[test]
    fn raw_means_as_it_is() {
        let request = built_by(&ClientAuthentication::ClientSecretBasicRaw, "mi-1", "a+b:c %\u{e9}");
        assert_eq!(shown(&request), "mi-1:a+b:c %\u{e9}".as_bytes());
    }

    #[test]
    fn a_posted_secret_is_in_the_body_and_nowhere_else() {
        let request = built_by(&ClientAuthentication::ClientSecretPost, "mi-1", "a+b:c %&=");
        assert!(!request.headers().contains_key(AUTHORIZATION));
        assert_eq!(
            request.body(),
            "grant_type=client_credentials&scope=openid%20roles&client_id=mi-1&client_secret=a%2Bb%3Ac%20%25%26%3D"
        );
    }

    #[test]
    fn the_credentials_are_marked_sensitive() {
        let request = built("mics_sk_hidden");
        assert!(request.headers()[AUTHORIZATION].is_sensitive());
        assert!(!format!("{request:?}").contains("bWk"));
    }
}
