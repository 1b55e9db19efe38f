//! Builds a request in which a client authenticates, such as a token request.

use std::time::SystemTime;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use url::Url;
use zeroize::Zeroizing;

use super::{
    assertion,
    error::ClientAuthenticationError,
    form::{Form, form_encoded},
    method::ClientAuthentication,
};
use crate::{ClientId, Secret, request_to};

/// The value of `client_assertion_type` for JWT assertions ([RFC 7523, section
/// 2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What an OAuth2 client needs to authenticate: client id, credential, and authentication
/// method.
///
/// ```
/// use std::time::SystemTime;
///
/// use passport_core::{ClientAuthentication, ClientProof, Form, Secret};
///
/// let url = "https://passport.bizfirst.ai/passport/token".parse()?;
/// let proof = ClientProof {
///     method: &ClientAuthentication::ClientSecretPost,
///     client_id: &"mi-payroll".parse()?,
///     secret: &Secret::new("s3cret"),
///     audience: "https://passport.bizfirst.ai/passport/token",
/// };
/// let form = Form::of("grant_type", "client_credentials");
/// let request = proof.request(&url, form, SystemTime::UNIX_EPOCH)?;
/// assert_eq!(
///     request.body(),
///     "grant_type=client_credentials&client_id=mi-payroll&client_secret=s3cret"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ClientProof<'a> {
    /// The authentication method.
    pub method: &'a ClientAuthentication,
    /// The client id.
    pub client_id: &'a ClientId,
    /// The client secret, or the private key as PEM (PKCS#8).
    pub secret: &'a Secret,
    /// The audience (`aud`) of an assertion, unless
    /// [`PrivateKeyJwt::audience`](super::PrivateKeyJwt::audience) sets another one. In a token
    /// request, the audience is the token URL.
    pub audience: &'a str,
}

impl ClientProof<'_> {
    /// Builds a `POST` request to `url` with the fields of `form` and the authentication of the
    /// client at the time `now`.
    ///
    /// - The body is zeroized when its last clone is dropped. An `Authorization` header is marked
    ///   sensitive.
    /// - The accepted response type is JSON.
    /// - An assertion is valid for one request, so each retry needs a new request.
    ///
    /// # Errors
    /// - [`PrivateKey`](ClientAuthenticationError::PrivateKey) when the method is `PrivateKeyJwt`
    ///   and the secret is not a private key for its algorithm.
    /// - [`Url`](ClientAuthenticationError::Url) when the URL cannot be used in an HTTP request.
    pub fn request(
        &self,
        url: &Url,
        mut form: Form,
        now: SystemTime,
    ) -> Result<Request<Bytes>, ClientAuthenticationError> {
        let authorization = self.add_to(&mut form, now)?;
        let mut request = request_to(url, form.into_bytes())?;
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    /// Adds the fields of the method to `form`. For the Basic methods, returns the `Authorization`
    /// header instead and adds no fields. Returns `None` for the other methods.
    fn add_to(
        &self,
        form: &mut Form,
        now: SystemTime,
    ) -> Result<Option<HeaderValue>, ClientAuthenticationError> {
        let (id, secret) = (self.client_id.as_str(), self.secret.expose());
        match self.method {
            ClientAuthentication::ClientSecretBasic => {
                return Ok(Some(basic(&form_encoded(id), &form_encoded(secret))));
            }
            ClientAuthentication::ClientSecretBasicRaw => return Ok(Some(basic(id, secret))),
            ClientAuthentication::ClientSecretPost => {
                form.push("client_id", id);
                form.push("client_secret", secret);
            }
            ClientAuthentication::PrivateKeyJwt(settings) => {
                let assertion = assertion::signed(settings, self.client_id, self.audience, self.secret, now)?;
                form.push("client_id", id);
                form.push("client_assertion_type", ASSERTION_TYPE);
                form.push("client_assertion", &assertion);
            }
        }
        Ok(None)
    }
}

/// Returns a Basic `Authorization` header. For `client_secret_basic`, the caller has
/// form-encoded `id` and `secret` as [RFC 6749, section
/// 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1) requires.
fn basic(id: &str, secret: &str) -> HeaderValue {
    let pair = Zeroizing::new([id, secret].join(":"));
    let pair = Zeroizing::new(BASE64_STANDARD.encode(pair.as_str()));
    let header = Zeroizing::new(["Basic ", pair.as_str()].concat());
    let mut value = HeaderValue::from_str(&header).expect("base64 is valid in a header");
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests;
