//! Signatures with malformed padding: RFC 8017 section 8.2.2, CVE-2006-4339.

use aws_lc_rs::digest::{SHA256, digest};
use num_bigint::BigUint;
use passport_inbound::{RejectionReason as R, TokenVerifier};
use serde_json::json;

use crate::token_factory::{TokenFactory, base64, with_signature};

const SIZE: usize = 256;

/// `DigestInfo` for SHA-256 without the digest: a sequence of the algorithm with NULL
/// parameters, and the header of 32 bytes.
const SHA256_INFO: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
    0x04, 0x20,
];

/// Returns a block: 00, the block type, the padding, 00, and the content.
fn block(block_type: u8, filler: u8, content: &[u8]) -> Vec<u8> {
    let padding = vec![filler; SIZE - 3 - content.len()];
    [&[0, block_type][..], &padding, &[0], content].concat()
}

/// Returns a block with short padding and trailing garbage.
fn short(padding: usize, content: &[u8]) -> Vec<u8> {
    let mut block = [&[0, 1][..], &vec![0xff; padding], &[0], content].concat();
    block.resize(SIZE, 0xa5);
    block
}

fn malformed(digest: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let with = |info: &[u8]| [info, digest].concat();
    let changed = |at: usize, to: u8| {
        let mut info = SHA256_INFO;
        info[at] = to;
        with(&info)
    };
    let without_null =
        [&[0x30, 0x2f, 0x30, 0x0b][..], &SHA256_INFO[4..15], &SHA256_INFO[17..], digest].concat();
    let long_length = [&[0x30, 0x81, 0x31][..], &SHA256_INFO[2..], digest].concat();
    let good = with(&SHA256_INFO);
    let mut no_separator = block(1, 0xff, &good);
    no_separator[SIZE - 1 - good.len()] = 0xff;
    let mut hole = block(1, 0xff, &good);
    hole[100] = 0;
    vec![
        ("block type 0", block(0, 0, &good)),
        ("block type 2", block(2, 0xff, &good)),
        ("another filler", block(1, 0xfe, &good)),
        ("a hole in the padding", hole),
        ("no separator", no_separator),
        ("no padding", short(0, &good)),
        ("eight bytes of padding and garbage", short(8, &good)),
        ("a hundred bytes of padding and garbage", short(100, &good)),
        ("no NULL", block(1, 0xff, &without_null)),
        ("a length in its long form", block(1, 0xff, &long_length)),
        ("a sequence that is too long", block(1, 0xff, &changed(1, 0x32))),
        ("a digest that is too long", block(1, 0xff, &changed(18, 0x21))),
        ("the name of SHA-384", block(1, 0xff, &changed(14, 0x02))),
        ("another tag", block(1, 0xff, &changed(0, 0x31))),
        ("a bare digest", block(1, 0xff, digest)),
        ("half a digest", block(1, 0xff, &good[..good.len() - 16])),
        ("garbage behind the digest", block(1, 0xff, &[&good[..], b"x"].concat())),
        ("zeros", vec![0; SIZE]),
    ]
}

#[test]
fn malformed_padding_by_the_issuers_key_is_rejected() {
    let factory = TokenFactory::new();
    let verifier = factory.verifier();
    let token = factory.good();
    let (message, _) = token.rsplit_once('.').unwrap();
    let digest = digest(&SHA256, message.as_bytes());
    let control = block(1, 0xff, &[&SHA256_INFO[..], digest.as_ref()].concat());
    let control = with_signature(&token, factory.raw_signature(&control));
    assert_eq!(control, token, "the control has valid padding");
    for (name, block) in malformed(digest.as_ref()) {
        let token = with_signature(&token, factory.raw_signature(&block));
        let outcome = verifier.try_verify(&token).unwrap();
        assert_eq!(outcome.unwrap_err().reason(), Some(R::SignatureInvalid), "{name}");
    }
}

/// With exponent 3, a cube root yields a block with a valid beginning, without the private key.
#[test]
fn cube_root_signature_is_rejected() {
    let factory = TokenFactory::new();
    let key = json!({ "kty": "RSA", "kid": "factory-1", "n": base64(factory.modulus()), "e": base64([3]) });
    let verifier = TokenVerifier::builder("bizfirstgo-api")
        .static_jwks(json!({ "keys": [key] }).to_string())
        .build()
        .unwrap();
    let token = factory.good();
    let (message, _) = token.rsplit_once('.').unwrap();
    let digest = digest(&SHA256, message.as_bytes());
    let wanted = short(8, &[&SHA256_INFO[..], digest.as_ref()].concat());
    let root = BigUint::from_bytes_be(&wanted).cbrt() + 1_u8;
    let cube = root.pow(3).to_bytes_be();
    assert_eq!(cube[..60], wanted[1..61], "the forged block begins like a valid one");
    let signature = root.to_bytes_be();
    let forged = with_signature(&token, [vec![0; SIZE - signature.len()], signature].concat());
    let outcome = verifier.try_verify(&forged).unwrap();
    assert_eq!(outcome.unwrap_err().reason(), Some(R::SignatureInvalid));
}
