//! Against jsonwebtoken with all required claims set: what it rejects, we reject.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
use passport_dev::{DevPassport, Hostile, TestJwtBuilder};
use passport_inbound::{RejectionReason, TokenVerifier, VerifyError};
use serde_json::{Value, json};

use crate::support::{http, verifier};

struct Reference {
    key: DecodingKey,
    validation: Validation,
}

impl Reference {
    async fn of(passport: &DevPassport) -> Self {
        let url = format!("{}/passport/.well-known/jwks.json", passport.issuer());
        let keys: JwkSet = http().get(url).send().await.unwrap().json().await.unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[passport.issuer()]);
        validation.set_audience(&[passport.audience()]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        Self { key: DecodingKey::from_jwk(&keys.keys[0]).unwrap(), validation }
    }

    fn accepts(&self, token: &str) -> bool {
        decode::<Value>(token, &self.key, &self.validation).is_ok()
    }
}

async fn ours_accepts(verifier: &TokenVerifier, token: &str) -> bool {
    verifier.verify(token).await.is_ok()
}

/// Tokens with one claim or header member set to each of many values.
fn variations(good: &TestJwtBuilder) -> Vec<(&'static str, String)> {
    let values = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e18),
        json!(""),
        json!("x"),
        json!([]),
        json!(["x"]),
        json!({}),
        json!("4102444800"),
        json!(4_102_444_800_u64),
    ];
    let claims = ["iss", "aud", "exp", "nbf", "iat", "sub", "tenant_id", "jti", "roles", "email"];
    let headers = ["alg", "typ", "kid", "crit", "jwk", "x5c"];
    let with_claims = claims.iter().flat_map(|name| {
        values.iter().map(move |value| (*name, good.clone().claim(name, value.clone()).build()))
    });
    let with_headers = headers.iter().flat_map(|name| {
        values.iter().map(move |value| (*name, good.clone().header(name, value.clone()).build()))
    });
    let without = claims.iter().map(|name| (*name, good.clone().without_claim(name).build()));
    with_claims.chain(with_headers).chain(without).collect()
}

#[tokio::test]
async fn nothing_that_jsonwebtoken_rejects_is_accepted() {
    let passport = DevPassport::start().await.unwrap();
    let (reference, verifier) = (Reference::of(&passport).await, verifier(&passport));
    let good = passport.user_token("u");
    assert!(reference.accepts(&good.build()) && ours_accepts(&verifier, &good.build()).await);

    for hostile in Hostile::ALL {
        let token = passport.hostile_token(hostile);
        assert!(!ours_accepts(&verifier, &token).await, "{hostile:?}");
    }
    let mut stricter = 0;
    for (name, token) in variations(&good) {
        let (reference, ours) = (reference.accepts(&token), ours_accepts(&verifier, &token).await);
        // RFC 7515, section 4: what is not understood is ignored, whatever its type. jsonwebtoken refuses odd types.
        let ignored = ["jwk", "x5c"].contains(&name);
        assert!(reference || !ours || ignored, "{name}: {token}");
        stricter += usize::from(reference && !ours);
    }
    assert!(stricter > 0, "the comparison should find tokens that only we refuse");
}

#[tokio::test]
async fn any_changed_byte_of_a_good_token_is_refused() {
    let passport = DevPassport::start().await.unwrap();
    let verifier = verifier(&passport);
    let good = passport.user_token("u").build();
    verifier.verify(&good).await.unwrap();
    for position in 0..good.len() {
        let mut changed = good.clone().into_bytes();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(!ours_accepts(&verifier, &changed).await, "position {position}");
    }
}

#[tokio::test]
async fn a_forged_signature_of_any_length_is_refused() {
    let passport = DevPassport::start().await.unwrap();
    let verifier = verifier(&passport);
    let good = passport.user_token("u").build();
    let (message, _) = good.rsplit_once('.').unwrap();
    for signature in ["AA".to_owned(), "A".repeat(342), format!("{}w", "_".repeat(341)), "A".repeat(2000)] {
        let outcome = verifier.verify(&format!("{message}.{signature}")).await.unwrap_err();
        assert!(
            matches!(
                outcome,
                VerifyError::Rejected(RejectionReason::SignatureInvalid | RejectionReason::Malformed)
            ),
            "{outcome:?}"
        );
    }
}
