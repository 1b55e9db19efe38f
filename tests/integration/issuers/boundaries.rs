//! Three issuers together: none can speak for another issuer or for its tenant, even if they
//! share key ids or keys.

use std::sync::atomic::{AtomicU32, Ordering};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{three_issuers::*, *};

async fn reason(verifier: &TokenVerifier, token: &str) -> RejectionReason {
    verifier.verify(token).await.unwrap_err().reason().expect("a rejection")
}

/// Returns the id of the key that signed `token`.
fn kid_of(token: &str) -> String {
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

/// Returns a token with the claims of `token` except one, signed with `key`.
fn forge(token: &str, (name, value): (&str, Value), key: &TokenFactory, kid: &str) -> String {
    let mut claims = claims_of(token);
    claims[name] = value;
    key.sign(json!({ "alg": "RS256", "kid": kid }).to_string(), claims.to_string())
}

/// Returns a token with the claims of `token`, signed with `key`. It is not equal to any other
/// token, so it is not cached. All tokens with the same key id have the same header.
fn resign(token: &str, key: &TokenFactory, kid: &str) -> String {
    static SIGNED: AtomicU32 = AtomicU32::new(0);
    let id = SIGNED.fetch_add(1, Ordering::Relaxed).to_string();
    forge(token, ("jti", json!(id)), key, kid)
}

/// Asserts that the callers have the issuers and the tenants of their tokens, also if the tokens
/// are cached.
async fn assert_own_issuers_and_tenants(
    issuers: &ThreeIssuers,
    verifier: &TokenVerifier,
    tokens: &[String; 3],
) {
    for _ in 0..2 {
        for issuer in [PASSPORT, WORKFORCE, PARTNER] {
            assert_own_issuer_and_tenant(issuers, verifier, issuer, &tokens[issuer]).await;
        }
    }
}

async fn assert_own_issuer_and_tenant(
    issuers: &ThreeIssuers,
    verifier: &TokenVerifier,
    issuer: usize,
    token: &str,
) {
    let caller = verifier.verify(token).await.unwrap();
    let expected = (issuers.urls()[issuer].clone(), ["tenant-1", "contoso", "acme"][issuer]);
    assert_eq!((caller.issuer().to_owned(), caller.tenant_id()), expected);
}

#[tokio::test]
async fn token_that_claims_another_issuer_is_rejected() {
    let Some(issuers) = ThreeIssuers::start().await else { return };
    let (verifier, tokens) = (issuers.verifier(), issuers.tokens().await);
    assert_own_issuers_and_tenants(&issuers, &verifier, &tokens).await;
    for own in [WORKFORCE, PARTNER] {
        let key = key_of(own);
        let own_kid = kid_of(&tokens[own]);
        verifier.verify(&resign(&tokens[own], key, &own_kid)).await.unwrap();
        for claimed in [PASSPORT, WORKFORCE, PARTNER].into_iter().filter(|claimed| *claimed != own) {
            let with_own_kid = resign(&tokens[claimed], key, &own_kid);
            assert_eq!(reason(&verifier, &with_own_kid).await, RejectionReason::KeyNotFound);
            let with_known_kid = resign(&tokens[claimed], key, &kid_of(&tokens[claimed]));
            assert_eq!(reason(&verifier, &with_known_kid).await, RejectionReason::SignatureInvalid);
        }
    }
}

#[tokio::test]
async fn issuers_with_the_same_kid_keep_their_own_keys() {
    let Some(mut issuers) = ThreeIssuers::start().await else { return };
    let kid = kid_of(&issuers.all[PASSPORT].token().await);
    issuers.all[WORKFORCE].server().sign_with(key_of(WORKFORCE).private_jwk(&kid)).await;
    issuers.all[PARTNER].server().sign_with(key_of(PARTNER).private_jwk(&kid)).await;
    let (verifier, tokens) = (issuers.verifier(), issuers.tokens().await);
    assert!(tokens.iter().all(|token| kid_of(token) == kid));
    assert_own_issuers_and_tenants(&issuers, &verifier, &tokens).await;
    let requests = issuers.key_requests().await;
    for own in [WORKFORCE, PARTNER, WORKFORCE] {
        let token = resign(&tokens[own], key_of(own), &kid);
        assert_own_issuer_and_tenant(&issuers, &verifier, own, &token).await;
    }
    assert_eq!(issuers.key_requests().await, requests);
    for own in [WORKFORCE, PARTNER] {
        for claimed in [PASSPORT, WORKFORCE, PARTNER].into_iter().filter(|claimed| *claimed != own) {
            let forged = resign(&tokens[claimed], key_of(own), &kid);
            assert_eq!(reason(&verifier, &forged).await, RejectionReason::SignatureInvalid);
        }
    }
}

#[tokio::test]
async fn issuers_with_the_same_key_keep_issuer_and_tenant() {
    let key = key_of(WORKFORCE);
    let jwk = key.private_jwk("shared");
    let Some(mut issuers) = ThreeIssuers::start_with_keys(jwk.clone(), jwk).await else { return };
    let (verifier, tokens) = (issuers.verifier(), issuers.tokens().await);
    assert_own_issuers_and_tenants(&issuers, &verifier, &tokens).await;
    for issuer in [WORKFORCE, PARTNER, PARTNER, WORKFORCE] {
        let token = resign(&tokens[issuer], key, "shared");
        assert_own_issuer_and_tenant(&issuers, &verifier, issuer, &token).await;
    }
    let token = issuers.all[WORKFORCE].server().token(PARTNER_AUDIENCE).await;
    assert_eq!(reason(&verifier, &token).await, RejectionReason::AudienceMismatch);
}

#[tokio::test]
async fn unknown_issuer_is_rejected_before_any_request() {
    let key = key_of(WORKFORCE);
    let Some(mut issuers) = ThreeIssuers::start().await else { return };
    let Some(mut unknown) = issuer(Software::OAuth2MockServer, key).await else { return };
    let verifier = issuers.verifier();
    let token = unknown.token(AUDIENCE).await;
    let rejected = verifier.verify(&token).await.unwrap_err();
    assert_eq!((rejected.reason(), rejected.issuer()), (Some(RejectionReason::IssuerMismatch), None));
    let trusted = issuers.all[WORKFORCE].url();
    let similar = [
        format!("{trusted}/"),
        format!("{trusted}/realms/orders"),
        trusted.replace("http:", "HTTP:"),
        trusted.replace("127.0.0.1", "localhost"),
        format!(" {trusted}"),
        String::new(),
    ];
    let token = issuers.all[WORKFORCE].token().await;
    for iss in similar {
        let forged = forge(&token, ("iss", json!(iss)), key, "workforce");
        assert_eq!(reason(&verifier, &forged).await, RejectionReason::IssuerMismatch, "{iss}");
    }
    assert_eq!(issuers.key_requests().await, [0; 3]);
    assert_eq!(unknown.key_requests().await, 0);
    verifier.verify(&token).await.unwrap();
}

#[tokio::test]
async fn issuer_of_one_tenant_cannot_speak_for_another_tenant() {
    let Some(issuers) = ThreeIssuers::start().await else { return };
    let (verifier, tokens) = (issuers.verifier(), issuers.tokens().await);
    assert_own_issuers_and_tenants(&issuers, &verifier, &tokens).await;
    // `org-2` is contoso in the table of the partner, but contoso lists only the workforce.
    for (organization, expected) in
        [("org-2", RejectionReason::TenantNotAllowed), ("org-3", RejectionReason::TenantUnresolved)]
    {
        let forged =
            forge(&tokens[PARTNER], ("organization", json!(organization)), key_of(PARTNER), "partner");
        assert_eq!(reason(&verifier, &forged).await, expected, "{organization}");
    }
}
