//! Tokens with any header, claims and signature, of an issuer with a known private key.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    encoding::AsDer,
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{
        KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding,
    },
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use num_bigint::BigUint;
use passport_inbound::TokenVerifier;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://passport.bizfirst.ai";
pub(crate) const AUDIENCE: &str = "bizfirstgo-api";
pub(crate) const KID: &str = "factory-1";

pub(crate) struct TokenFactory {
    pair: KeyPair,
    pub(crate) now: u64,
}

impl TokenFactory {
    #[expect(clippy::disallowed_methods, reason = "tokens for a server on the system's clock")]
    pub(crate) fn new() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        Self { pair, now: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() }
    }

    pub(crate) fn verifier(&self) -> TokenVerifier {
        let builder = TokenVerifier::builder(AUDIENCE).static_jwks(self.jwks().to_string());
        builder.build().unwrap()
    }

    pub(crate) fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID,
            "n": base64(public.modulus().big_endian_without_leading_zero()),
            "e": base64(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// Returns the private key as a JWK (RFC 7518, section 6.3.2), with another key id.
    pub(crate) fn private_jwk(&self, kid: &str) -> Value {
        let mut jwk = changed(self.jwk(), "kid", &json!(kid));
        for (name, number) in ["d", "p", "q", "dp", "dq", "qi"].iter().zip(&self.private_numbers()[3..]) {
            jwk[name] = json!(base64(number.to_bytes_be()));
        }
        jwk
    }

    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk()] })
    }

    pub(crate) fn header() -> Value {
        json!({ "alg": "RS256", "kid": KID, "typ": "JWT" })
    }

    pub(crate) fn claims(&self) -> Value {
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "tenant_id": "tenant-1",
            "iat": self.now, "exp": self.now + 3600,
        })
    }

    /// Returns a valid token with a header parameter set, or removed if `value` is `null`.
    pub(crate) fn with_header(&self, name: &str, value: &Value) -> String {
        self.sign(changed(Self::header(), name, value).to_string(), self.claims().to_string())
    }

    /// Returns a valid token with a claim set to any value.
    pub(crate) fn with_claim(&self, name: &str, value: &Value) -> String {
        let mut claims = self.claims();
        claims[name] = value.clone();
        self.sign(Self::header().to_string(), claims.to_string())
    }

    pub(crate) fn without_claim(&self, name: &str) -> String {
        self.sign(Self::header().to_string(), changed(self.claims(), name, &Value::Null).to_string())
    }

    pub(crate) fn good(&self) -> String {
        self.sign(Self::header().to_string(), self.claims().to_string())
    }

    /// Returns a token with any header and payload, signed with RS256.
    pub(crate) fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let message = format!("{}.{}", base64(header), base64(payload));
        self.sign_message(&message)
    }

    /// Returns a token with any signing input, signed with RS256.
    pub(crate) fn sign_message(&self, message: &str) -> String {
        format!("{message}.{}", base64(self.signature(&RSA_PKCS1_SHA256, message)))
    }

    /// Returns a valid token with the algorithm `says` in its header, and signed with `signed`.
    pub(crate) fn of_algorithm(&self, says: &str, signed: Scheme) -> String {
        let header = changed(Self::header(), "alg", &json!(says)).to_string();
        let message = format!("{}.{}", base64(header), base64(self.claims().to_string()));
        let encoding: &'static dyn RsaEncoding = match signed {
            Scheme::Rs256 => &RSA_PKCS1_SHA256,
            Scheme::Rs384 => &RSA_PKCS1_SHA384,
            Scheme::Rs512 => &RSA_PKCS1_SHA512,
            Scheme::Ps256 => &RSA_PSS_SHA256,
        };
        format!("{message}.{}", base64(self.signature(encoding, &message)))
    }

    /// Returns tokens signed with HS256, HS384 or HS512 and the public key, in each encoding that a
    /// confused library might take for a secret.
    pub(crate) fn with_public_key_as_secret(&self) -> Vec<String> {
        let public = self.pair.public_key();
        let spki: aws_lc_rs::encoding::PublicKeyX509Der<'_> = public.as_der().unwrap();
        let pem = |label: &str, der: &[u8]| {
            format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", BASE64_STANDARD.encode(der))
        };
        let spki_pem = pem("PUBLIC KEY", spki.as_ref());
        let secrets = [
            spki.as_ref().to_vec(),
            public.as_ref().to_vec(),
            format!("{spki_pem}\n").into_bytes(),
            format!(" {spki_pem}").into_bytes(),
            spki_pem.into_bytes(),
            pem("RSA PUBLIC KEY", public.as_ref()).into_bytes(),
            self.jwk().to_string().into_bytes(),
            public.modulus().big_endian_without_leading_zero().to_vec(),
            KID.as_bytes().to_vec(),
            Vec::new(),
        ];
        let algorithms =
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)];
        let each =
            secrets.iter().flat_map(|secret| algorithms.iter().map(move |algorithm| (secret, algorithm)));
        each.map(|(secret, (name, algorithm))| {
            let header = changed(Self::header(), "alg", &json!(name)).to_string();
            let message = format!("{}.{}", base64(header), base64(self.claims().to_string()));
            let tag = hmac::sign(&hmac::Key::new(*algorithm, secret), message.as_bytes());
            format!("{message}.{}", base64(tag))
        })
        .collect()
    }

    fn signature(&self, encoding: &'static dyn RsaEncoding, message: &str) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        signature
    }

    /// Returns the result of the private key operation on any block, with any padding or none.
    pub(crate) fn raw_signature(&self, block: &[u8]) -> Vec<u8> {
        let signature = BigUint::from_bytes_be(block)
            .modpow(&self.private_numbers()[3], &BigUint::from_bytes_be(&self.modulus()));
        let bytes = signature.to_bytes_be();
        [vec![0; 256 - bytes.len()], bytes].concat()
    }

    fn private_numbers(&self) -> Vec<BigUint> {
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = self.pair.as_der().unwrap();
        private_numbers(pkcs8.as_ref())
    }

    /// Returns the modulus, big-endian.
    pub(crate) fn modulus(&self) -> Vec<u8> {
        self.pair.public_key().modulus().big_endian_without_leading_zero().to_vec()
    }
}

/// The algorithm that really signs a token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scheme {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
}

/// Returns the numbers of an RSA private key (RFC 8017, appendix A.1.2) in PKCS #8 (RFC 5208,
/// section 5): the version, and the modulus to the coefficient.
fn private_numbers(pkcs8: &[u8]) -> Vec<BigUint> {
    let wrapping = parts(parts(pkcs8)[0]);
    let numbers = parts(parts(wrapping[2])[0]);
    numbers.into_iter().map(BigUint::from_bytes_be).collect()
}

/// Returns the consecutive values in DER.
fn parts(mut der: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let [_tag, first, rest @ ..] = der {
        let (length, rest) = match usize::from(*first) {
            short @ 0..0x80 => (short, rest),
            long => {
                let (digits, rest) = rest.split_at(long - 0x80);
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
        };
        let (value, rest) = rest.split_at(length);
        parts.push(value);
        der = rest;
    }
    parts
}

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn with_signature(token: &str, signature: impl AsRef<[u8]>) -> String {
    let (message, _) = token.rsplit_once('.').unwrap();
    format!("{message}.{}", base64(signature))
}

pub(crate) fn signature_of(token: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).unwrap()
}

fn changed(mut object: Value, name: &str, value: &Value) -> Value {
    let members = object.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name)
    } else {
        members.insert(name.to_owned(), value.clone())
    };
    object
}
