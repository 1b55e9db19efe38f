//! A comparison with jsonwebtoken with all required claims set: each token that it rejects is
//! rejected.

use std::cell::Cell;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, jwk::JwkSet};
use passport_dev::{DevPassport, InvalidToken, TestJwtBuilder};
use passport_inbound::{RejectionReason, TokenVerifier, VerifyError};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use crate::harness::{http, verifier};

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

/// Returns tokens with one claim or header parameter set to each of many values.
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
async fn no_variation_that_jsonwebtoken_rejects_is_accepted() {
    let passport = DevPassport::start().await.unwrap();
    let (reference, verifier) = (Reference::of(&passport).await, verifier(&passport));
    let good = passport.user_token("u");
    assert!(reference.accepts(&good.build()) && ours_accepts(&verifier, &good.build()).await);

    for hostile in InvalidToken::ALL {
        let token = passport.invalid_token(hostile);
        assert!(!ours_accepts(&verifier, &token).await, "{hostile:?}");
    }
    let mut stricter = 0;
    for (name, token) in variations(&good) {
        let (reference, ours) = (reference.accepts(&token), ours_accepts(&verifier, &token).await);
        // RFC 7515, section 4: a parameter that is not understood is ignored, whatever its type.
        // jsonwebtoken rejects parameters of an unexpected type.
        let ignored = ["jwk", "x5c"].contains(&name);
        assert!(reference || !ours || ignored, "{name}: {token}");
        stricter += usize::from(reference && !ours);
    }
    assert!(stricter > 0, "no token is rejected by passport-inbound alone");
}

/// Generates a valid or an invalid value of a claim or parameter.
fn value(now: u64, kid: String) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (now - 200..now + 200).prop_map(Value::from),
        // Not close to the clock skew: jsonwebtoken rounds fractions, which is not a difference to
        // test.
        (now + 200..now + 9_000).prop_map(|time| json!(time as f64 + 0.5)),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec!["bizfirstgo-api", "RS256", "JWT", "at+jwt", "u", "", "none"])
            .prop_map(Value::from),
        Just(Value::from(kid)),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Generates up to three changes of a token, each of which sets or removes a member.
fn changes(now: u64, kid: String) -> impl Strategy<Value = Vec<(String, Option<Value>)>> {
    let names = [
        "iss",
        "aud",
        "exp",
        "nbf",
        "iat",
        "sub",
        "tenant_id",
        "roles",
        "nonce",
        "cnf",
        "jti",
        "alg",
        "typ",
        "kid",
        "crit",
    ];
    let name =
        prop_oneof![4 => prop::sample::select(names.to_vec()).prop_map(str::to_owned), 1 => "[a-z]{1,4}"];
    prop::collection::vec((name, prop::option::weighted(0.8, value(now, kid))), 0..4)
}

const HEADER_MEMBERS: [&str; 4] = ["alg", "typ", "kid", "crit"];

fn applied(mut token: TestJwtBuilder, changes: Vec<(String, Option<Value>)>) -> TestJwtBuilder {
    for (name, value) in changes {
        let in_header = HEADER_MEMBERS.contains(&name.as_str());
        token = match (value, in_header) {
            (Some(value), true) => token.header(&name, value),
            (Some(value), false) => token.claim(&name, value),
            (None, true) => token.without_header(&name),
            (None, false) => token.without_claim(&name),
        };
    }
    token
}

#[test]
fn no_random_token_that_jsonwebtoken_rejects_is_accepted() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (passport, reference, verifier) = runtime.block_on(async {
        let passport = DevPassport::start().await.unwrap();
        let (reference, verifier) = (Reference::of(&passport).await, verifier(&passport));
        verifier.verify(&passport.user_token("u").build()).await.unwrap();
        (passport, reference, verifier)
    });
    let good = passport.user_token("u");
    let now = crate::harness::claims_of(&good.build())["iat"].as_u64().unwrap();
    let header = good.build();
    let header = BASE64_URL_SAFE_NO_PAD.decode(header.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let kid = header["kid"].as_str().unwrap().to_owned();
    let (both, stricter) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(Config { cases: 2_000, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&changes(now, kid), |changes| {
        let token = applied(good.clone(), changes).build();
        let ours = matches!(verifier.try_verify(&token), Some(Ok(_)));
        let theirs = reference.accepts(&token);
        prop_assert!(theirs || !ours, "{}", token);
        both.set(both.get() + u32::from(ours && theirs));
        stricter.set(stricter.get() + u32::from(theirs && !ours));
        Ok(())
    });
    outcome.unwrap();
    let (both, stricter) = (both.get(), stricter.get());
    println!("of 2,000 tokens both accept {both}, jsonwebtoken alone accepts {stricter}");
    assert!(both > 100 && stricter > 100, "too few tokens to compare: {both}, {stricter}");
}

#[tokio::test]
async fn valid_token_with_any_byte_changed_is_rejected() {
    let passport = DevPassport::start().await.unwrap();
    let verifier = verifier(&passport);
    let good = passport.user_token("u").build();
    verifier.verify(&good).await.unwrap();
    let (ours, bytes) = (
        |token: &[u8]| {
            str::from_utf8(token).is_ok_and(|token| matches!(verifier.try_verify(token), Some(Ok(_))))
        },
        good.as_bytes(),
    );
    assert!(ours(bytes));
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \0\n\"";
    assert!(!ours(&[bytes, b"A"].concat()) && !ours(&[bytes, b"."].concat()));
    for position in 0..bytes.len() {
        for letter in letters.iter().filter(|letter| **letter != bytes[position]) {
            let mut changed = bytes.to_vec();
            changed[position] = *letter;
            assert!(!ours(&changed), "{letter} at {position}");
        }
        let (before, after) = bytes.split_at(position);
        assert!(!ours(&[before, &after[1..]].concat()), "without position {position}");
        assert!(!ours(&[before, b"A", after].concat()), "with one more at {position}");
    }
}

#[tokio::test]
async fn forged_signature_of_any_length_is_rejected() {
    let passport = DevPassport::start().await.unwrap();
    let verifier = verifier(&passport);
    let good = passport.user_token("u").build();
    let (message, _) = good.rsplit_once('.').unwrap();
    for signature in ["AA".to_owned(), "A".repeat(342), format!("{}w", "_".repeat(341)), "A".repeat(2000)] {
        let outcome = verifier.verify(&format!("{message}.{signature}")).await.unwrap_err();
        assert!(
            matches!(
                outcome,
                VerifyError::Rejected {
                    reason: RejectionReason::SignatureInvalid | RejectionReason::Malformed,
                    ..
                }
            ),
            "{outcome:?}"
        );
    }
}
