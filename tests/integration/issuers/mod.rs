//! The verifier with the tokens of OIDC servers that others wrote: `oidc-provider` and
//! `oauth2-mock-server`, which `cargo xtask test` installs from npm.

mod boundaries;
mod isolation;
mod servers;
mod three_issuers;

use std::{sync::LazyLock, time::Duration};

use passport_inbound::{ManualClock, RejectionReason, TokenVerifier, VerifyError};
use serde_json::json;

use self::servers::{CLIENT_ID, IssuerServer, Software};
use crate::{harness::claims_of, token_factory::TokenFactory};

const AUDIENCE: &str = "urn:example:orders";

/// Keys that all tests share, because generating a key is slow.
static KEYS: [LazyLock<TokenFactory>; 4] = [const { LazyLock::new(TokenFactory::new) }; 4];

/// How long a verifier with keys waits at most after a failed fetch: the cooldown of 30 s, and a
/// tenth of it.
const COOLDOWN_WITH_JITTER: Duration = Duration::from_secs(33);

/// Returns an issuer whose tokens have the claims that the verifier of one Passport needs.
async fn issuer(software: Software, key: &TokenFactory) -> Option<IssuerServer> {
    let claims = json!({ "tenant_id": "contoso", "email": "ada@contoso.example", "roles": ["orders.read"] });
    IssuerServer::start(software, key.private_jwk("1"), claims).await
}

/// Returns a clock that is set to the time at which `token` was issued.
fn clock_at(token: &str) -> ManualClock {
    let issued_at = claims_of(token)["iat"].as_u64().unwrap();
    ManualClock::at_unix_seconds(issued_at.try_into().unwrap())
}

/// Returns a verifier for one issuer, and its clock, which is set to the time of `token`.
fn verifier(server: &IssuerServer, token: &str) -> (TokenVerifier, ManualClock) {
    let clock = clock_at(token);
    let builder = TokenVerifier::builder(AUDIENCE).issuer(server.url()).clock(clock.clone());
    (builder.build().unwrap(), clock)
}

#[tokio::test]
async fn tokens_of_npm_issuers_are_accepted() {
    for software in Software::ALL {
        let Some(server) = issuer(software, &KEYS[0]).await else { return };
        let token = server.token(AUDIENCE).await;
        let (verifier, _) = verifier(&server, &token);
        let caller = verifier.verify(&token).await.unwrap();
        assert_eq!((caller.user_id(), caller.tenant_id()), (CLIENT_ID, "contoso"), "{software:?}");
        assert_eq!(caller.email(), Some("ada@contoso.example"), "{software:?}");
        assert_eq!(caller.roles(), ["orders.read"], "{software:?}");
        let other = server.token("urn:example:payroll").await;
        let reason = verifier.verify(&other).await.unwrap_err().reason();
        assert_eq!(reason, Some(RejectionReason::AudienceMismatch), "{software:?}");
    }
}

#[tokio::test]
async fn key_rotation_of_an_npm_issuer_rejects_no_token() {
    for software in Software::ALL {
        let Some(mut server) = issuer(software, &KEYS[0]).await else { return };
        let old_token = server.token(AUDIENCE).await;
        let (verifier, _) = verifier(&server, &old_token);
        verifier.verify(&old_token).await.unwrap();
        let requests = server.key_requests().await;
        server.sign_with(KEYS[1].private_jwk("2")).await;
        for token in [server.token(AUDIENCE).await, old_token] {
            verifier.verify(&token).await.unwrap();
        }
        assert_eq!(server.key_requests().await, requests + 1, "{software:?}");
    }
}

#[tokio::test]
async fn restarted_npm_issuer_is_trusted_with_its_new_key() {
    for software in Software::ALL {
        let Some(mut server) = issuer(software, &KEYS[0]).await else { return };
        let known = server.token(AUDIENCE).await;
        let (verifier, clock) = verifier(&server, &known);
        verifier.verify(&known).await.unwrap();
        server.sign_with(KEYS[1].private_jwk("2")).await;
        let unknown = server.token(AUDIENCE).await;
        server.stop().await;
        let unavailable = verifier.verify(&unknown).await.unwrap_err();
        assert!(matches!(unavailable, VerifyError::KeysUnavailable { .. }), "{software:?}: {unavailable:?}");
        verifier.verify(&known).await.unwrap();
        server.restart().await;
        clock.advance(COOLDOWN_WITH_JITTER);
        verifier.verify(&unknown).await.unwrap();
    }
}
