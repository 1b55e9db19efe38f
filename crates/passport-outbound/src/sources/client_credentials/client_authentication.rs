//! The methods of client authentication.

/// The client authentication at the token endpoint ([RFC 6749, section
/// 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// The secret in a Basic header, form-encoded first as the RFC requires. That makes no
    /// difference for the characters of Passport's own ids and secrets.
    ClientSecretBasic,
    /// The secret in a Basic header without encoding, for servers that do not decode it. A client
    /// id with a colon is rejected.
    ClientSecretBasicRaw,
    /// The secret in the body.
    ClientSecretPost,
    /// An assertion that is signed with a private key instead of a secret: the reference of the
    /// secret leads to a PEM file (PKCS#8). The key is not sent; each assertion is valid for one
    /// request within a minute ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523)).
    PrivateKeyJwt(PrivateKeyJwt),
}

impl ClientAuthentication {
    /// Returns whether the client authenticates with a key or with a secret. In the key of a token,
    /// it is the same for all instances of a service.
    pub(crate) fn credential(&self) -> &'static str {
        match self {
            Self::PrivateKeyJwt(_) => "private_key_jwt",
            Self::ClientSecretBasic | Self::ClientSecretBasicRaw | Self::ClientSecretPost => "client_secret",
        }
    }

    /// Returns what to check when the issuer rejects a client that authenticates in this way.
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

/// The settings of [`ClientAuthentication::PrivateKeyJwt`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateKeyJwt {
    pub(super) algorithm: SigningAlgorithm,
    pub(super) key_id: Option<String>,
    pub(super) audience: Option<String>,
}

/// The algorithm of a signature ([RFC 7518, section
/// 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// RSA, PKCS#1 v1.5, SHA-256. For a key of 2048 bits or more.
    Rs256,
    /// RSA, PSS, SHA-256. For a key of 2048 bits or more.
    Ps256,
    /// ECDSA on P-256, SHA-256.
    Es256,
}

impl PrivateKeyJwt {
    /// Signs assertions with `algorithm`, for the token endpoint.
    #[must_use]
    pub fn new(algorithm: SigningAlgorithm) -> Self {
        Self { algorithm, key_id: None, audience: None }
    }

    /// Sets the key id (`kid`), so that Passport does not have to try all keys of the client.
    /// Defaults to none.
    #[must_use]
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// Sets the audience of the assertion (`aud`). Defaults to the token URL; some servers require
    /// their issuer.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }
}

impl From<PrivateKeyJwt> for ClientAuthentication {
    fn from(signed: PrivateKeyJwt) -> Self {
        Self::PrivateKeyJwt(signed)
    }
}
