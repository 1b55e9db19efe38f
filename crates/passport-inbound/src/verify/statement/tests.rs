//! Tests of statements with the keys of several issuers, and of their separation from access
//! tokens.

use serde_json::{Value, json};

use super::Statement;
use crate::{
    RejectionReason, TokenVerifier, VerifyError,
    jwt::header::StatementType,
    test_support::{
        START, ScriptedIssuer, ScriptedResponse,
        issuers::{ALPHA, PASSPORT, claims_of, external, passport, trusting},
        setup,
        signing::test_key,
    },
};

const EVENT: StatementType = StatementType::exactly(&["secevent+jwt"]);

fn verifier() -> TokenVerifier {
    trusting([passport(0, "p"), external(ALPHA, "alpha", 1, "a")]).build().unwrap()
}

fn header(kid: &str, typ: &str) -> String {
    json!({ "alg": "RS256", "kid": kid, "typ": typ }).to_string()
}

/// Returns a statement of Passport with these claims.
fn statement(typ: &str, claims: &Value) -> String {
    test_key(0).sign(&header("p", typ), &claims.to_string())
}

fn event() -> Value {
    json!({ "iss": PASSPORT, "aud": "api", "iat": START, "jti": "1", "events": {} })
}

/// Returns the valid event with one claim replaced.
fn event_with(name: &str, value: Value) -> Value {
    let mut event = event();
    event[name] = value;
    event
}

async fn verified(token: &str) -> Result<Statement, VerifyError> {
    verifier().verify_statement(token.as_bytes(), EVENT).await
}

async fn reason(token: &str) -> Option<RejectionReason> {
    verified(token).await.err().and_then(|error| error.reason())
}

#[tokio::test]
async fn statement_has_its_issuer_and_payload() {
    let verified =
        verified(&statement("secevent+jwt", &event())).await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(verified.issuer.name, "passport");
    assert_eq!(verified.claims.jti(), Some("1"));
    assert_eq!(serde_json::from_slice::<Value>(&verified.payload).unwrap(), event());
}

#[tokio::test]
async fn media_type_prefix_and_case_do_not_matter() {
    for typ in ["SecEvent+JWT", "application/secevent+jwt"] {
        assert_eq!(reason(&statement(typ, &event())).await, None, "{typ}");
    }
}

#[tokio::test]
async fn other_types_are_rejected() {
    for typ in ["JWT", "at+jwt", "logout+jwt", "secevent", ""] {
        let expected = Some(RejectionReason::WrongTokenType);
        assert_eq!(reason(&statement(typ, &event())).await, expected, "{typ}");
    }
    let untyped = test_key(0).token("p", &event());
    assert_eq!(reason(&untyped).await, Some(RejectionReason::WrongTokenType));
}

#[tokio::test]
async fn optional_type_may_be_absent() {
    let optional = StatementType { values: &["logout+jwt", "jwt"], is_optional: true };
    let verifier = verifier();
    for token in [test_key(0).token("p", &event()), statement("JWT", &event())] {
        assert!(verifier.verify_statement(token.as_bytes(), optional).await.is_ok());
    }
    let other = statement("at+jwt", &event());
    assert!(verifier.verify_statement(other.as_bytes(), optional).await.is_err());
}

#[tokio::test]
async fn no_token_is_both_statement_and_access_token() {
    let verifier = verifier();
    for typ in ["secevent+jwt", "logout+jwt", "token-introspection+jwt", "JWT", "at+jwt"] {
        let token = statement(typ, &claims_of(PASSPORT));
        let is_access_token = verifier.verify(&token).await.is_ok();
        let is_statement = verifier.verify_statement(token.as_bytes(), EVENT).await.is_ok();
        assert!(!(is_access_token && is_statement), "{typ}");
        assert!(is_access_token || typ.ends_with("+jwt"), "{typ}");
    }
}

#[tokio::test]
async fn keys_of_another_issuer_do_not_verify_a_statement() {
    let forged = test_key(1).sign(&header("a", "secevent+jwt"), &event().to_string());
    assert_eq!(reason(&forged).await, Some(RejectionReason::KeyNotFound));
    let forged = test_key(1).sign(&header("p", "secevent+jwt"), &event().to_string());
    assert_eq!(reason(&forged).await, Some(RejectionReason::SignatureInvalid));
}

#[tokio::test]
async fn unknown_issuer_is_rejected() {
    let token = statement("secevent+jwt", &event_with("iss", json!("https://other.example")));
    assert_eq!(reason(&token).await, Some(RejectionReason::IssuerMismatch));
}

#[tokio::test]
async fn duplicate_issuer_is_malformed() {
    let payload = format!(r#"{{"iss":"{PASSPORT}","iat":{START},"iss":"{ALPHA}"}}"#);
    let token = test_key(0).sign(&header("p", "secevent+jwt"), &payload);
    assert_eq!(reason(&token).await, Some(RejectionReason::Malformed));
}

#[tokio::test]
async fn times_of_a_statement_are_checked() {
    for (name, value, expected) in [
        ("iat", json!(null), RejectionReason::Malformed),
        ("iat", json!(START + 61), RejectionReason::IssuedInFuture),
        ("exp", json!(START - 60), RejectionReason::Expired),
        ("nbf", json!(START + 61), RejectionReason::NotYetValid),
        ("exp", json!(u64::from(START) * 1000), RejectionReason::ImplausibleTime("exp")),
    ] {
        let token = statement("secevent+jwt", &event_with(name, value));
        assert_eq!(reason(&token).await, Some(expected), "{name}");
    }
    let mut undated = event();
    undated.as_object_mut().unwrap().remove("iat");
    assert_eq!(
        reason(&statement("secevent+jwt", &undated)).await,
        Some(RejectionReason::MissingClaim("iat"))
    );
    for (name, value) in [("iat", START + 60), ("exp", START - 59), ("nbf", START + 60)] {
        assert_eq!(reason(&statement("secevent+jwt", &event_with(name, json!(value)))).await, None, "{name}");
    }
}

#[tokio::test]
async fn limits_of_access_tokens_apply() {
    let long = statement("secevent+jwt", &event_with("txn", json!("x".repeat(8 * 1024))));
    assert_eq!(reason(&long).await, Some(RejectionReason::TooLarge));
    let unsigned = test_key(0).sign(r#"{"alg":"none","typ":"secevent+jwt"}"#, &event().to_string());
    assert_eq!(reason(&unsigned).await, Some(RejectionReason::AlgorithmNotAllowed));
    assert_eq!(reason("not a token").await, Some(RejectionReason::Malformed));
}

#[tokio::test]
async fn first_statement_waits_for_the_keys() {
    let setup = setup().await;
    let issuer = ScriptedIssuer::new(ScriptedResponse::body(&test_key(0).jwks("p")));
    let verifier = setup.builder_at(&issuer).jwks_url("https://passport.example/keys").issuer(PASSPORT);
    let verifier = verifier.build().unwrap();
    let token = statement("secevent+jwt", &event());
    assert!(verifier.verify_statement(token.as_bytes(), EVENT).await.is_ok());
    assert_eq!(issuer.requests(), 1);
}

#[tokio::test]
async fn statement_without_keys_is_possibly_valid() {
    let setup = setup().await;
    let issuer = ScriptedIssuer::new(ScriptedResponse::Never);
    let verifier = setup.builder_at(&issuer).jwks_url("https://passport.example/keys").issuer(PASSPORT);
    let verifier = verifier.build().unwrap();
    let token = statement("secevent+jwt", &event());
    let result = verifier.verify_statement(token.as_bytes(), EVENT).await;
    assert!(matches!(result, Err(VerifyError::KeysUnavailable { .. })));
}

#[tokio::test(start_paused = true)]
async fn statement_waits_for_a_permit() {
    let verifier = verifier();
    let mut permits = Vec::new();
    while let Some(permit) = verifier.pipeline().permits.try_acquire() {
        permits.push(permit);
    }
    let token = statement("secevent+jwt", &event());
    let result = verifier.verify_statement(token.as_bytes(), EVENT).await;
    assert!(matches!(result, Err(VerifyError::Overloaded { .. })));
    drop(permits);
    assert!(verifier.verify_statement(token.as_bytes(), EVENT).await.is_ok());
}

#[tokio::test]
async fn statement_of_an_unlisted_directory_is_rejected() {
    const DIRECTORY: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
    let iss = format!("https://login.example/{DIRECTORY}");
    for (listed, is_accepted) in [(DIRECTORY, true), ("00000000-0000-4000-8000-000000000000", false)] {
        let mut keys = test_key(2).jwk("d");
        keys["issuer"] = json!(iss);
        let issuer = external("https://login.example/{tenantid}", "directories", 2, "d")
            .static_jwks(json!({ "keys": [keys] }).to_string())
            .allowed_directories([listed]);
        let verifier = trusting([issuer]).build().unwrap();
        let claims = event_with("iss", json!(iss));
        let token = test_key(2).sign(&header("d", "secevent+jwt"), &claims.to_string());
        let result = verifier.verify_statement(token.as_bytes(), EVENT).await;
        assert_eq!(result.is_ok(), is_accepted, "{listed}");
    }
}
