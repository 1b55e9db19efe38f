//! Known vulnerabilities of other implementations: 28 tests that show their absence here. The
//! modules `attacks` and `invalid_tokens` cover more variants of tokens.

use std::{collections::BTreeSet, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, header::AUTHORIZATION};
use passport_dev::{DevPassport, Endpoint, Fault};
use passport_inbound::{AuthenticateLayer, Rejection, RejectionReason as R, TokenVerifier, VerifyError};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::{Layer, Service, ServiceExt};

use crate::{
    harness::{EmptyResponse, START, api, api_behind, http, on_one_clock, serve, verifier},
    token_factory::{KID, Scheme, TokenFactory, base64},
};

fn reason_for(factory: &TokenFactory, token: &str) -> R {
    match factory.verifier().try_verify(token) {
        Some(Err(VerifyError::Rejected { reason, .. })) => reason,
        other => panic!("{other:?}"),
    }
}

/// 1. CVE-2026-25537.
#[test]
fn expiry_of_a_wrong_type_is_malformed() {
    let factory = TokenFactory::new();
    for value in [json!("4102444800"), json!(null), json!(true), json!([4_102_444_800_u64])] {
        assert_eq!(reason_for(&factory, &factory.with_claim("exp", &value)), R::Malformed, "{value}");
        assert_eq!(reason_for(&factory, &factory.with_claim("nbf", &value)), R::Malformed, "{value}");
    }
}

/// 2. CVE-2026-22817, CVE-2026-33322.
#[test]
fn algorithm_is_never_taken_from_the_token() {
    let factory = TokenFactory::new();
    let mut key = factory.jwk();
    key.as_object_mut().unwrap().remove("alg");
    let verifier = TokenVerifier::builder("bizfirstgo-api")
        .static_jwks(json!({ "keys": [key] }).to_string())
        .build()
        .unwrap();
    assert!(matches!(verifier.try_verify(&factory.good()), Some(Ok(_))));
    for (says, signed) in [("RS512", Scheme::Rs512), ("RS384", Scheme::Rs384), ("PS256", Scheme::Ps256)] {
        let outcome = verifier.try_verify(&factory.of_algorithm(says, signed)).unwrap();
        assert_eq!(outcome.unwrap_err().reason(), Some(R::AlgorithmNotAllowed), "{says}");
    }
}

/// 3. CVE-2023-48223, CVE-2026-34950.
#[test]
fn public_key_is_not_accepted_as_an_hmac_secret() {
    let factory = TokenFactory::new();
    for token in factory.with_public_key_as_secret() {
        assert_eq!(reason_for(&factory, &token), R::AlgorithmNotAllowed);
    }
}

/// 4.
#[test]
fn alg_none_is_rejected_in_any_letter_case() {
    let factory = TokenFactory::new();
    for alg in ["none", "None", "nOnE", "NONE", "none "] {
        let token = factory.with_header("alg", &json!(alg));
        assert_eq!(reason_for(&factory, &token), R::AlgorithmNotAllowed, "{alg}");
        let (message, _) = token.rsplit_once('.').unwrap();
        assert_eq!(reason_for(&factory, &format!("{message}.")), R::AlgorithmNotAllowed, "{alg}");
    }
}

/// 5. CVE-2026-35042, CVE-2025-59420, RFC 7797.
#[test]
fn critical_extension_is_rejected_even_if_well_known() {
    let factory = TokenFactory::new();
    for crit in [json!(["b64"]), json!(["exp"]), json!([])] {
        assert_eq!(
            reason_for(&factory, &factory.with_header("crit", &crit)),
            R::UnsupportedCritical,
            "{crit}"
        );
    }
    let header = base64(json!({ "alg": "RS256", "kid": KID, "b64": false, "crit": ["b64"] }).to_string());
    let raw_payload = factory.sign_message(&format!("{header}.not-encoded"));
    assert_eq!(reason_for(&factory, &raw_payload), R::UnsupportedCritical);
}

/// 6. CVE-2026-27962, CVE-2018-0114.
#[tokio::test]
async fn key_in_or_linked_from_a_token_is_never_used() {
    let (passport, verifier, _) = on_one_clock().await;
    verifier.verify(&passport.user_token("u").build()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = format!("http://{}/keys", listener.local_addr().unwrap());
    let stranger = TokenFactory::new();
    let claims: Value = json!({ "iss": passport.issuer(), "aud": passport.audience(), "sub": "u", "tenant_id": "t",
        "iat": START, "exp": START + 60 });
    for (name, value) in [
        ("jwk", stranger.jwk()),
        ("jku", json!(link)),
        ("x5u", json!(link)),
        ("x5c", json!(["MIIB"])),
        ("kid", json!(link)),
    ] {
        let mut header = json!({ "alg": "RS256" });
        header[name] = value;
        let outcome = verifier.verify(&stranger.sign(header.to_string(), claims.to_string())).await;
        assert!(
            matches!(
                outcome.map_err(|error| error.reason()),
                Err(Some(R::SignatureInvalid | R::KeyNotFound))
            ),
            "{name}"
        );
    }
    let no_connection = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await.is_err();
    assert!(no_connection, "the verifier followed a link in a token");
}

/// 7. CVE-2025-30144, GHSA-75c5-xw7c-p5pm.
#[test]
fn issuer_must_be_one_string_and_match_exactly() {
    let factory = TokenFactory::new();
    let issuer = "https://passport.bizfirst.ai";
    for value in [json!([issuer]), json!([issuer, "https://evil.example"]), json!({ "0": issuer })] {
        assert_eq!(reason_for(&factory, &factory.with_claim("iss", &value)), R::Malformed, "{value}");
    }
    for value in [json!("https://passport.bizfirst"), json!(format!("{issuer}.evil.example")), json!("h")] {
        assert_eq!(reason_for(&factory, &factory.with_claim("iss", &value)), R::IssuerMismatch, "{value}");
    }
}

/// 8. CVE-2026-35030, CVE-2026-35039.
#[test]
fn cached_token_is_matched_by_all_its_bytes() {
    let factory = TokenFactory::new();
    let verifier = factory.verifier();
    let known = factory.good();
    assert!(matches!(verifier.try_verify(&known), Some(Ok(_))));
    let [header, payload, signature] = known.split('.').collect::<Vec<_>>()[..] else { unreachable!() };
    let raised = base64(json!({ "sub": "admin" }).to_string());
    for token in [
        format!("{header}.{raised}.{signature}"),           // same signature
        format!("{header}.{payload}.{}", base64([1; 256])), // same header and payload
        known[..known.len() - 1].to_owned(),                // truncated
        format!("{known}A"),                                // extended
        format!("{}.{payload}.{signature}", base64(r#"{"alg":"RS256"}"#)), // another header
    ] {
        assert!(matches!(verifier.try_verify(&token), Some(Err(_))), "{token}");
    }
}

/// 9. nearform/fast-jwt#5.
#[tokio::test]
async fn cached_token_is_dropped_with_its_key() {
    let (passport, verifier, clock) = on_one_clock().await;
    let old = passport.user_token("u").build();
    for _ in 0..2 {
        verifier.verify(&old).await.unwrap();
    }
    passport.rotate_keys().await;
    passport.retire_old_keys();
    clock.advance(Duration::from_secs(31));
    verifier.verify(&passport.user_token("u").build()).await.unwrap();
    let outcome = verifier.verify(&old).await;
    assert_eq!(outcome.unwrap_err().reason(), Some(R::KeyNotFound));
}

/// 10. GHSA-2gx3-rcp4-g85q.
#[tokio::test]
async fn unknown_keys_cause_one_jwks_fetch_per_cooldown() {
    let (passport, verifier, clock) = on_one_clock().await;
    let good = passport.user_token("u").build();
    verifier.verify(&good).await.unwrap();
    for cooldown in 1..=3 {
        for junk in 0..200 {
            let token = passport.user_token("u").header("kid", format!("{cooldown}-{junk}")).build();
            assert_eq!(verifier.verify(&token).await.unwrap_err().reason(), Some(R::KeyNotFound));
            assert!(matches!(verifier.try_verify(&good), Some(Ok(_))));
        }
        assert_eq!(passport.counters().jwks(), 1 + cooldown);
        clock.advance(Duration::from_secs(30));
    }
}

/// 11. GHSA-fhv5-28vv-h8m8.
#[tokio::test]
async fn empty_key_set_removes_no_key() {
    let (passport, verifier, clock) = on_one_clock().await;
    let good = passport.user_token("u").build();
    verifier.verify(&good).await.unwrap();
    for body in [r#"{"keys":[]}"#, r#"{"keys":[{"kty":"EC"}]}"#, "{}", "[]", "null", ""] {
        passport.inject(Endpoint::Jwks, Fault::Body(body.to_owned()));
        let asked = passport.counters().jwks();
        clock.advance(Duration::from_secs(600));
        let junk = passport.user_token("u").header("kid", "junk").build();
        verifier.verify(&junk).await.unwrap_err();
        assert!(passport.counters().jwks() > asked, "{body}");
        assert!(matches!(verifier.try_verify(&good), Some(Ok(_))), "{body}");
    }
}

/// 12. GHSA-8wjv-2p76-3863, Keats/jsonwebtoken#529.
#[test]
fn unusable_key_does_not_disable_other_keys() {
    let factory = TokenFactory::new();
    for odd in [
        json!(null),
        json!("x"),
        json!({}),
        json!({ "kty": "AKP", "alg": "ML-DSA-65", "pub": "AA" }),
        json!({ "kty": "RSA", "n": "!", "e": "AQAB" }),
        json!({ "kty": "RSA", "kid": 5, "n": "AA", "e": "AQAB" }),
        json!({ "kty": "EC", "kid": KID, "crv": "P-256", "x": "AA", "y": "AA" }),
        json!({ "kty": "RSA", "kid": KID, "use": "enc", "n": factory.jwk()["n"], "e": "AQAB" }),
    ] {
        let verifier = TokenVerifier::builder("bizfirstgo-api")
            .static_jwks(json!({ "keys": [odd, factory.jwk()] }).to_string())
            .build()
            .unwrap();
        assert!(matches!(verifier.try_verify(&factory.good()), Some(Ok(_))), "{odd}");
    }
}

/// 13. GHSA-9v7f-9g4p-ffgj, GHSA-993g-76c3-p5m4.
#[tokio::test]
async fn keys_come_over_https_or_loopback_from_the_configured_url() {
    for url in ["http://passport.bizfirst.ai/keys", "file:///etc/keys", "ftp://127.0.0.1/keys", "keys"] {
        let outcome = TokenVerifier::builder("api").jwks_url(url).build();
        assert_eq!(outcome.unwrap_err().problems()[0].option, "jwks_url", "{url}");
    }
    let (passport, verifier, _) = on_one_clock().await;
    let other = DevPassport::start().await.unwrap();
    passport.inject(Endpoint::Jwks, Fault::Redirect(format!("{}/.well-known/jwks.json", other.issuer())));
    verifier.verify(&passport.user_token("u").build()).await.unwrap_err();
    let discovery = json!({ "issuer": passport.issuer(), "jwks_uri": format!("{}/.well-known/jwks.json", other.issuer()) });
    passport.inject(Endpoint::Discovery, Fault::Body(discovery.to_string()));
    self::verifier(&passport).verify(&passport.user_token("u").build()).await.unwrap_err();
    assert_eq!(other.counters().jwks(), 0);
}

/// 14.
#[tokio::test]
async fn issuer_named_by_a_token_is_never_contacted() {
    let (passport, verifier, _) = on_one_clock().await;
    let attacker = DevPassport::start().await.unwrap();
    let forged = attacker.user_token("u").audience(passport.audience()).build();
    verifier.verify(&forged).await.unwrap_err();
    let genuine = passport.user_token("u").claim("iss", attacker.issuer()).build();
    assert_eq!(verifier.verify(&genuine).await.unwrap_err().reason(), Some(R::IssuerMismatch));
    assert_eq!((attacker.counters().discovery(), attacker.counters().jwks()), (0, 0));
}

/// 15. CVE-2025-61920, CVE-2025-53864.
#[test]
fn size_and_depth_are_limited_before_parsing() {
    let factory = TokenFactory::new();
    assert_eq!(reason_for(&factory, &factory.with_claim("x", &json!("x".repeat(9_000)))), R::TooLarge);
    assert_eq!(reason_for(&factory, &".".repeat(1_000_000)), R::TooLarge);
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    let header = format!(r#"{{"alg":"RS256","x":{deep}}}"#);
    assert_eq!(reason_for(&factory, &factory.sign(header, "{}")), R::Malformed);
    let claims = factory.claims().to_string();
    let claims = format!(r#"{{"x":{deep},{}"#, &claims[1..]);
    assert_eq!(reason_for(&factory, &factory.sign(TokenFactory::header().to_string(), claims)), R::Malformed);
}

/// 16. GHSA-hxm8-2xgr-2p9m.
#[test]
fn token_has_one_valid_encoding() {
    let factory = TokenFactory::new();
    let good = factory.good();
    for token in [
        format!("{good}="),
        good.replace('.', "%2E"),
        format!(" {good}"),
        format!("{good}\n"),
        good.replacen('.', "..", 1),
    ] {
        assert_eq!(reason_for(&factory, &token), R::Malformed, "{token}");
    }
}

/// 17. RFC 7515, section 7.2.
#[test]
fn json_serialization_of_a_token_is_rejected() {
    let factory = TokenFactory::new();
    let good = factory.good();
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { unreachable!() };
    let json = json!({ "protected": header, "payload": payload, "signature": signature });
    assert_eq!(reason_for(&factory, &json.to_string()), R::Malformed);
    assert_eq!(reason_for(&factory, &json!({ "x": good }).to_string()), R::Malformed);
}

/// 18. CVE-2022-21449; RFC 7518, section 3.3.
#[test]
fn zero_signatures_and_weak_keys_are_rejected() {
    let factory = TokenFactory::new();
    for signature in [vec![0; 256], vec![0xff; 256], factory.modulus()] {
        let token = crate::token_factory::with_signature(&factory.good(), signature);
        assert_eq!(reason_for(&factory, &token), R::SignatureInvalid);
    }
    for (modulus, exponent) in
        [(base64([0xc5; 128]), "AQAB"), (base64(factory.modulus()), "AQ"), (base64(factory.modulus()), "Ag")]
    {
        let weak = json!({ "keys": [{ "kty": "RSA", "n": modulus, "e": exponent }] }).to_string();
        assert!(TokenVerifier::builder("api").static_jwks(weak).build().is_err());
    }
}

fn packages() -> Vec<(String, String)> {
    let lock = include_str!("../../Cargo.lock");
    let value = |line: &str| Some(line.split_once('"')?.1.trim_end_matches('"').to_owned());
    let lines: Vec<_> = lock.lines().collect();
    let pairs =
        lines.windows(2).filter(|pair| pair[0].starts_with("name = ") && pair[1].starts_with("version = "));
    pairs.filter_map(|pair| Some((value(pair[0])?, value(pair[1])?))).collect()
}

/// 19. RUSTSEC-2023-0071.
#[test]
fn rsa_implementation_has_no_known_timing_leak() {
    let names: BTreeSet<_> = packages().into_iter().map(|(name, _)| name).collect();
    assert!(names.contains("aws-lc-rs") && !names.contains("rsa") && !names.contains("openssl"));
}

/// 20. RFC 9449, section 7.1; RFC 8705, section 3.
#[test]
fn sender_constrained_token_is_rejected() {
    let factory = TokenFactory::new();
    for cnf in [json!({ "jkt": "x" }), json!({ "x5t#S256": "x" }), json!(null)] {
        assert_eq!(reason_for(&factory, &factory.with_claim("cnf", &cnf)), R::SenderConstrained, "{cnf}");
    }
}

/// 21. RFC 8725, section 2.8.
#[test]
fn id_tokens_and_logout_tokens_are_rejected() {
    let factory = TokenFactory::new();
    for name in ["nonce", "at_hash", "c_hash", "events"] {
        assert_eq!(reason_for(&factory, &factory.with_claim(name, &json!("x"))), R::WrongTokenType, "{name}");
    }
    assert_eq!(reason_for(&factory, &factory.with_header("typ", &json!("logout+jwt"))), R::WrongTokenType);
}

/// 22. joshrotenberg/tower-mcp#1122.
#[tokio::test]
async fn rejection_reflects_nothing_of_the_request() {
    let factory = TokenFactory::new();
    let url = format!("{}/whoami", api_behind(factory.verifier()).await);
    let mark = "\", error=\"none\"; realm=\"evil";
    let signed = factory.with_claim("aud", &json!(mark));
    let named = factory.with_header("kid", &json!(mark));
    for authorization in
        [format!("Bearer {signed}"), format!("Bearer {named}"), format!("Bearer {mark}"), mark.to_owned()]
    {
        let response = http().get(&url).header(AUTHORIZATION, authorization).send().await.unwrap();
        assert_eq!(response.status(), 401);
        let headers = format!("{:?}", response.headers());
        let body = response.text().await.unwrap();
        assert!(!headers.contains("evil") && !body.contains("evil"), "{headers} {body}");
    }
}

/// 23. joshrotenberg/tower-mcp#1122.
#[tokio::test]
async fn no_path_spelling_bypasses_the_layer() {
    let factory = TokenFactory::new();
    let base = api_behind(factory.verifier()).await;
    for path in [
        "/whoami",
        "//whoami",
        "/whoami/",
        "/WHOAMI",
        "/%77hoami",
        "/./whoami",
        "/public/../whoami",
        "/whoami;x",
        "/whoami%00",
        "/whoami?access_token=x",
        "/internal/sync/",
        "/internal//sync",
    ] {
        let status = http().get(format!("{base}{path}")).send().await.unwrap().status();
        assert!(matches!(status.as_u16(), 401 | 404), "{path}: {status}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// 24.
    #[test]
    fn no_header_causes_a_panic_or_a_server_error(
        values in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..200),
                "(Bearer|bearer|Basic|) ?[ -~]{0,80}".prop_map(String::into_bytes),
                // Close to a valid token: the header or the claims are random fragments of JSON.
                ("[{\"algRS256kid:,}\\\\u0]{0,40}", "[{\"expnul:,1}]{0,40}", "[A-Za-z0-9_-]{0,40}").prop_map(
                    |(header, claims, signature)| {
                        let header = if header.len() % 2 == 0 { header } else { r#"{"alg":"RS256"}"#.to_owned() };
                        format!("Bearer {}.{}.{signature}", base64(header), base64(claims)).into_bytes()
                    }
                ),
            ],
            0..3,
        )
    ) {
        let mut headers = HeaderMap::new();
        for value in &values {
            headers.extend(HeaderValue::from_bytes(value).ok().map(|value| (AUTHORIZATION, value)));
        }
        let mut request = http::Request::new(());
        *request.headers_mut() = headers;
        let keys = json!({ "keys": [{ "kty": "RSA", "e": "AQAB", "n": base64([0xc7; 256]) }] }).to_string();
        let verifier = TokenVerifier::builder("api").static_jwks(keys).build().unwrap();
        let mut service = AuthenticateLayer::new(verifier).layer(EmptyResponse);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let response = runtime.block_on(async { service.ready().await.unwrap().call(request).await.unwrap() });
        prop_assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
}

/// 25. spiceai/spiceai#9426.
#[test]
fn crypto_provider_of_the_process_is_never_used() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/passport-inbound/src");
    let mut folders = vec![std::path::PathBuf::from(folder)];
    let (mut files, mut uses) = (0, Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                let source = std::fs::read_to_string(path).unwrap();
                uses.extend(source.lines().filter(|line| line.contains("jsonwebtoken::")).map(str::to_owned));
            }
        }
    }
    assert!(files > 50 && uses.is_empty(), "{files} files, {uses:?}");
}

/// 26. RUSTSEC-2024-0376, RUSTSEC-2026-0258, RUSTSEC-2026-0104, CVE-2026-25537.
#[test]
fn dependencies_include_the_fixes_of_their_advisories() {
    let number =
        |part: &str| part.split(['-', '+']).next().and_then(|part| part.parse().ok()).unwrap_or(0_u64);
    let parsed = |version: &str| version.split('.').map(number).collect::<Vec<_>>();
    let packages = packages();
    for (name, floor) in
        [("h2", "0.4.16"), ("jsonwebtoken", "10.3.0"), ("rustls-webpki", "0.103.13"), ("tonic", "0.12.3")]
    {
        let versions: Vec<_> = packages.iter().filter(|package| package.0 == name).collect();
        assert!(!versions.is_empty(), "{name} is no longer a dependency: remove its minimum version");
        assert!(versions.iter().all(|(_, version)| parsed(version) >= parsed(floor)), "{versions:?}");
    }
}

async fn must_not_run() -> &'static str {
    panic!("the handler must not run")
}

/// 27. A hook such as `OnTokenValidationFailed` of the .NET SDK must not turn a failure into a
/// success.
#[tokio::test]
async fn no_hook_turns_a_rejection_into_a_success() {
    let factory = TokenFactory::new();
    let verifier = TokenVerifier::builder("bizfirstgo-api")
        .static_jwks(factory.jwks().to_string())
        .reject_if(|_| false)
        .build()
        .unwrap();
    let layer = AuthenticateLayer::new(verifier)
        .with_rejection_response(|_, _| http::Response::new("welcome".into()));
    let url = serve(axum::Router::new().route("/", axum::routing::get(must_not_run)).layer(layer)).await;
    let expired = factory.with_claim("exp", &json!(5));
    let response = http().get(&url).bearer_auth(expired).send().await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.text().await.unwrap(), "welcome");
}

/// 28. (The unit tests of `verify/diagnostics` check the log for the same.)
#[tokio::test]
async fn unverified_claims_appear_in_no_rejection() {
    let passport = DevPassport::start().await.unwrap();
    let token = passport.user_token("mallory").build();
    let (message, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", base64([1; 256]));
    let response =
        http().get(format!("{}/whoami", api(&passport).await)).bearer_auth(forged).send().await.unwrap();
    assert_eq!(response.status(), 401);
    let mut service = AuthenticateLayer::new(verifier(&passport)).layer(EmptyResponse);
    let request =
        http::Request::get("/").header(AUTHORIZATION, format!("Bearer {message}.AAAA")).body(()).unwrap();
    let response = service.ready().await.unwrap().call(request).await.unwrap();
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert!(!format!("{rejection:?} {rejection}").contains("mallory"));
}
