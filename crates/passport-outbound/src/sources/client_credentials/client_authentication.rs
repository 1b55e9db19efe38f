//! The client authentication methods, and the parameters that each adds to a token request.

use std::time::SystemTime;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderValue;
use passport_core::{ClientId, Secret};
use url::Url;
use zeroize::Zeroizing;

use super::{
    assertion::{self, PrivateKeyJwt},
    form::{Form, form_encoded},
};
use crate::token::{FetchFailure, TokenErrorKind};

/// The value of `client_assertion_type` for JWT assertions ([RFC 7523, section
/// 2.2](https://www.rfc-editor.org/rfc/rfc7523#section-2.2)).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The method of client authentication at the token endpoint ([RFC 6749, section
/// 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// Sends client id and secret in a Basic header. Both are form-encoded first, as the RFC
    /// requires. The encoding does not change the characters of Passport's own ids and secrets.
    ClientSecretBasic,
    /// Sends client id and secret in a Basic header without form-encoding, for servers that do not
    /// decode the client id and the secret. `build()` rejects a client id with a colon.
    ClientSecretBasicRaw,
    /// Sends client id and secret in the body of the token request.
    ClientSecretPost,
    /// Sends an assertion that is signed with a private key, instead of a secret. The client secret
    /// of the identity has to be the private key as PEM (PKCS#8). The private key itself is never
    /// sent. Each assertion is valid for one request and one minute ([RFC
    /// 7523](https://www.rfc-editor.org/rfc/rfc7523)).
    PrivateKeyJwt(PrivateKeyJwt),
}

impl ClientAuthentication {
    /// Returns the kind of the credential: a private key or a secret. The kind is a part of the
    /// [`TokenKey`](crate::TokenKey): instances of a service with different kinds of credentials
    /// share no tokens.
    pub(crate) fn credential(&self) -> &'static str {
        match self {
            Self::PrivateKeyJwt(_) => "private_key_jwt",
            Self::ClientSecretBasic | Self::ClientSecretBasicRaw | Self::ClientSecretPost => "client_secret",
        }
    }

    /// Returns what to check when the issuer rejects a client that uses this method.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Self::ClientSecretBasic => {
                "that the issuer accepts client_secret_basic (else set client_authentication = \
                 client_secret_post)"
            }
            Self::ClientSecretBasicRaw => {
                "that the issuer accepts client_secret_basic_raw (else set client_authentication = \
                 client_secret_basic)"
            }
            Self::ClientSecretPost => {
                "that the issuer accepts client_secret_post (else set client_authentication = \
                 client_secret_basic)"
            }
            Self::PrivateKeyJwt(_) => "that the issuer accepts private_key_jwt and has this public key",
        }
    }
}

impl From<PrivateKeyJwt> for ClientAuthentication {
    fn from(settings: PrivateKeyJwt) -> Self {
        Self::PrivateKeyJwt(settings)
    }
}

/// What an OAuth2 client needs to authenticate: client id, credential, and authentication
/// method.
#[derive(Clone, Copy)]
pub(super) struct ClientProof<'a> {
    pub(super) method: &'a ClientAuthentication,
    pub(super) client_id: &'a ClientId,
    /// The client secret, or the private key as PEM.
    pub(super) secret: &'a Secret,
    pub(super) token_url: &'a Url,
}

impl ClientProof<'_> {
    /// Adds the fields of the method to `form`. For the Basic methods, returns the `Authorization`
    /// header instead and adds no fields. Returns `None` for the other methods.
    pub(super) fn add_to(
        &self,
        form: &mut Form,
        now: SystemTime,
    ) -> Result<Option<HeaderValue>, FetchFailure> {
        let (id, secret) = (self.client_id.as_str(), self.secret.expose());
        match self.method {
            ClientAuthentication::ClientSecretBasic => {
                return basic(&form_encoded(id), &form_encoded(secret)).map(Some);
            }
            ClientAuthentication::ClientSecretBasicRaw => return basic(id, secret).map(Some),
            ClientAuthentication::ClientSecretPost => {
                form.push("client_id", id);
                form.push("client_secret", secret);
            }
            ClientAuthentication::PrivateKeyJwt(settings) => {
                let token_url = self.token_url.as_str();
                let assertion = assertion::signed(settings, self.client_id, token_url, self.secret, now)
                    .map_err(|error| {
                        FetchFailure::of(TokenErrorKind::SecretUnavailable).with_source(error)
                    })?;
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
fn basic(id: &str, secret: &str) -> Result<HeaderValue, FetchFailure> {
    let pair = Zeroizing::new([id, secret].join(":"));
    let pair = Zeroizing::new(BASE64_STANDARD.encode(pair.as_str()));
    let header = Zeroizing::new(["Basic ", pair.as_str()].concat());
    let mut value = HeaderValue::from_str(&header)
        .map_err(|error| FetchFailure::of(TokenErrorKind::SecretUnavailable).with_source(error))?;
    value.set_sensitive(true);
    Ok(value)
}
