use std::time::Duration;

use aws_lc_rs::hmac;
use serde_json::json;

use crate::{
    jwt::{TestJwtBuilder, base64, signed},
    keys::RsaSigningKey,
};

/// A token that a resource server must refuse.
///
/// Each is a complete, genuine token but for one thing. Run your service against [`InvalidToken::ALL`]:
/// every one of them must get 401 (UNAUTHENTICATED on gRPC), and none a 5xx.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidToken {
    /// `alg: none` and no signature.
    AlgorithmNone,
    /// Signed with RS512, which is not allowed.
    AlgorithmNotAllowed,
    /// The audience claim is missing.
    AudienceMissing,
    /// For another service.
    AudienceWrong,
    /// Bound to a client key (`cnf`), which is not checked.
    SenderConstrained,
    /// Demands an unknown extension (`crit`).
    UnsupportedCritical,
    /// Has `exp` twice.
    DuplicateClaim,
    /// Brings its own key along in the header and is signed with it.
    EmbeddedKey,
    /// Ended an hour ago.
    Expired,
    /// `exp` is a string.
    ExpiryAsText,
    /// `exp` is missing.
    ExpiryMissing,
    /// HS256, with the public RSA key as the secret.
    HmacWithPublicKey,
    /// An ID token of OIDC: same issuer, key and audience as an access token.
    IdToken,
    /// `iat` is an hour ahead.
    IssuedInFuture,
    /// The right issuer with a slash at its end.
    IssuerWithSlash,
    /// Of another issuer.
    IssuerWrong,
    /// A back-channel logout token.
    LogoutToken,
    /// `nbf` is an hour ahead.
    NotYetValid,
    /// 12 KiB: more than any access token has, less than HTTP servers refuse by themselves.
    Oversized,
    /// The signature is cut off.
    SignatureMissing,
    /// Genuine, but one bit that base64 does not need is set: a second spelling of the same token.
    SignatureRespelled,
    /// Signed with another key under the right `kid`.
    SignatureWrong,
    /// `sub` is missing.
    SubjectMissing,
    /// The claims were changed after signing.
    Tampered,
    /// `tenant_id` is missing.
    TenantMissing,
    /// Only two segments.
    TwoSegments,
    /// Has a `kid` that is not published.
    UnknownKey,
}

impl InvalidToken {
    /// All of them.
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

    /// Turns a good token into this one.
    pub(crate) fn mint(self, good: TestJwtBuilder, issuer: &str) -> String {
        let hour = Duration::from_secs(3600);
        let in_an_hour = good.now_unix() + hour.as_secs();
        match self {
            Self::AlgorithmNone => unsigned(&good.header("alg", "none")),
            Self::AlgorithmNotAllowed => signed_rs512(&good.header("alg", "RS512")),
            Self::AudienceMissing => good.without_claim("aud").build(),
            Self::AudienceWrong => good.audience("another-api").build(),
            Self::SenderConstrained => {
                good.claim("cnf", json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" })).build()
            }
            Self::UnsupportedCritical => good.header("crit", json!(["exp"])).build(),
            Self::DuplicateClaim => duplicate_expiry(&good),
            Self::EmbeddedKey => embedded_key(good),
            Self::Expired => good.expired_for(hour).build(),
            Self::ExpiryAsText => good.claim("exp", in_an_hour.to_string()).build(),
            Self::ExpiryMissing => good.without_claim("exp").build(),
            Self::HmacWithPublicKey => hmac_with_public_key(&good.header("alg", "HS256")),
            Self::IdToken => {
                good.claim("nonce", "n-0S6_WzA2Mj").claim("at_hash", "MTIzNDU2Nzg5MDEyMzQ1Ng").build()
            }
            Self::IssuedInFuture => good.claim("iat", in_an_hour).expires_in(hour * 2).build(),
            Self::IssuerWithSlash => good.claim("iss", format!("{issuer}/")).build(),
            Self::IssuerWrong => good.claim("iss", "https://evil.example").build(),
            Self::LogoutToken => good.header("typ", "logout+jwt").build(),
            Self::NotYetValid => good.claim("nbf", in_an_hour).expires_in(hour * 2).build(),
            Self::Oversized => good.claim("padding", "x".repeat(9 * 1024)).build(),
            Self::SignatureMissing => without_signature(&good),
            Self::SignatureRespelled => respelled(&good.build()),
            Self::SignatureWrong => signed_by_another(&good),
            Self::SubjectMissing => good.without_claim("sub").build(),
            Self::Tampered => tampered(&good),
            Self::TenantMissing => good.without_claim("tenant_id").build(),
            Self::TwoSegments => without_signature(&good).trim_end_matches('.').to_owned(),
            Self::UnknownKey => good.header("kid", "nobody-published-this").build(),
        }
    }
}

fn unsigned(token: &TestJwtBuilder) -> String {
    signed(&token.header_json(), &token.claims_json(), |_| Vec::new())
}

fn signed_rs512(token: &TestJwtBuilder) -> String {
    signed(&token.header_json(), &token.claims_json(), |message| token.key().sign_rs512(message))
}

fn signed_by_another(token: &TestJwtBuilder) -> String {
    let other = RsaSigningKey::generate_now("another".to_owned());
    signed(&token.header_json(), &token.claims_json(), |message| other.sign_rs256(message))
}

fn hmac_with_public_key(token: &TestJwtBuilder) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &token.key().public_der());
    signed(&token.header_json(), &token.claims_json(), |message| hmac::sign(&key, message).as_ref().to_vec())
}

fn embedded_key(token: TestJwtBuilder) -> String {
    let own = RsaSigningKey::generate_now("attacker".to_owned());
    let token = token.header("jwk", own.jwk()).header("kid", own.kid.as_str());
    signed(&token.header_json(), &token.claims_json(), |message| own.sign_rs256(message))
}

fn duplicate_expiry(token: &TestJwtBuilder) -> String {
    let claims = token.claims_json();
    let twice = format!("{{\"exp\":1,{}", claims.trim_start_matches('{'));
    token.build_raw(&token.header_json(), &twice)
}

fn without_signature(token: &TestJwtBuilder) -> String {
    let whole = token.build();
    let (message, _) = whole.rsplit_once('.').unwrap_or_default();
    format!("{message}.")
}

fn tampered(token: &TestJwtBuilder) -> String {
    let genuine = token.build();
    let (_, signature) = genuine.rsplit_once('.').unwrap_or_default();
    let raised = token.clone().role("admin").claims_json();
    format!("{}.{}.{signature}", base64(token.header_json().as_bytes()), base64(raised.as_bytes()))
}

/// A 256-byte signature ends in a character of which only two of six bits count.
fn respelled(genuine: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (head, last) = genuine.split_at(genuine.len() - 1);
    let position = ALPHABET.iter().position(|letter| last.as_bytes() == [*letter]).unwrap_or_default();
    let respelled = char::from(ALPHABET[position | 1]);
    format!("{head}{respelled}")
}
