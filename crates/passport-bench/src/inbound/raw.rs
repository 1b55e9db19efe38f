//! The floor for a new token: verification of its signature with a key that was parsed once, and
//! one deserialization of its claims. Even base64 is decoded beforehand.

use std::hint::black_box;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{claims::PassportClaims, site::Site};

/// Tokens that were split and decoded beforehand, and that take turns.
#[derive(Debug)]
pub struct RawVerification {
    key: ParsedPublicKey,
    tokens: Vec<Parts>,
}

#[derive(Debug)]
struct Parts {
    message: Vec<u8>,
    signature: Vec<u8>,
    payload: Vec<u8>,
}

impl RawVerification {
    pub fn of(site: &Site, count: usize) -> Self {
        let tokens = (0..count).map(|_| Parts::of(&site.draft().build())).collect();
        Self { key: only_key(&site.passport().jwks()), tokens }
    }

    pub fn verify(&self, calls: usize) {
        for Parts { message, signature, payload } in self.tokens.iter().cycle().take(calls) {
            self.key.verify_sig(black_box(message), black_box(signature)).expect("the token is valid");
            let claims: PassportClaims =
                serde_json::from_slice(black_box(payload)).expect("the claims are valid");
            black_box(claims);
        }
    }
}

impl Parts {
    fn of(token: &str) -> Self {
        let (message, signature) = token.rsplit_once('.').expect("a token has a signature");
        let (_, payload) = message.split_once('.').expect("a token has a payload");
        Self {
            message: message.as_bytes().to_vec(),
            signature: decoded(signature),
            payload: decoded(payload),
        }
    }
}

pub fn only_key(jwks: &str) -> ParsedPublicKey {
    let jwks: Value = serde_json::from_str(jwks).expect("the JWKS is JSON");
    let member = |name: &str| decoded(jwks["keys"][0][name].as_str().expect("an RSA key has it"));
    let components = RsaPublicKeyComponents { n: member("n"), e: member("e") };
    components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).expect("the key is valid")
}

fn decoded(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).expect("it is base64url")
}
