//! Tokens that a resource server must reject.

use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::json;

use crate::{
    jwt::{TestJwtBuilder, base64, signed},
    keys::RsaSigningKey,
};

/// The defect of a token that a resource server must reject. Create the token with
/// [`DevPassport::invalid_token`](crate::DevPassport::invalid_token).
///
/// Each token differs from a valid token in one property. Test a service with
/// [`InvalidToken::ALL`]. The service must reject every token with status 401 (gRPC:
/// `UNAUTHENTICATED`), and must not respond with status 5xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidToken {
    /// `alg` is `none`, and there is no signature.
    AlgorithmNone,
    /// The token is signed with RS512 instead of RS256.
    AlgorithmNotAllowed,
    /// `aud` is missing.
    AudienceMissing,
    /// `aud` names another service.
    AudienceWrong,
    /// The token is bound to a key of the client (claim `cnf`), but the request has no proof that
    /// the client has this key.
    SenderConstrained,
    /// The JOSE header has the member `crit`, which names an extension that verifiers do not
    /// support.
    UnsupportedCritical,
    /// The claims contain `exp` twice.
    DuplicateClaim,
    /// The JOSE header contains the public key (`jwk`) of an attacker. The private key of the
    /// attacker signed the token.
    EmbeddedKey,
    /// `exp` is an hour ago.
    Expired,
    /// `exp` is a string.
    ExpiryAsText,
    /// `exp` is missing.
    ExpiryMissing,
    /// The token is signed with HS256, with the issuer's public RSA key as the HMAC secret.
    HmacWithPublicKey,
    /// The token is an OIDC ID token (claims `nonce`, `at_hash`). Issuer, key and audience are the
    /// same as in an access token.
    IdToken,
    /// `iat` is an hour in the future.
    IssuedInFuture,
    /// `iss` is the expected issuer with an added trailing slash.
    IssuerWithSlash,
    /// `iss` is another issuer.
    IssuerWrong,
    /// The token is an OIDC back-channel logout token (`typ` is `logout+jwt`).
    LogoutToken,
    /// `nbf` is an hour in the future.
    NotYetValid,
    /// The token has 12 KiB: more than an access token needs, but less than the limits of HTTP
    /// servers for headers.
    Oversized,
    /// The signature is empty.
    SignatureMissing,
    /// The signature is valid, but its base64url encoding is not canonical: an unused bit of the
    /// last character is set.
    SignatureRespelled,
    /// The token is signed with another key than the key that its `kid` names.
    SignatureWrong,
    /// `sub` is missing.
    SubjectMissing,
    /// A role was added to the claims after signing.
    Tampered,
    /// `tenant_id` is missing.
    TenantMissing,
    /// The token has only two segments: the signature and the dot before it are missing.
    TwoSegments,
    /// The `kid` names a key that is not in the JWKS.
    UnknownKey,
}

impl InvalidToken {
    /// All defects.
    pub const ALL: [Self; 27] = [
        Self::AlgorithmNone,
        Self::AlgorithmNotAllowed,
        Self::AudienceMissing,
        Self::AudienceWrong,
        Self::SenderConstrained,
        Self::UnsupportedCritical,
        Self::DuplicateClaim,
        Self::EmbeddedKey,
        Self::Expired,
        Self::ExpiryAsText,
        Self::ExpiryMissing,
        Self::HmacWithPublicKey,
        Self::IdToken,
        Self::IssuedInFuture,
        Self::IssuerWithSlash,
        Self::IssuerWrong,
        Self::LogoutToken,
        Self::NotYetValid,
        Self::Oversized,
        Self::SignatureMissing,
        Self::SignatureRespelled,
        Self::SignatureWrong,
        Self::SubjectMissing,
        Self::Tampered,
        Self::TenantMissing,
        Self::TwoSegments,
        Self::UnknownKey,
    ];

    /// Returns a token with this defect. `valid` is the builder of a valid token, and `issuer` is
    /// the issuer of that token.
    pub(crate) fn derive_from(self, valid: TestJwtBuilder, issuer: &str) -> String {
        let hour = Duration::from_secs(3600);
        let in_an_hour = valid.now_unix() + hour.as_secs();
        match self {
            Self::AlgorithmNone => unsigned(&valid.header("alg", "none")),
            Self::AlgorithmNotAllowed => signed_rs512(&valid.header("alg", "RS512")),
            Self::AudienceMissing => valid.without_claim("aud").build(),
            Self::AudienceWrong => valid.audience("another-api").build(),
            Self::SenderConstrained => {
                valid.claim("cnf", json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" })).build()
            }
            Self::UnsupportedCritical => valid.header("crit", json!(["exp"])).build(),
            Self::DuplicateClaim => duplicate_expiry(&valid),
            Self::EmbeddedKey => embedded_key(valid),
            Self::Expired => valid.expired_for(hour).build(),
            Self::ExpiryAsText => valid.claim("exp", in_an_hour.to_string()).build(),
            Self::ExpiryMissing => valid.without_claim("exp").build(),
            Self::HmacWithPublicKey => hmac_with_public_key(&valid.header("alg", "HS256")),
            Self::IdToken => {
                valid.claim("nonce", "n-0S6_WzA2Mj").claim("at_hash", "MTIzNDU2Nzg5MDEyMzQ1Ng").build()
            }
            Self::IssuedInFuture => valid.claim("iat", in_an_hour).expires_in(hour * 2).build(),
            Self::IssuerWithSlash => valid.claim("iss", format!("{issuer}/")).build(),
            Self::IssuerWrong => valid.claim("iss", "https://evil.example").build(),
            Self::LogoutToken => valid.header("typ", "logout+jwt").build(),
            Self::NotYetValid => valid.claim("nbf", in_an_hour).expires_in(hour * 2).build(),
            Self::Oversized => valid.claim("padding", "x".repeat(9 * 1024)).build(),
            Self::SignatureMissing => without_signature(&valid),
            Self::SignatureRespelled => respelled(&valid.build()),
            Self::SignatureWrong => signed_with_another_key(&valid),
            Self::SubjectMissing => valid.without_claim("sub").build(),
            Self::Tampered => tampered(&valid),
            Self::TenantMissing => valid.without_claim("tenant_id").build(),
            Self::TwoSegments => without_signature(&valid).trim_end_matches('.').to_owned(),
            Self::UnknownKey => valid.header("kid", "unpublished-key").build(),
        }
    }
}

/// Returns the token with an empty signature.
fn unsigned(token: &TestJwtBuilder) -> String {
    signed(&token.header_json(), &token.claims_json(), |_| Vec::new())
}

/// Returns the token, signed with RS512 by the key of the dev Passport.
fn signed_rs512(token: &TestJwtBuilder) -> String {
    signed(&token.header_json(), &token.claims_json(), |message| token.key().sign_rs512(message))
}

/// Returns the token, signed with RS256 by a new key that is not in the JWKS.
fn signed_with_another_key(token: &TestJwtBuilder) -> String {
    let other = RsaSigningKey::generate_now("another".to_owned());
    signed(&token.header_json(), &token.claims_json(), |message| other.sign_rs256(message))
}

/// Returns the token, signed with HS256. The HMAC secret is the public key of the dev Passport
/// as DER.
fn hmac_with_public_key(token: &TestJwtBuilder) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &token.key().public_der());
    signed(&token.header_json(), &token.claims_json(), |message| hmac::sign(&key, message).as_ref().to_vec())
}

/// Returns the token, signed by a new key. The header of the token contains the new public key.
fn embedded_key(token: TestJwtBuilder) -> String {
    let own = RsaSigningKey::generate_now("attacker".to_owned());
    let token = token.header("jwk", own.jwk()).header("kid", own.kid.as_str());
    signed(&token.header_json(), &token.claims_json(), |message| own.sign_rs256(message))
}

/// Returns the token with two `exp` claims: an expired `exp`, followed by the valid `exp`.
fn duplicate_expiry(token: &TestJwtBuilder) -> String {
    let claims = token.claims_json();
    let twice = format!("{{\"exp\":1,{}", claims.trim_start_matches('{'));
    token.build_raw(&token.header_json(), &twice)
}

/// Returns the token with an empty signature: the header and the claims, with a trailing dot.
fn without_signature(token: &TestJwtBuilder) -> String {
    let whole = token.build();
    let (message, _) = whole.rsplit_once('.').unwrap_or_default();
    format!("{message}.")
}

/// Returns the token with the added role `admin`, but with the signature from before the change.
fn tampered(token: &TestJwtBuilder) -> String {
    let valid = token.build();
    let (_, signature) = valid.rsplit_once('.').unwrap_or_default();
    let changed = token.clone().role("admin").claims_json();
    format!("{}.{}.{signature}", base64(token.header_json().as_bytes()), base64(changed.as_bytes()))
}

/// Returns the token `valid` with an unused bit of the last character set. The last character of
/// a 256-byte signature encodes only two bits, so its other bits are unused.
fn respelled(valid: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (head, last) = valid.split_at(valid.len() - 1);
    let position = ALPHABET.iter().position(|letter| last.as_bytes() == [*letter]).unwrap_or_default();
    let respelled = char::from(ALPHABET[position | 1]);
    format!("{head}{respelled}")
}
