//! The methods of client authentication.

use super::assertion::PrivateKeyJwt;

/// The method of client authentication at an endpoint of an issuer, such as the token endpoint
/// ([RFC 6749, section 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// Sends client id and secret in a Basic header. Both are form-encoded first, as the RFC
    /// requires. The encoding does not change the characters of Passport's own ids and secrets.
    ClientSecretBasic,
    /// Sends client id and secret in a Basic header without form-encoding, for servers that do not
    /// decode the client id and the secret. `build()` rejects a client id with a colon.
    ClientSecretBasicRaw,
    /// Sends client id and secret in the body of the request.
    ClientSecretPost,
    /// Sends an assertion that is signed with a private key, instead of a secret. The client secret
    /// has to be the private key as PEM (PKCS#8). The private key itself is never sent. Each
    /// assertion is valid for one request and one minute ([RFC
    /// 7523](https://www.rfc-editor.org/rfc/rfc7523)).
    PrivateKeyJwt(PrivateKeyJwt),
}

impl ClientAuthentication {
    /// Returns the kind of the credential: `private_key_jwt` or `client_secret`.
    #[must_use]
    pub fn credential_kind(&self) -> &'static str {
        match self {
            Self::PrivateKeyJwt(_) => "private_key_jwt",
            Self::ClientSecretBasic | Self::ClientSecretBasicRaw | Self::ClientSecretPost => "client_secret",
        }
    }

    /// Returns what to check when the issuer rejects a client that uses this method.
    ///
    /// The text completes the sentence "check ..".
    #[must_use]
    pub fn remedy(&self) -> &'static str {
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

#[cfg(test)]
mod tests;
