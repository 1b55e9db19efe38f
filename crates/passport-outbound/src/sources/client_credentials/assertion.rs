//! `private_key_jwt`: an assertion about itself that a client signs
//! ([RFC 7523, sections 2.2 and 3](https://www.rfc-editor.org/rfc/rfc7523#section-3)).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    rand::{self, SystemRandom},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
        RsaKeyPair,
    },
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use passport_core::{ClientId, Secret};
use rustls_pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::json;
use zeroize::Zeroizing;

use super::{PrivateKeyJwt, SigningAlgorithm};

/// How long an assertion is good for: for a slow request, and for clocks that differ.
const LIFE: Duration = Duration::from_secs(60);

/// The fewest bits of an RSA key ([RFC 7518, section 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)).
const LEAST_BITS: usize = 2048;

/// What stands in place of a secret is not a private key of the right kind. Nothing of it is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the private key cannot be used: {0}")]
pub(super) struct InvalidPrivateKey(&'static str);

/// An assertion of `client_id` that it is itself, for one request.
pub(super) fn signed(
    signed: &PrivateKeyJwt,
    client_id: &ClientId,
    token_url: &str,
    key: &Secret,
    now: SystemTime,
) -> Result<Zeroizing<String>, InvalidPrivateKey> {
    let key = SigningKey::read(key.expose(), signed.algorithm)?;
    let issued_at = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut header = json!({ "alg": signed.algorithm.name(), "typ": "JWT" });
    if let Some(key_id) = &signed.key_id {
        header["kid"] = key_id.as_str().into();
    }
    let claims = json!({
        "iss": client_id.as_str(),
        "sub": client_id.as_str(),
        "aud": signed.audience.as_deref().unwrap_or(token_url),
        "jti": random_id()?,
        "iat": issued_at.as_secs(),
        "exp": (issued_at + LIFE).as_secs(),
    });
    let encoded = |text: String| BASE64_URL_SAFE_NO_PAD.encode(text);
    let mut assertion =
        Zeroizing::new(format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string())));
    let signature = key.sign(assertion.as_bytes())?;
    assertion.push('.');
    assertion.push_str(&BASE64_URL_SAFE_NO_PAD.encode(signature));
    Ok(assertion)
}

/// What no other assertion has, as each is good for one request.
fn random_id() -> Result<String, InvalidPrivateKey> {
    let mut random = [0; 16];
    rand::fill(&mut random).map_err(|_| InvalidPrivateKey("the operating system gives no randomness"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random))
}

enum SigningKey {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ec(EcdsaKeyPair),
}

impl SigningKey {
    fn read(pem: &str, algorithm: SigningAlgorithm) -> Result<Self, InvalidPrivateKey> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map(Zeroizing::new).map_err(|_| {
            InvalidPrivateKey(
                "it is not a PEM text with a `PRIVATE KEY` (PKCS#8); convert it with `openssl pkcs8 -topk8 -nocrypt`",
            )
        })?;
        let der = der.secret_pkcs8_der();
        match algorithm {
            SigningAlgorithm::Rs256 => Self::rsa(der, &RSA_PKCS1_SHA256),
            SigningAlgorithm::Ps256 => Self::rsa(der, &RSA_PSS_SHA256),
            SigningAlgorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
                .map(Self::Ec)
                .map_err(|_| InvalidPrivateKey("it is not a key on the curve P-256, as ES256 needs")),
        }
    }

    fn rsa(der: &[u8], encoding: &'static dyn RsaEncoding) -> Result<Self, InvalidPrivateKey> {
        let pair = RsaKeyPair::from_pkcs8(der)
            .map_err(|_| InvalidPrivateKey("it is not an RSA key of 2048 bits or more"))?;
        if pair.public_modulus_len() * 8 < LEAST_BITS {
            return Err(InvalidPrivateKey("it is not an RSA key of 2048 bits or more"));
        }
        Ok(Self::Rsa(pair, encoding))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, InvalidPrivateKey> {
        let failed = |_| InvalidPrivateKey("it signs nothing");
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
    fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{encoding::AsDer, encoding::Pkcs8V1Der, rsa::KeySize, signature::KeyPair};
    use base64::prelude::BASE64_STANDARD;
    use serde_json::Value;

    use super::*;

    const NOW: u64 = 1_750_000_000;

    fn pem(label: &str, der: &[u8]) -> String {
        let text = BASE64_STANDARD.encode(der);
        let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n");
        format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", lines.collect::<String>())
    }

    fn p256() -> (EcdsaKeyPair, String) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let private = pem("PRIVATE KEY", pair.to_pkcs8v1().unwrap().as_ref());
        (pair, private)
    }

    fn assertion(method: &PrivateKeyJwt, key: &str) -> Result<Zeroizing<String>, InvalidPrivateKey> {
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        let client_id = "mi-1".parse().unwrap();
        signed(method, &client_id, "https://passport.bizfirst.ai/passport/token", &Secret::new(key), now)
    }

    fn part(assertion: &str, number: usize) -> Value {
        let part = assertion.split('.').nth(number).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn an_assertion_says_what_rfc_7523_asks_for_and_is_good_for_a_minute() {
        let (pair, key) = p256();
        let text = assertion(&PrivateKeyJwt::new(SigningAlgorithm::Es256).key_id("key-7"), &key).unwrap();
        assert_eq!(part(&text, 0), json!({ "alg": "ES256", "typ": "JWT", "kid": "key-7" }));
        let mut claims = part(&text, 1);
        let jti = claims["jti"].take();
        assert_eq!(jti.as_str().unwrap().len(), 22, "128 bits");
        let expected = json!({
            "iss": "mi-1", "sub": "mi-1", "aud": "https://passport.bizfirst.ai/passport/token",
            "jti": null, "iat": NOW, "exp": NOW + 60,
        });
        assert_eq!(claims, expected);
        let (message, signature) = text.rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verification = &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED;
        let key = aws_lc_rs::signature::UnparsedPublicKey::new(verification, pair.public_key());
        key.verify(message.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn no_two_assertions_have_the_same_id() {
        let (_, key) = p256();
        let id =
            || part(&assertion(&PrivateKeyJwt::new(SigningAlgorithm::Es256), &key).unwrap(), 1)["jti"].take();
        assert_ne!(id(), id());
    }

    #[test]
    fn a_key_of_another_kind_or_in_another_wrapping_is_told() {
        let (_, p256) = p256();
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let rsa = pem("PRIVATE KEY", AsDer::<Pkcs8V1Der<'_>>::as_der(&rsa).unwrap().as_ref());
        let (es, rs) = (SigningAlgorithm::Es256, SigningAlgorithm::Rs256);
        for (algorithm, key, told) in [
            (es, rsa.as_str(), "not a key on the curve P-256"),
            (rs, p256.as_str(), "not an RSA key of 2048 bits"),
            (rs, "mics_sk_hidden", "openssl pkcs8 -topk8"),
            (rs, &pem("RSA PRIVATE KEY", b"hidden"), "openssl pkcs8 -topk8"),
            (es, &pem("PRIVATE KEY", b"hidden"), "not a key on the curve P-256"),
        ] {
            let error = assertion(&PrivateKeyJwt::new(algorithm), key).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("hidden"), "{error}");
        }
    }
}
