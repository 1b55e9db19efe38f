//! Published attacks on token verifiers. Each is rejected for its own reason, by the verifier,
//! over HTTP and over gRPC.

mod encodings;
mod padding;
mod tokens;

use serde_json::json;
use tonic::transport::Endpoint;

use self::tokens::{Attack, attacks};
use crate::{
    harness::{api_behind, assert_rejected_on_grpc, assert_rejected_on_http, grpc_server_behind, http},
    token_factory::{AUDIENCE, TokenFactory},
};

#[tokio::test]
async fn each_attack_is_rejected_for_its_own_reason() {
    let factory = TokenFactory::new();
    let verifier = factory.verifier();
    let attacks = attacks(&factory);
    assert_eq!(attacks.len(), 283, "update the figure in the changelog as well");
    verifier.verify(&factory.good()).await.expect("a good token passes before");
    for Attack { name, token, reason } in attacks {
        let outcome = verifier.verify(&token).await;
        let outcome = outcome.map(|caller| format!("{caller:?}")).map_err(|error| error.reason());
        assert_eq!(outcome, Err(Some(reason)), "{name}");
    }
    verifier.verify(&factory.good()).await.expect("and after");
}

#[tokio::test]
async fn each_attack_on_http_is_401_with_a_fixed_challenge() {
    let factory = TokenFactory::new();
    let url = format!("{}/whoami", api_behind(factory.verifier()).await);
    let client = http();
    for Attack { name, token, reason } in attacks(&factory) {
        assert_rejected_on_http(client.get(&url), &token, reason, &name).await;
    }
}

#[tokio::test]
async fn each_attack_on_grpc_is_unauthenticated() {
    let factory = TokenFactory::new();
    let channel = Endpoint::from_shared(grpc_server_behind(factory.verifier()).await).unwrap().connect_lazy();
    for Attack { name, token, reason } in attacks(&factory) {
        assert_rejected_on_grpc(channel.clone(), &token, reason, &name).await;
    }
}

/// Strict checks must still accept these forms: RFC 7515 section 4, RFC 7519 section 4.1.3, and
/// the header of Passport's own sample.
#[tokio::test]
async fn token_forms_that_standards_allow_are_accepted() {
    let factory = TokenFactory::new();
    let verifier = factory.verifier();
    let claims = factory.claims().to_string();
    let mut good = vec![
        factory.sign(r#"{"alg":"RS256"}"#, &claims),
        factory.sign(" {\n\t\"alg\" : \"RS256\" } \r\n", format!(" {claims}\n")),
        factory.sign(r#"{"\u0061lg":"RS\u003256","kid":"factory\u002d1"}"#, &claims),
    ];
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "application/jwt"] {
        good.push(factory.with_header("typ", &json!(typ)));
    }
    for (name, value) in [
        ("private", json!({ "a": [1, null, "x"] })),
        ("private", json!(5)),
        ("cty", json!("json")),
        ("jku", json!("https://x")),
        ("x5c", json!(["MIIB"])),
        ("jwk", json!({ "kty": "oct" })),
    ] {
        good.push(factory.with_header(name, &value));
    }
    for (name, value) in [
        ("aud", json!([AUDIENCE])),
        ("aud", json!(["other", AUDIENCE])),
        ("sub", json!("\u{1F600}\r\n\0é")),
        ("exp", json!(factory.now as f64 + 60.5)),
        ("exp", json!(4e9)),
        ("nbf", json!(0)),
        ("nbf", json!(factory.now + 59)),
        ("iat", json!(factory.now + 59)),
        ("exp", json!(factory.now - 30)),
        ("email", json!(null)),
        ("roles", json!("one")),
        ("private", json!({ "sub": { "exp": [1e9, -5] } })),
        ("jti", json!(null)),
    ] {
        good.push(factory.with_claim(name, &value));
    }
    for token in good {
        verifier.verify(&token).await.unwrap_or_else(|error| panic!("{error}: {token}"));
    }
}
