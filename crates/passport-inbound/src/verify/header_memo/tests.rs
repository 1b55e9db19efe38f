use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    ClaimMap, IssuerName, TenantRule, TokenVerifier, TrustedIssuer,
    test_support::{
        issuers::{ALPHA, BETA, PASSPORT, claims_of, external, passport, trusting, verify},
        signing::test_key,
    },
};

const DIRECTORIES: &str = "https://login.example/{tenantid}/v2.0";
const MAIN: &str = "https://login.example/72f988bf-0000-41af-91ab-2d7cd011db47/v2.0";
const OTHER: &str = "https://login.example/0a1b2c3d-0000-41af-91ab-2d7cd011db47/v2.0";

/// Returns the entries of a verifier that trusts these issuers.
fn entries(issuers: impl IntoIterator<Item = TrustedIssuer>) -> Vec<Arc<IssuerEntry>> {
    trusting(issuers).build().unwrap().pipeline().issuers.load().entries.to_vec()
}

/// Returns an entry for several directories, with the key of the tests with this number.
fn directories(key: usize, kid: &str) -> TrustedIssuer {
    let mut jwk = test_key(key).jwk(kid);
    jwk["issuer"] = DIRECTORIES.into();
    external(DIRECTORIES, "directories", key, kid)
        .static_jwks(json!({ "keys": [jwk] }).to_string())
        .tenant(TenantRule::table("tid", [(&MAIN[22..58], "main"), (&OTHER[22..58], "other")]))
        .danger_any_directory()
}

fn remembered(memo: &HeaderMemo, segment: &[u8]) -> Option<IssuerName> {
    memo.issuer(segment).map(|entry| entry.name.clone())
}

#[test]
fn header_is_remembered_with_its_issuer() {
    let entries = entries([external(ALPHA, "alpha", 0, "k"), external(BETA, "beta", 0, "k")]);
    let memo = HeaderMemo::default();
    assert_eq!(remembered(&memo, b"a"), None);
    memo.learn(b"a", &entries[0]);
    memo.learn(b"a", &entries[0]);
    assert_eq!(remembered(&memo, b"a").unwrap(), "alpha");
    assert_eq!(remembered(&memo, b"b"), None);
}

#[test]
fn header_of_two_issuers_is_no_hint() {
    let entries = entries([external(ALPHA, "alpha", 0, "k"), external(BETA, "beta", 0, "k")]);
    let memo = HeaderMemo::default();
    for issuer in [0, 1, 0, 0, 1] {
        memo.learn(b"a", &entries[issuer]);
    }
    assert_eq!(remembered(&memo, b"a"), None);
}

#[test]
fn long_header_is_not_remembered() {
    let entries = entries([external(ALPHA, "alpha", 0, "k")]);
    let memo = HeaderMemo::default();
    memo.learn(&[b'a'; MAX_HEADER + 1], &entries[0]);
    assert_eq!(remembered(&memo, &[b'a'; MAX_HEADER + 1]), None);
    memo.learn(&[b'a'; MAX_HEADER], &entries[0]);
    assert_eq!(remembered(&memo, &[b'a'; MAX_HEADER]).unwrap(), "alpha");
}

#[test]
fn number_of_remembered_headers_is_bounded() {
    let entries = entries([external(ALPHA, "alpha", 0, "k")]);
    let memo = HeaderMemo::default();
    let header = |number: usize| format!("header-{number}").into_bytes();
    (0..10 * SLOTS).for_each(|number| memo.learn(&header(number), &entries[0]));
    assert_eq!(remembered(&memo, &header(10 * SLOTS - 1)).unwrap(), "alpha");
    let kept = (0..10 * SLOTS).filter(|number| memo.issuer(&header(*number)).is_some()).count();
    assert!((1..=SLOTS).contains(&kept), "{kept}");
}

#[test]
fn rejected_token_is_not_remembered() {
    let verifier = trusting([external(ALPHA, "alpha", 0, "k")]).build().unwrap();
    let mut wrong_audience = claims_of(ALPHA);
    wrong_audience["aud"] = json!("other");
    let segment = |token: &str| token.split('.').next().unwrap().as_bytes().to_vec();
    for token in [test_key(0).token("k", &wrong_audience), test_key(1).token("k", &claims_of(ALPHA))] {
        verify(&verifier, &token).unwrap_err();
        assert!(verifier.pipeline().issuers.load().memo.issuer(&segment(&token)).is_none());
    }
    let good = test_key(0).token("k", &claims_of(ALPHA));
    verify(&verifier, &good).unwrap();
    assert!(verifier.pipeline().issuers.load().memo.issuer(&segment(&good)).is_some());
}

#[test]
fn entry_of_one_directory_precedes_the_placeholder() {
    let main = external(MAIN, "main", 0, "k");
    for order in [[main.clone(), directories(0, "k")], [directories(0, "k"), main]] {
        let verifier = trusting(order).cache_tokens(false).build().unwrap();
        for round in 0..3 {
            for (iss, tid, name) in [(OTHER, &OTHER[22..58], "directories"), (MAIN, &MAIN[22..58], "main")] {
                let mut claims = claims_of(iss);
                claims["tid"] = json!(tid);
                let caller = verify(&verifier, &test_key(0).token("k", &claims)).unwrap();
                assert_eq!(caller.issuer_name(), name, "{round}");
            }
        }
    }
}

/// All issuers of the property test: some have a key, a `kid` or an `iss` in common.
fn issuers() -> Vec<TrustedIssuer> {
    let two_keys = json!({ "keys": [test_key(0).jwk("k"), test_key(1).jwk("a")] }).to_string();
    vec![
        passport(0, "k"),
        external(ALPHA, "alpha", 0, "k")
            .static_jwks(two_keys)
            .claims(ClaimMap::new().roles_from(["groups"]).keep_unmapped_roles()),
        external(BETA, "beta", 1, "k").token_types(["at+jwt"]),
        directories(2, "k"),
        external(MAIN, "main", 2, "k"),
    ]
}

/// Tokens of all issuers with all keys and headers, most of which are not valid.
static TOKENS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let headers = [
        r#"{"alg":"RS256","kid":"k"}"#,
        r#"{"alg":"RS256","kid":"a"}"#,
        r#"{"alg":"RS256"}"#,
        r#"{"alg":"RS256","typ":"at+jwt","kid":"k"}"#,
        r#"{"alg":"ES256","kid":"k"}"#,
    ];
    let mut tokens = Vec::new();
    for iss in [PASSPORT, ALPHA, BETA, MAIN, OTHER, "https://alpha.example/", "https://x.example"] {
        let claims = claims_of(iss).to_string();
        let open = &claims[..claims.len() - 1];
        let payloads = [
            format!(r#"{open},"tid":"{}"}}"#, iss.get(22..58).unwrap_or_default()),
            format!(r#"{open},"groups":5,"tid":{{"a":1,"a":2}}}}"#),
            format!(r#"{{"iss":"{ALPHA}",{}"#, &claims[1..]),
            claims.replace("\"api\"", "\"other\""),
        ];
        for header in headers {
            for payload in &payloads {
                tokens.extend((0..3).map(|key| test_key(key).sign(header, payload)));
            }
        }
    }
    tokens
});

/// The tokens that are accepted.
static VALID: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let is_valid = |token: &&str| verify(&trusting(issuers()).build().unwrap(), token).is_ok();
    TOKENS.iter().map(String::as_str).filter(is_valid).collect()
});

/// Returns tokens, half of which are accepted.
fn token() -> impl Strategy<Value = &'static str> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        index().prop_map(|index| TOKENS[index.index(TOKENS.len())].as_str()),
        index().prop_map(|index| VALID[index.index(VALID.len())]),
    ]
}

/// Returns the caller, or the reason and the issuer of the rejection.
fn result(verifier: &TokenVerifier, token: &str) -> String {
    match verify(verifier, token) {
        Ok(caller) => format!("{caller:?}"),
        Err(error) => format!("{error:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Verifies tokens in a random order. A verifier that remembers the headers of the earlier
    /// tokens has the same results as a new verifier.
    #[test]
    fn result_is_the_same_without_the_memo(
        tokens in prop::collection::vec(token(), 1..40),
        caches_tokens in any::<bool>(),
    ) {
        let warm = trusting(issuers()).cache_tokens(caches_tokens).build().unwrap();
        for token in tokens {
            let cold = trusting(issuers()).build().unwrap();
            prop_assert_eq!(result(&warm, token), result(&cold, token));
        }
    }
}

#[test]
fn memo_of_all_tokens_changes_no_result() {
    let warm = trusting(issuers()).cache_tokens(false).build().unwrap();
    let results: Vec<_> = TOKENS.iter().map(|token| result(&warm, token)).collect();
    assert!(results.iter().filter(|result| result.starts_with("IdInfo")).count() >= 10, "{results:#?}");
    for (token, first) in TOKENS.iter().zip(&results).rev() {
        assert_eq!(&result(&warm, token), first);
    }
}
