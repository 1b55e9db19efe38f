//! Tests of key rotation, with new and with reused `kid`s, and with forged tokens.

use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use passport_core::ManualClock;
use passport_dev::{DevPassport, TestJwtBuilder};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tracing::Level;

use crate::{
    Algorithm, RejectionReason, TokenVerifier, VerifyError,
    test_support::{Log, START, ScriptedResponse, Setup, setup},
};

const SECOND: Duration = Duration::from_secs(1);
const COOLDOWN: Duration = Duration::from_secs(30);

/// An issuer with new keys under the `kid`s of the old keys.
struct Rekeyed(DevPassport);

impl Rekeyed {
    async fn new() -> Self {
        let clock = ManualClock::at_unix_seconds(START);
        Self(DevPassport::builder().clock(clock).start().await.unwrap())
    }

    fn token(&self, setup: &Setup) -> TestJwtBuilder {
        let month = Duration::from_secs(30 * 24 * 60 * 60);
        let token = self.0.user_token("u").expires_in(month).claim("iss", setup.passport.issuer());
        token.header("kid", setup.jwks()["keys"][0]["kid"].clone())
    }

    fn jwks(&self, setup: &Setup) -> ScriptedResponse {
        let mut jwks: Value = serde_json::from_str(&self.0.jwks()).unwrap();
        jwks["keys"][0]["kid"] = setup.jwks()["keys"][0]["kid"].clone();
        ScriptedResponse::body(&jwks.to_string())
    }
}

fn is_unavailable<T>(outcome: &Result<T, VerifyError>) -> bool {
    matches!(outcome, Err(VerifyError::KeysUnavailable { .. }))
}

async fn reason(verifier: &TokenVerifier, token: &str) -> RejectionReason {
    match verifier.verify(token).await {
        Err(VerifyError::Rejected { reason, .. }) => reason,
        other => panic!("expected a rejection, got {other:?}"),
    }
}

#[tokio::test]
async fn new_key_with_an_old_kid_causes_one_fetch_and_no_401() {
    let (rekeyed, setup) = (Rekeyed::new().await, setup().await);
    let verifier = setup.verifier();
    verifier.verify(&setup.token().build()).await.unwrap();
    setup.issuer.respond_with(rekeyed.jwks(&setup));
    let tokens: Vec<_> = (0..200).map(|n| rekeyed.token(&setup).claim("n", n).build()).collect();
    for outcome in join_all(tokens.iter().map(|token| verifier.verify(token))).await {
        outcome.unwrap();
    }
    assert_eq!(setup.issuer.requests(), 2);
    assert_eq!(reason(&verifier, &setup.token().build()).await, RejectionReason::SignatureInvalid);
}

#[tokio::test]
async fn forged_signatures_cause_one_fetch_per_cooldown() {
    let (rekeyed, setup) = (Rekeyed::new().await, setup().await);
    let verifier = setup.verifier();
    verifier.verify(&setup.token().build()).await.unwrap();
    let forged: Vec<_> = (0..50).map(|n| rekeyed.token(&setup).claim("n", n).build()).collect();
    let requests = setup.issuer.requests();
    for second in 0..120 {
        for outcome in join_all(forged.iter().map(|token| verifier.verify(token))).await {
            assert_eq!(outcome.unwrap_err().reason(), Some(RejectionReason::SignatureInvalid));
        }
        assert_eq!(setup.issuer.requests() - requests, second / 30 + 1, "{second}");
        sleep(SECOND).await;
    }
    // A key that is published during the flood is used after at most one cooldown.
    setup.issuer.respond_with(rekeyed.jwks(&setup));
    let published = Instant::now();
    while verifier.verify(&forged[0]).await.is_err() {
        sleep(SECOND).await;
    }
    assert!(published.elapsed() <= COOLDOWN, "{:?}", published.elapsed());
}

#[tokio::test]
async fn forged_signature_is_401_only_after_a_refresh() {
    let (rekeyed, setup) = (Rekeyed::new().await, setup().await);
    let verifier = setup.verifier();
    verifier.verify(&setup.token().build()).await.unwrap();
    let forged = rekeyed.token(&setup).build();
    for response in [ScriptedResponse::Status(StatusCode::BAD_GATEWAY), ScriptedResponse::Never] {
        setup.issuer.respond_with(response);
        sleep(2 * COOLDOWN).await;
        for _ in 0..3 {
            let outcome = verifier.verify(&forged).await;
            assert!(is_unavailable(&outcome), "the refresh has failed or is running: {outcome:?}");
        }
    }
    setup.issuer.respond_with(ScriptedResponse::body(&setup.passport.jwks()));
    sleep(2 * COOLDOWN).await;
    for _ in 0..3 {
        assert_eq!(reason(&verifier, &forged).await, RejectionReason::SignatureInvalid);
    }
}

#[tokio::test]
async fn new_key_with_an_old_kid_is_503_until_the_outage_ends() {
    let (rekeyed, setup) = (Rekeyed::new().await, setup().await);
    let verifier = setup.verifier();
    let old = setup.token().build();
    verifier.verify(&old).await.unwrap();
    setup.issuer.respond_with(ScriptedResponse::Status(StatusCode::BAD_GATEWAY));
    let new = rekeyed.token(&setup).build();
    for _ in 0..100 {
        match verifier.verify(&new).await {
            Err(VerifyError::KeysUnavailable { retry_after, .. }) => {
                assert!(retry_after <= Duration::from_secs(33), "{retry_after:?}");
            }
            other => panic!("{other:?}"),
        }
        verifier.verify(&old).await.unwrap();
        sleep(SECOND).await;
    }
    setup.issuer.respond_with(rekeyed.jwks(&setup));
    let back = Instant::now();
    while is_unavailable(&verifier.verify(&new).await) {
        sleep(SECOND).await;
    }
    verifier.verify(&new).await.unwrap();
    assert!(back.elapsed() <= Duration::from_secs(34), "one backoff step: {:?}", back.elapsed());
    assert_eq!(reason(&verifier, &old).await, RejectionReason::SignatureInvalid);
}

/// The token is not rejected as invalid: after a dropped refresh, it is unknown whether the
/// issuer has a new key.
#[test]
fn token_is_503_if_its_refresh_was_dropped() {
    let driven = tokio::runtime::Runtime::new().unwrap();
    let clock = ManualClock::at_unix_seconds(START);
    let passport = driven.block_on(DevPassport::builder().clock(clock.clone()).start()).unwrap();
    let verifier = TokenVerifier::builder(passport.audience()).issuer(passport.issuer()).clock(clock.clone());
    let verifier = verifier.build().unwrap();
    let good = passport.user_token("u").build();
    driven.block_on(verifier.verify(&good)).unwrap();
    clock.advance(2 * COOLDOWN);
    let gone = tokio::runtime::Runtime::new().unwrap();
    let handle = gone.handle().clone();
    drop(gone);
    let (message, _) = good.rsplit_once('.').unwrap();
    let other = passport.user_token("v").build();
    let (_, signature) = other.rsplit_once('.').unwrap();
    let junk = passport.user_token("u").header("kid", "junk").build();
    for token in [format!("{message}.{signature}"), junk] {
        {
            let _entered = handle.enter();
            // A task on this runtime is dropped immediately.
            let _ = verifier.try_verify(&token);
        }
        let outcome = driven.block_on(async { verifier.try_verify(&token) }).unwrap();
        assert!(is_unavailable(&outcome), "{outcome:?}");
    }
}

#[tokio::test]
async fn new_kid_is_503_until_the_outage_ends() {
    let setup = setup().await;
    let verifier = setup.verifier();
    let old = setup.token().build();
    verifier.verify(&old).await.unwrap();
    setup.passport.rotate_keys().await;
    let named = setup.token().build();
    let unnamed = setup.token().without_header("kid").build();
    setup.issuer.respond_with(ScriptedResponse::Status(StatusCode::BAD_GATEWAY));
    for _ in 0..100 {
        for token in [&named, &unnamed] {
            match verifier.verify(token).await {
                Err(VerifyError::KeysUnavailable { retry_after, .. }) => {
                    assert!(retry_after <= Duration::from_secs(33), "{retry_after:?}");
                }
                other => panic!("{other:?}"),
            }
        }
        verifier.verify(&old).await.unwrap();
        sleep(SECOND).await;
    }
    setup.issuer.respond_with(ScriptedResponse::body(&setup.passport.jwks()));
    let back = Instant::now();
    while is_unavailable(&verifier.verify(&named).await) {
        sleep(SECOND).await;
    }
    verifier.verify(&named).await.unwrap();
    verifier.verify(&unnamed).await.unwrap();
    assert!(back.elapsed() <= Duration::from_secs(34), "one backoff step: {:?}", back.elapsed());
}

#[tokio::test]
async fn unknown_kid_is_503_while_the_refresh_is_running() {
    let setup = setup().await;
    let log = Log::listen(Level::DEBUG);
    let verifier = setup.verifier();
    verifier.verify(&setup.token().build()).await.unwrap();
    setup.issuer.respond_with(ScriptedResponse::Never);
    let (junk, before) = (setup.token().header("kid", "junk").build(), Instant::now());
    assert!(is_unavailable(&verifier.verify(&junk).await));
    assert_eq!(before.elapsed().as_secs(), 2);
    assert!(log.lines_with("token not verified")[0].contains("junk"));
}

#[tokio::test]
async fn unknown_kid_is_401_during_the_cooldown() {
    let setup = setup().await;
    let verifier = setup.verifier();
    let junk = |n| setup.token().header("kid", format!("junk-{n}")).build();
    for n in 0..20 {
        assert_eq!(reason(&verifier, &junk(n)).await, RejectionReason::KeyNotFound);
    }
    assert_eq!(setup.issuer.requests(), 2, "the first fetch, and one refresh for all tokens");
}

#[tokio::test]
async fn key_used_before_publication_is_accepted_in_a_cooldown() {
    let setup = setup().await;
    let verifier = setup.verifier();
    verifier.verify(&setup.token().build()).await.unwrap();
    setup.passport.rotate_keys().await;
    let early = setup.token().build();
    assert_eq!(reason(&verifier, &early).await, RejectionReason::KeyNotFound);
    setup.issuer.respond_with(ScriptedResponse::body(&setup.passport.jwks()));
    sleep(COOLDOWN).await;
    verifier.verify(&early).await.unwrap();
    assert_eq!(setup.issuer.requests(), 3);
}

#[tokio::test]
async fn scheduled_refresh_starts_the_cooldown() {
    let (rekeyed, setup) = (Rekeyed::new().await, setup().await);
    let verifier = setup.builder().without_jitter().build().unwrap();
    let forged = rekeyed.token(&setup).build();
    verifier.verify(&setup.token().build()).await.unwrap();
    // Two scheduled refreshes.
    for requests in 2..=3 {
        setup.issuer.wait_for_requests(requests).await;
        sleep(SECOND).await;
        for _ in 0..29 {
            assert_eq!(reason(&verifier, &forged).await, RejectionReason::SignatureInvalid);
            assert_eq!(setup.issuer.requests(), requests, "the keys were fetched less than 30 s ago");
            sleep(SECOND).await;
        }
    }
    assert_eq!(reason(&verifier, &forged).await, RejectionReason::SignatureInvalid);
    assert_eq!(setup.issuer.requests(), 4);
}

#[tokio::test]
async fn key_published_after_a_refresh_waits_one_cooldown() {
    let setup = setup().await;
    let verifier = setup.verifier();
    verifier.verify(&setup.token().build()).await.unwrap();
    setup.issuer.wait_for_requests(2).await;
    sleep(SECOND).await;
    setup.passport.rotate_keys().await;
    setup.issuer.respond_with(ScriptedResponse::body(&setup.passport.jwks()));
    let (token, published) = (setup.token().build(), Instant::now());
    while verifier.verify(&token).await.is_err() {
        sleep(SECOND).await;
    }
    assert_eq!(setup.issuer.requests(), 3);
    assert!(published.elapsed() <= COOLDOWN, "{:?}", published.elapsed());
}

/// If the first fetch started the cooldown, an instance that starts just before a rotation would
/// reject valid tokens.
#[tokio::test]
async fn first_fetch_does_not_start_the_cooldown() {
    let setup = setup().await;
    let verifier = setup.verifier();
    verifier.verify(&setup.token().build()).await.unwrap();
    setup.passport.rotate_keys().await;
    setup.issuer.respond_with(ScriptedResponse::body(&setup.passport.jwks()));
    verifier.verify(&setup.token().build()).await.unwrap();
    assert_eq!(setup.issuer.requests(), 2);
}

#[tokio::test]
async fn second_rotation_waits_at_most_one_cooldown() {
    for (settings, cooldown) in [(None, COOLDOWN), (Some(SECOND), SECOND)] {
        let setup = setup().await;
        let builder = setup.builder();
        let verifier = match settings {
            Some(cooldown) => builder.jwks_cooldown(cooldown).build().unwrap(),
            None => builder.build().unwrap(),
        };
        verifier.verify(&setup.token().build()).await.unwrap();
        for rotation in 0..2 {
            setup.passport.rotate_keys().await;
            setup.issuer.respond_with(ScriptedResponse::body(&setup.passport.jwks()));
            let (token, before) = (setup.token().build(), Instant::now());
            while verifier.verify(&token).await.is_err() {
                sleep(SECOND / 10).await;
            }
            assert!(before.elapsed() <= cooldown * rotation + SECOND / 10, "{:?}", before.elapsed());
        }
        tokio::time::resume();
    }
}

#[tokio::test]
async fn new_algorithm_with_an_old_kid_is_accepted() {
    let setup = setup().await;
    let good = setup.jwks();
    let mut other = good.clone();
    // At first the `kid` belongs to a key of another type.
    other["keys"][0] = json!({
        "kty": "OKP", "crv": "Ed25519", "kid": good["keys"][0]["kid"],
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    setup.issuer.respond_with(ScriptedResponse::body(&other.to_string()));
    let algorithms = [Algorithm::Rs256, Algorithm::EdDsa];
    let verifier = setup.builder().algorithms(algorithms).build().unwrap();
    let token = setup.token().build();
    assert_eq!(reason(&verifier, &token).await, RejectionReason::AlgorithmMismatch);
    setup.issuer.respond_with(ScriptedResponse::body(&good.to_string()));
    sleep(COOLDOWN).await;
    verifier.verify(&token).await.unwrap();
}
