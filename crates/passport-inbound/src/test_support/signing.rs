//! Signs tokens of any shape, with keys that are generated once for each test process.

use std::sync::LazyLock;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// An RSA key of an issuer.
#[derive(Debug)]
pub(crate) struct TestKey(KeyPair);

static KEYS: LazyLock<[TestKey; 3]> =
    LazyLock::new(|| std::array::from_fn(|_| TestKey(KeyPair::generate(KeySize::Rsa2048).unwrap())));

/// Returns one of three keys.
pub(crate) fn test_key(number: usize) -> &'static TestKey {
    &KEYS[number]
}

impl TestKey {
    /// Returns the public key with the id `kid`.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let public = self.0.public_key();
        let text = |number: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(number);
        json!({
            "kty": "RSA",
            "use": "sig",
            "kid": kid,
            "n": text(public.modulus().big_endian_without_leading_zero()),
            "e": text(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// Returns a key set with only this key.
    pub(crate) fn jwks(&self, kid: &str) -> String {
        json!({ "keys": [self.jwk(kid)] }).to_string()
    }

    /// Returns an RS256 token with the texts `header` and `payload`, which need not be valid.
    pub(crate) fn sign(&self, header: &str, payload: &str) -> String {
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let message = [text(header.as_bytes()), text(payload.as_bytes())].join(".");
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        [message, text(&signature)].join(".")
    }

    /// Returns an RS256 token with the header member `kid` and these claims.
    pub(crate) fn token(&self, kid: &str, claims: &Value) -> String {
        self.sign(&json!({ "alg": "RS256", "kid": kid }).to_string(), &claims.to_string())
    }
}
