//! The only file that knows how a signature is verified.
//!
//! aws-lc-rs directly, not through jsonwebtoken: a key is parsed once, when its set is installed, instead of at each
//! request, and no process-wide crypto provider can be missing or doubled.

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::RSAKeyParameters;

/// The sizes of RSA keys that are used, in bits
/// ([RFC 7518, section 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3) demands the lower bound; the upper one
/// keeps a hostile key from burning the CPU).
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// An RSA public key, ready to verify RS256.
#[derive(Debug)]
pub(crate) struct VerifyingKey(ParsedPublicKey);

impl VerifyingKey {
    /// `None` for a key that is malformed, too small, too large or has an exponent that no sane key has.
    pub(crate) fn from_jwk(jwk: &RSAKeyParameters) -> Option<Self> {
        let n = unsigned(&jwk.n)?;
        let e = unsigned(&jwk.e)?;
        let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
        let sane_exponent = e.len() <= 4 && e.last()? % 2 == 1 && e != [1];
        if !MODULUS_BITS.contains(&bits) || !sane_exponent {
            return None;
        }
        let components = RsaPublicKeyComponents { n, e };
        components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok().map(Self)
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

/// A big-endian number; zeros in front, which some servers send, are taken off.
fn unsigned(text: &str) -> Option<Vec<u8>> {
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(modulus_bytes: usize, exponent: &[u8]) -> Option<VerifyingKey> {
        let mut modulus = vec![0xc5; modulus_bytes];
        if let Some(last) = modulus.last_mut() {
            *last |= 1;
        }
        VerifyingKey::from_jwk(&RSAKeyParameters {
            n: BASE64_URL_SAFE_NO_PAD.encode(modulus),
            e: BASE64_URL_SAFE_NO_PAD.encode(exponent),
            ..RSAKeyParameters::default()
        })
    }

    #[test]
    fn a_key_of_2048_to_8192_bits_is_used() {
        assert!(key(256, &[1, 0, 1]).is_some());
        assert!(key(1024, &[1, 0, 1]).is_some());
    }

    #[test]
    fn small_huge_and_odd_keys_are_not_used() {
        assert!(key(128, &[1, 0, 1]).is_none(), "1024 bits");
        assert!(key(255, &[1, 0, 1]).is_none(), "2040 bits");
        assert!(key(2048, &[1, 0, 1]).is_none(), "16384 bits");
        assert!(key(0, &[1, 0, 1]).is_none(), "no modulus");
        assert!(key(256, &[1]).is_none(), "exponent 1");
        assert!(key(256, &[2]).is_none(), "even exponent");
        assert!(key(256, &[0]).is_none(), "exponent 0");
        assert!(key(256, &[1; 5]).is_none(), "huge exponent");
    }

    #[test]
    fn zeros_in_front_of_a_number_do_not_matter() {
        assert!(key(256, &[0, 0, 1, 0, 1]).is_some());
    }
}
