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
fn assertion_has_the_claims_of_rfc_7523_for_a_minute() {
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
fn each_assertion_has_a_unique_jti() {
    let (_, key) = p256();
    let id =
        || part(&assertion(&PrivateKeyJwt::new(SigningAlgorithm::Es256), &key).unwrap(), 1)["jti"].take();
    assert_ne!(id(), id());
}

#[test]
fn key_of_another_type_or_format_is_reported() {
    let (_, p256) = p256();
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa = pem("PRIVATE KEY", AsDer::<Pkcs8V1Der<'_>>::as_der(&rsa).unwrap().as_ref());
    let (es, rs) = (SigningAlgorithm::Es256, SigningAlgorithm::Rs256);
    for (algorithm, key, expected) in [
        (es, rsa.as_str(), "not a key on the curve P-256"),
        (rs, p256.as_str(), "not an RSA key of at least 2048 bits"),
        (rs, "mics_sk_hidden", "openssl pkcs8 -topk8"),
        (rs, &pem("RSA PRIVATE KEY", b"hidden"), "openssl pkcs8 -topk8"),
        (es, &pem("PRIVATE KEY", b"hidden"), "not a key on the curve P-256"),
    ] {
        let error = assertion(&PrivateKeyJwt::new(algorithm), key).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("hidden"), "{error}");
    }
}
