//! The only file that knows how a signature is verified.
//!
//! aws-lc-rs directly, not through jsonwebtoken: a key is parsed once, when it is first published, instead of at each
//! request, and no process-wide crypto provider can be missing or doubled.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, RSAKeyParameters};

use crate::algorithm::Algorithm;

/// The sizes of RSA keys that are used, in bits
/// ([RFC 7518, section 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3) demands the lower bound; the upper one
/// keeps a hostile key from burning the CPU).
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A public key, ready to verify signatures of one algorithm.
#[derive(Debug)]
pub(crate) struct VerifyingKey(ParsedPublicKey);

impl VerifyingKey {
    /// `None` for a key that is malformed, of another kind than `algorithm` needs, too small, too large, or with an exponent
    /// that no sane key has.
    pub(crate) fn new(parameters: &AlgorithmParameters, algorithm: Algorithm) -> Option<Self> {
        match (algorithm, parameters) {
            (Algorithm::Rs256, AlgorithmParameters::RSA(rsa)) => from_rsa(rsa, &RSA_PKCS1_2048_8192_SHA256),
            (Algorithm::Ps256, AlgorithmParameters::RSA(rsa)) => from_rsa(rsa, &RSA_PSS_2048_8192_SHA256),
            (Algorithm::Es256, AlgorithmParameters::EllipticCurve(ec)) if ec.curve == EllipticCurve::P256 => {
                let [x, y] = [coordinate(&ec.x)?, coordinate(&ec.y)?];
                // The uncompressed point of SEC 1, section 2.3.3.
                parsed(&ECDSA_P256_SHA256_FIXED, &[&[4][..], &x, &y].concat())
            }
            (Algorithm::EdDsa, AlgorithmParameters::OctetKeyPair(okp))
                if okp.curve == EllipticCurve::Ed25519 =>
            {
                parsed(&ED25519, &coordinate(&okp.x)?)
            }
            _ => None,
        }
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

fn from_rsa(jwk: &RSAKeyParameters, algorithm: &'static RsaParameters) -> Option<VerifyingKey> {
    let n = unsigned(&jwk.n)?;
    let e = unsigned(&jwk.e)?;
    let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
    let sane_exponent = e.len() <= 4 && e.last()? % 2 == 1 && e != [1];
    if !MODULUS_BITS.contains(&bits) || !sane_exponent {
        return None;
    }
    let components = RsaPublicKeyComponents { n, e };
    components.to_parsed_public_key(algorithm).ok().map(VerifyingKey)
}

fn parsed(algorithm: &'static dyn VerificationAlgorithm, key: &[u8]) -> Option<VerifyingKey> {
    ParsedPublicKey::new(algorithm, key).ok().map(VerifyingKey)
}

/// A big-endian number; zeros in front, which some servers send, are taken off.
fn unsigned(text: &str) -> Option<Vec<u8>> {
    let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.drain(..zeros);
    (!bytes.is_empty()).then_some(bytes)
}

/// A coordinate of a point has its full length
/// ([RFC 7518, section 6.2.1.2](https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.2)).
fn coordinate(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
    };
    use jsonwebtoken::jwk::{EllipticCurveKeyParameters, OctetKeyPairParameters, OctetKeyPairType};

    use super::*;

    fn rsa(modulus_bytes: usize, exponent: &[u8]) -> AlgorithmParameters {
        let mut modulus = vec![0xc5; modulus_bytes];
        if let Some(last) = modulus.last_mut() {
            *last |= 1;
        }
        AlgorithmParameters::RSA(RSAKeyParameters {
            n: BASE64_URL_SAFE_NO_PAD.encode(modulus),
            e: BASE64_URL_SAFE_NO_PAD.encode(exponent),
            ..RSAKeyParameters::default()
        })
    }

    fn is_used(modulus_bytes: usize, exponent: &[u8]) -> bool {
        VerifyingKey::new(&rsa(modulus_bytes, exponent), Algorithm::Rs256).is_some()
    }

    #[test]
    fn an_rsa_key_of_2048_to_8192_bits_is_used() {
        assert!(is_used(256, &[1, 0, 1]));
        assert!(is_used(1024, &[1, 0, 1]));
    }

    #[test]
    fn small_huge_and_odd_rsa_keys_are_not_used() {
        for (modulus, exponent, what) in [
            (128, &[1, 0, 1][..], "1024 bits"),
            (255, &[1, 0, 1], "2040 bits"),
            (2048, &[1, 0, 1], "16384 bits"),
            (0, &[1, 0, 1], "no modulus"),
            (256, &[1], "exponent 1"),
            (256, &[2], "even exponent"),
            (256, &[0], "exponent 0"),
            (256, &[1; 5], "huge exponent"),
        ] {
            assert!(!is_used(modulus, exponent), "{what}");
        }
    }

    #[test]
    fn zeros_in_front_of_a_number_do_not_matter() {
        assert!(is_used(256, &[0, 0, 1, 0, 1]));
    }

    #[test]
    fn an_es256_key_verifies_its_signatures_and_no_zeros() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let jwk = |y: &[u8], curve| {
            AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
                curve,
                x: text(&point[1..33]),
                y: text(y),
                ..EllipticCurveKeyParameters::default()
            })
        };
        let key = VerifyingKey::new(&jwk(&point[33..], EllipticCurve::P256), Algorithm::Es256).unwrap();
        let signature = pair.sign(&SystemRandom::new(), b"message").unwrap();
        assert!(key.verifies(b"message", signature.as_ref()));
        assert!(!key.verifies(b"massage", signature.as_ref()));
        assert!(!key.verifies(b"message", &[0; 64]), "the psychic signature");
        for (jwk, algorithm) in [
            (jwk(&point[33..], EllipticCurve::P384), Algorithm::Es256),
            (jwk(&[0; 32], EllipticCurve::P256), Algorithm::Es256),
            (jwk(&point[34..], EllipticCurve::P256), Algorithm::Es256),
            (jwk(&point[33..], EllipticCurve::P256), Algorithm::Rs256),
        ] {
            assert!(VerifyingKey::new(&jwk, algorithm).is_none());
        }
    }

    #[test]
    fn an_ed25519_key_verifies_its_signatures() {
        let pair = Ed25519KeyPair::generate().unwrap();
        let jwk = |curve| {
            AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
                key_type: OctetKeyPairType::OctetKeyPair,
                curve,
                x: BASE64_URL_SAFE_NO_PAD.encode(pair.public_key()),
            })
        };
        let key = VerifyingKey::new(&jwk(EllipticCurve::Ed25519), Algorithm::EdDsa).unwrap();
        assert!(key.verifies(b"message", pair.sign(b"message").as_ref()));
        assert!(!key.verifies(b"message", &[0; 64]));
        assert!(VerifyingKey::new(&jwk(EllipticCurve::P256), Algorithm::EdDsa).is_none());
    }

    #[test]
    fn a_key_verifies_signatures_of_its_own_algorithm_only() {
        use aws_lc_rs::{
            rsa::KeySize,
            signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair},
        };
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = pair.public_key();
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let jwk = AlgorithmParameters::RSA(RSAKeyParameters {
            n: text(public.modulus().big_endian_without_leading_zero()),
            e: text(public.exponent().big_endian_without_leading_zero()),
            ..RSAKeyParameters::default()
        });
        let mut signature = vec![0; 256];
        for (scheme, algorithm, other) in [
            (&RSA_PKCS1_SHA256, Algorithm::Rs256, Algorithm::Ps256),
            (&RSA_PSS_SHA256, Algorithm::Ps256, Algorithm::Rs256),
        ] {
            pair.sign(scheme, &SystemRandom::new(), b"message", &mut signature).unwrap();
            assert!(VerifyingKey::new(&jwk, algorithm).unwrap().verifies(b"message", &signature));
            assert!(!VerifyingKey::new(&jwk, other).unwrap().verifies(b"message", &signature));
        }
    }
}
