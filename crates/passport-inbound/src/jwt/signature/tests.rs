use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};

use super::*;

fn text(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa(modulus_bytes: usize, exponent: &[u8]) -> Material {
    Material::Rsa { n: text(&vec![0xc5; modulus_bytes]), e: text(exponent) }
}

fn is_used(modulus_bytes: usize, exponent: &[u8]) -> bool {
    VerifyingKey::new(&rsa(modulus_bytes, exponent), Algorithm::Rs256).is_some()
}

#[test]
fn rsa_key_of_2048_to_8192_bits_is_accepted() {
    assert!(is_used(256, &[1, 0, 1]));
    assert!(is_used(1024, &[1, 0, 1]));
}

#[test]
fn rsa_key_of_invalid_size_or_exponent_is_rejected() {
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
fn even_rsa_modulus_is_rejected() {
    let even = Material::Rsa { n: text(&[0xc4; 256]), e: text(&[1, 0, 1]) };
    assert!(VerifyingKey::new(&even, Algorithm::Rs256).is_none());
}

#[test]
fn ed25519_points_of_small_order_are_rejected() {
    let mut weak: Vec<[u8; 32]> = SMALL_ORDER.to_vec();
    // The non-canonical encodings of 0 and 1, and the largest y.
    for first in [0xed, 0xee, 0xff] {
        let mut beyond_p = [0xff; 32];
        (beyond_p[0], beyond_p[31]) = (first, 0x7f);
        weak.push(beyond_p);
    }
    for mut point in weak {
        for sign in [0, 0x80] {
            point[31] = point[31] & 0x7f | sign;
            let key = Material::Ed25519 { x: text(&point) };
            assert!(VerifyingKey::new(&key, Algorithm::EdDsa).is_none(), "{point:x?}");
        }
    }
}

#[test]
fn leading_zeros_of_a_number_are_ignored() {
    assert!(is_used(256, &[0, 0, 1, 0, 1]));
}

#[test]
fn es256_key_verifies_its_signatures_and_no_zeros() {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let jwk = |y: &[u8]| Material::P256 { x: text(&point[1..33]), y: text(y) };
    let key = VerifyingKey::new(&jwk(&point[33..]), Algorithm::Es256).unwrap();
    let signature = pair.sign(&SystemRandom::new(), b"message").unwrap();
    assert!(key.verifies(b"message", signature.as_ref()));
    assert!(!key.verifies(b"massage", signature.as_ref()));
    assert!(!key.verifies(b"message", &[0; 64]), "r = s = 0 (CVE-2022-21449)");
    for (jwk, algorithm) in [
        (jwk(&[0; 32]), Algorithm::Es256),
        (jwk(&point[34..]), Algorithm::Es256),
        (jwk(&point[33..]), Algorithm::Rs256),
    ] {
        assert!(VerifyingKey::new(&jwk, algorithm).is_none());
    }
}

#[test]
fn ed25519_key_verifies_its_signatures() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let jwk = Material::Ed25519 { x: text(pair.public_key().as_ref()) };
    let key = VerifyingKey::new(&jwk, Algorithm::EdDsa).unwrap();
    assert!(key.verifies(b"message", pair.sign(b"message").as_ref()));
    assert!(!key.verifies(b"message", &[0; 64]));
    assert!(VerifyingKey::new(&jwk, Algorithm::Es256).is_none());
}

#[test]
fn rsa_key_verifies_signatures_of_its_algorithm_only() {
    use aws_lc_rs::{
        rsa::KeySize,
        signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair},
    };
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key();
    let jwk = Material::Rsa {
        n: text(public.modulus().big_endian_without_leading_zero()),
        e: text(public.exponent().big_endian_without_leading_zero()),
    };
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

#[test]
fn modulus_of_2047_bits_is_rejected() {
    let mut modulus = vec![0xc5; 256];
    modulus[0] = 0x45;
    let key = Material::Rsa { n: text(&modulus), e: text(&[1, 0, 1]) };
    assert!(VerifyingKey::new(&key, Algorithm::Rs256).is_none());
}

#[test]
fn ed25519_points_near_small_order_points_are_accepted() {
    // p - 2 and 2, little-endian.
    let mut below = [0xff; 32];
    (below[0], below[31]) = (0xeb, 0x7f);
    let mut above = [0; 32];
    above[0] = 2;
    assert!(!has_small_order(&below));
    assert!(!has_small_order(&above));
}
