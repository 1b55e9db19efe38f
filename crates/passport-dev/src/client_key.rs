//! Key pairs for client authentication with `private_key_jwt`. With this method, an identity
//! signs an assertion instead of sending a secret.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa::{KeyPair as RsaKeyPair, KeySize},
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
        RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};

/// The kind of key with which an identity signs its assertions (`private_key_jwt`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientKeyKind {
    /// RSA with 2048 bits, for RS256 and PS256.
    Rsa,
    /// ECDSA on the curve P-256, for ES256.
    P256,
}

/// The public key that verifies the assertions of an identity.
#[derive(Clone, Debug)]
pub(crate) struct ClientKey {
    kind: ClientKeyKind,
    /// The public key as DER (`SubjectPublicKeyInfo`).
    public: Vec<u8>,
}

impl ClientKey {
    /// Generates a key pair. Returns the public key, and the private key as PEM (PKCS#8).
    pub(crate) fn generate(kind: ClientKeyKind) -> (Self, String) {
        let (private, public) = match kind {
            ClientKeyKind::Rsa => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect(RANDOMNESS);
                let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).expect(ENCODING).as_ref().to_vec();
                (private, pair.public_key().as_der())
            }
            ClientKeyKind::P256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect(RANDOMNESS);
                (pair.to_pkcs8v1().expect(ENCODING).as_ref().to_vec(), pair.public_key().as_der())
            }
        };
        let public: PublicKeyX509Der<'_> = public.expect(ENCODING);
        (Self { kind, public: public.as_ref().to_vec() }, pem(&private))
    }

    /// Returns whether `signature` is the signature of `message` by this key with `algorithm`.
    /// `algorithm` is a JOSE name such as `RS256`. Returns false if `algorithm` does not belong to
    /// the kind of this key.
    pub(crate) fn verifies(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let verification: &dyn VerificationAlgorithm = match (self.kind, algorithm) {
            (ClientKeyKind::Rsa, "RS256") => &RSA_PKCS1_2048_8192_SHA256,
            (ClientKeyKind::Rsa, "PS256") => &RSA_PSS_2048_8192_SHA256,
            (ClientKeyKind::P256, "ES256") => &ECDSA_P256_SHA256_FIXED,
            _ => return false,
        };
        UnparsedPublicKey::new(verification, &self.public).verify(message, signature).is_ok()
    }
}

/// The panic message if a key cannot be generated.
const RANDOMNESS: &str = "the operating system provides randomness";
/// The panic message if a generated key cannot be encoded.
const ENCODING: &str = "a generated key can be encoded";

/// Encodes a private key as PEM, in lines of 64 characters
/// ([RFC 7468, section 10](https://www.rfc-editor.org/rfc/rfc7468#section-10)).
fn pem(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n");
    ["-----BEGIN PRIVATE KEY-----\n", &lines.collect::<String>(), "-----END PRIVATE KEY-----\n"].concat()
}
