//! `private_key_jwt`: client authentication with a signed JWT assertion
//! ([RFC 7523, sections 2.2 and 3](https://www.rfc-editor.org/rfc/rfc7523#section-3)).

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::{self, SystemRandom},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
        RsaKeyPair,
    },
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::json;
use zeroize::Zeroizing;

use crate::{ClientId, Secret};

/// The settings of
/// [`ClientAuthentication::PrivateKeyJwt`](super::ClientAuthentication::PrivateKeyJwt), the
/// client authentication with a signed assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateKeyJwt {
    algorithm: SigningAlgorithm,
    key_id: Option<String>,
    audience: Option<String>,
}

/// The signature algorithm of an assertion ([RFC 7518, section
/// 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// RSA PKCS#1 v1.5 with SHA-256. The key must have at least 2048 bits.
    Rs256,
    /// RSA PSS with SHA-256. The key must have at least 2048 bits.
    Ps256,
    /// ECDSA on the curve P-256 with SHA-256.
    Es256,
}

impl PrivateKeyJwt {
    /// Creates settings for assertions that are signed with `algorithm`. By default, the assertions
    /// have no key id, and the audience in a token request is the token URL.
    #[must_use]
    pub const fn new(algorithm: SigningAlgorithm) -> Self {
        Self { algorithm, key_id: None, audience: None }
    }

    /// Sets the key id (`kid`) in the header of the assertion. Passport uses the key id to select
    /// the public key. Defaults to no key id.
    #[must_use]
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.key_id = Some(key_id.into());
        self
    }

    /// Sets the audience (`aud`) of the assertion. Defaults to the token URL in a token request,
    /// and otherwise to [`ClientProof::audience`](super::ClientProof::audience). Some servers
    /// require the server's issuer URL instead.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }
}

/// The lifetime of an assertion. It is long enough for a slow request and for clock skew.
const LIFETIME: Duration = Duration::from_secs(60);

/// The minimum size of an RSA key ([RFC 7518, section
/// 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)).
const MIN_RSA_BITS: usize = 2048;

/// The error for a client secret that is not a usable private key. The message quotes no part
/// of the key. `Display` and `Debug` are the same message.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid private key: {0}")]
pub struct InvalidPrivateKey(&'static str);

/// Prints the same message as `Display`, because Rust prints the `Debug` output of an error that
/// `main` returns.
impl fmt::Debug for InvalidPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Creates and signs an assertion that authenticates `client_id` in one request. `audience`
/// is used unless `settings` has an audience.
pub(super) fn signed(
    settings: &PrivateKeyJwt,
    client_id: &ClientId,
    audience: &str,
    key: &Secret,
    now: SystemTime,
) -> Result<Zeroizing<String>, InvalidPrivateKey> {
    let key = SigningKey::read(key.expose(), settings.algorithm)?;
    let issued_at = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut header = json!({ "alg": settings.algorithm.name(), "typ": "JWT" });
    if let Some(key_id) = &settings.key_id {
        header["kid"] = key_id.as_str().into();
    }
    let claims = json!({
        "iss": client_id.as_str(),
        "sub": client_id.as_str(),
        "aud": settings.audience.as_deref().unwrap_or(audience),
        "jti": random_id()?,
        "iat": issued_at.as_secs(),
        "exp": (issued_at + LIFETIME).as_secs(),
    });
    let encoded = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
    let mut assertion =
        Zeroizing::new(format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string())));
    let signature = key.sign(assertion.as_bytes())?;
    assertion.push('.');
    assertion.push_str(&BASE64_URL_SAFE_NO_PAD.encode(signature));
    Ok(assertion)
}

/// Returns a random id (`jti`) for an assertion. By this id, the server detects and rejects an
/// assertion that is sent twice.
fn random_id() -> Result<String, InvalidPrivateKey> {
    let mut random = [0; 16];
    rand::fill(&mut random).map_err(|_| InvalidPrivateKey("no random numbers from the operating system"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random))
}

/// A private key and its algorithm.
enum SigningKey {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
}

impl SigningKey {
    /// Parses a PEM text with a PKCS#8 private key.
    fn read(pem: &str, algorithm: SigningAlgorithm) -> Result<Self, InvalidPrivateKey> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map(Zeroizing::new).map_err(|_| {
            InvalidPrivateKey(
                "expected PEM with a `PRIVATE KEY` (PKCS#8); convert it with `openssl pkcs8 -topk8 -nocrypt`",
            )
        })?;
        let der = der.secret_pkcs8_der();
        match algorithm {
            SigningAlgorithm::Rs256 => Self::rsa(der, &RSA_PKCS1_SHA256),
            SigningAlgorithm::Ps256 => Self::rsa(der, &RSA_PSS_SHA256),
            SigningAlgorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
                .map(Self::Ec)
                .map_err(|_| InvalidPrivateKey("not a key on the curve P-256, which ES256 requires")),
        }
    }

    fn rsa(der: &[u8], encoding: &'static dyn RsaEncoding) -> Result<Self, InvalidPrivateKey> {
        let pair = RsaKeyPair::from_pkcs8(der)
            .map_err(|_| InvalidPrivateKey("not an RSA key of at least 2048 bits"))?;
        if pair.public_modulus_len() * 8 < MIN_RSA_BITS {
            return Err(InvalidPrivateKey("not an RSA key of at least 2048 bits"));
        }
        Ok(Self::Rsa(pair, encoding))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, InvalidPrivateKey> {
        let failed = |_| InvalidPrivateKey("signing failed; check that the key is intact");
        match self {
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Self::Ec(pair) => Ok(pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec()),
        }
    }
}

impl SigningAlgorithm {
    /// Returns the value of `alg` in the header of an assertion.
    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
        }
    }
}

#[cfg(test)]
mod tests;
