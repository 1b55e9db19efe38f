//! The signing keys of the dev Passport, and their rotation.

use std::sync::Arc;

use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize, PublicKeyComponents},
    signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::registry::random_id;

/// An RSA key pair of 2048 bits with its key id.
#[derive(Clone, Debug)]
pub(crate) struct RsaSigningKey {
    pub(crate) kid: String,
    pair: Arc<KeyPair>,
}

impl RsaSigningKey {
    /// Generates a key pair on a blocking thread, because generating takes about 0.1 s.
    pub(crate) async fn generate(kid: String) -> Self {
        let generated = spawn_blocking(|| Self::generate_now(kid)).await;
        generated.expect("generating a key does not panic")
    }

    /// Generates a key pair on the current thread.
    pub(crate) fn generate_now(kid: String) -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("the operating system provides randomness");
        Self { kid, pair: Arc::new(pair) }
    }

    /// Returns the RS256 signature of `message`.
    pub(crate) fn sign_rs256(&self, message: &[u8]) -> Vec<u8> {
        self.sign(&RSA_PKCS1_SHA256, message)
    }

    /// Returns the RS512 signature of `message`, for an invalid token: Passport signs with RS256.
    pub(crate) fn sign_rs512(&self, message: &[u8]) -> Vec<u8> {
        self.sign(&RSA_PKCS1_SHA512, message)
    }

    fn sign(&self, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(encoding, &SystemRandom::new(), message, &mut signature)
            .expect("a key of 2048 bits signs any message");
        signature
    }

    /// Returns whether `signature` is the RS256 signature of `message` with this key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let public = self.pair.public_key();
        let components = PublicKeyComponents {
            n: public.modulus().big_endian_without_leading_zero(),
            e: public.exponent().big_endian_without_leading_zero(),
        };
        components.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    }

    /// Returns the public key in the format of Passport's JWKS.
    pub(crate) fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": text(public.modulus().big_endian_without_leading_zero()),
            "e": text(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// Returns the public key as DER, for an invalid token that uses it as an HMAC secret.
    pub(crate) fn public_der(&self) -> Vec<u8> {
        self.pair
            .public_key()
            .as_der()
            .map(|der: aws_lc_rs::encoding::PublicKeyX509Der<'_>| der.as_ref().to_vec())
            .expect("a generated key can be encoded")
    }
}

/// The published keys. One of these keys signs new tokens.
#[derive(Debug)]
pub(crate) struct SigningKeys {
    /// The keys in the JWKS, newest last.
    published: Vec<RsaSigningKey>,
    /// The index of the signing key in `published`.
    signing: usize,
    /// The number of key ids that were assigned. The next key id contains this number plus one.
    generated: u32,
    /// The prefix of all key ids. The prefix is random for each start of the dev Passport. So a
    /// verifier that keeps running during a restart does not confuse a new key with an old key.
    prefix: String,
}

impl SigningKeys {
    /// Creates the key set with one key. Generates the key on a blocking thread.
    pub(crate) async fn generate() -> Self {
        spawn_blocking(Self::generate_now).await.expect("generating a key does not panic")
    }

    /// Creates the key set with one key. Generates the key on the current thread.
    pub(crate) fn generate_now() -> Self {
        let mut keys =
            Self { published: Vec::new(), signing: 0, generated: 0, prefix: random_id("signing-key-") };
        let first = RsaSigningKey::generate_now(keys.next_kid());
        keys.publish(first);
        keys
    }

    /// Assigns and returns the id of the next key.
    pub(crate) fn next_kid(&mut self) -> String {
        self.generated += 1;
        format!("{}-{}", self.prefix, self.generated)
    }

    /// Adds `key` to the JWKS. The signing key does not change.
    pub(crate) fn publish(&mut self, key: RsaSigningKey) {
        self.published.push(key);
    }

    /// Makes the key that was published last the signing key.
    pub(crate) fn sign_with_newest(&mut self) {
        self.signing = self.published.len() - 1;
    }

    /// Removes all keys except the signing key from the JWKS.
    pub(crate) fn retire_all_but_signing(&mut self) {
        let signing = self.published.swap_remove(self.signing);
        self.published = vec![signing];
        self.signing = 0;
    }

    /// Returns the key that signs new tokens.
    pub(crate) fn signing(&self) -> &RsaSigningKey {
        &self.published[self.signing]
    }

    /// Returns the published keys as a JWKS.
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": self.published.iter().map(RsaSigningKey::jwk).collect::<Vec<_>>() })
    }

    /// Returns whether `signature` is the RS256 signature of `message` with a published key.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.published.iter().any(|key| key.verifies(message, signature))
    }
}
