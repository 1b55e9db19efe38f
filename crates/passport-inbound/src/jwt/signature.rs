//! Verifies signatures. No other file uses the cryptographic library to verify signatures.
//!
//! This file uses aws-lc-rs directly instead of a JWT library, for two reasons:
//! - A key is parsed once, when it is first published, instead of for each request.
//! - There is no process-wide crypto provider that could be missing or installed twice.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::jwt::algorithm::Algorithm;

/// The accepted sizes of RSA keys, in bits. [RFC 7518, section
/// 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3) requires the lower bound. The upper
/// bound limits the processor time of a verification.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The numbers of a public key in base64url, as a key set contains them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Material {
    Rsa { n: String, e: String },
    P256 { x: String, y: String },
    Ed25519 { x: String },
}

/// A parsed public key that verifies signatures of one algorithm.
#[derive(Debug)]
pub(crate) struct VerifyingKey(ParsedPublicKey);

impl VerifyingKey {
    /// Parses a key for `algorithm`. Returns `None` if the key
    /// - is malformed,
    /// - is not for this algorithm,
    /// - has a size that is not accepted, or
    /// - is so weak that anyone can forge its signatures.
    pub(crate) fn new(material: &Material, algorithm: Algorithm) -> Option<Self> {
        match (algorithm, material) {
            (Algorithm::Rs256, Material::Rsa { n, e }) => from_rsa(n, e, &RSA_PKCS1_2048_8192_SHA256),
            (Algorithm::Ps256, Material::Rsa { n, e }) => from_rsa(n, e, &RSA_PSS_2048_8192_SHA256),
            (Algorithm::Es256, Material::P256 { x, y }) => {
                let [x, y] = [coordinate(x)?, coordinate(y)?];
                // The uncompressed point of SEC 1, section 2.3.3.
                parsed(&ECDSA_P256_SHA256_FIXED, &[&[4][..], &x, &y].concat())
            }
            (Algorithm::EdDsa, Material::Ed25519 { x }) => {
                let point = coordinate(x).filter(|point| !has_small_order(point))?;
                parsed(&ED25519, &point)
            }
            _ => None,
        }
    }

    /// Returns whether `signature` is a valid signature of `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// Parses an RSA key. Returns `None` if the key is malformed, or if its size or its exponent is
/// not accepted.
fn from_rsa(n: &str, e: &str, algorithm: &'static RsaParameters) -> Option<VerifyingKey> {
    let n = unsigned(n)?;
    let e = unsigned(e)?;
    let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
    let sane_exponent = e.len() <= 4 && e.last()? % 2 == 1 && e != [1];
    let is_odd = n.last()? % 2 == 1;
    if !MODULUS_BITS.contains(&bits) || !is_odd || !sane_exponent {
        return None;
    }
    let components = RsaPublicKeyComponents { n, e };
    components.to_parsed_public_key(algorithm).ok().map(VerifyingKey)
}

/// Parses the encoded key with the cryptographic library. Returns `None` if the library rejects
/// the key.
fn parsed(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> Option<VerifyingKey> {
    ParsedPublicKey::new(algorithm, key).ok().map(VerifyingKey)
}

/// The y coordinates of the Ed25519 points of small order, little-endian. One point each has the
/// order 1 and 2, two points have the order 4, and four have the order 8. The top bit, which is
/// the sign of x, is zero.
const SMALL_ORDER: [[u8; 32]; 5] = [
    // 0
    [0; 32],
    // 1
    [0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    // p - 1
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// Returns whether the point has a small order, so that anyone can make signatures that are
/// valid for the point, without a private key. Also returns `true` for a y of p or more ([RFC
/// 8032, section 5.1.3](https://www.rfc-editor.org/rfc/rfc8032#section-5.1.3)): such an encoding
/// is not canonical, and can be another encoding of a point of small order.
fn has_small_order(point: &[u8]) -> bool {
    let Some((top, rest)) = point.split_last() else { return true };
    let top = top & 0x7f;
    let is_beyond_p = top == 0x7f && rest[0] >= 0xed && rest[1..].iter().all(|byte| *byte == 0xff);
    is_beyond_p || SMALL_ORDER.iter().any(|point| point[31] == top && point[..31] == *rest)
}

/// Decodes a big-endian number. Removes leading zeros, which some servers send. Returns `None`
/// if the text is not base64url, or if the number is zero.
fn unsigned(text: &str) -> Option<Vec<u8>> {
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    (!bytes.is_empty()).then_some(bytes)
}

/// Decodes a coordinate of a point, which must have the full length of 32 bytes ([RFC 7518,
/// section 6.2.1.2](https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.2)). Otherwise returns
/// `None`.
fn coordinate(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests;
