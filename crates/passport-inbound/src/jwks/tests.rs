//! Tests of the JWKS cache against a dev Passport.

use std::{sync::Arc, task::Poll, time::Duration};

use futures_util::future::join_all;
use passport_core::ManualClock;
use passport_dev::{DevPassport, Endpoint, Fault, TestJwtBuilder};

mod concurrency;
mod jwks_cache_file;
mod lifetime;
mod requests;
mod rotation;

use crate::{IdInfo, RejectionReason, TokenVerifier, VerifyError};

struct Setup {
    passport: DevPassport,
    verifier: TokenVerifier,
    clock: ManualClock,
}

async fn setup() -> Setup {
    let clock = ManualClock::at_unix_seconds(1_750_000_000);
    let passport = DevPassport::builder().clock(clock.clone()).start().await.unwrap();
    let verifier = TokenVerifier::builder(passport.audience())
        .issuer(passport.issuer())
        .clock(clock.clone())
        .build()
        .unwrap();
    Setup { passport, verifier, clock }
}

impl Setup {
    fn token(&self) -> TestJwtBuilder {
        self.passport.user_token("u").expires_in(Duration::from_secs(7 * 24 * 60 * 60))
    }

    async fn verify(&self, token: &str) -> Result<IdInfo, VerifyError> {
        self.verifier.verify(token).await
    }
}

fn reason(outcome: Result<IdInfo, VerifyError>) -> RejectionReason {
    match outcome {
        Err(VerifyError::Rejected { reason, .. }) => reason,
        other => panic!("expected a rejection, got {other:?}"),
    }
}

fn is_unavailable(outcome: &Result<IdInfo, VerifyError>) -> bool {
    matches!(outcome, Err(VerifyError::KeysUnavailable { .. }))
}

#[tokio::test]
async fn first_1000_callers_cause_one_fetch() {
    let setup = Arc::new(setup().await);
    let token: Arc<str> = setup.token().build().into();
    let callers: Vec<_> = (0..1000)
        .map(|_| {
            let (setup, token) = (Arc::clone(&setup), Arc::clone(&token));
            tokio::spawn(async move { setup.verify(&token).await.is_ok() })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap());
    }
    assert_eq!(setup.passport.counters().jwks(), 1);
    assert_eq!(setup.passport.counters().discovery(), 1);
}

#[tokio::test]
async fn rotation_causes_one_fetch_and_rejects_no_call() {
    let setup = setup().await;
    setup.verify(&setup.token().build()).await.unwrap();
    setup.passport.rotate_keys().await;
    let token = setup.token().build();
    let all = (0..80).map(|_| setup.verify(&token));
    for outcome in join_all(all).await {
        outcome.unwrap();
    }
    assert_eq!(setup.passport.counters().jwks(), 2);
}

#[tokio::test]
async fn rotation_without_kid_causes_one_fetch() {
    let setup = setup().await;
    setup.passport.set_kid_in_tokens(false);
    let old = setup.token().build();
    setup.verify(&old).await.unwrap();
    setup.passport.rotate_keys().await;
    setup.verify(&setup.token().build()).await.unwrap();
    setup.verify(&old).await.unwrap();
    assert_eq!(setup.passport.counters().jwks(), 2);
}

#[tokio::test]
async fn unknown_keys_cause_one_fetch_per_cooldown() {
    let setup = setup().await;
    setup.verify(&setup.token().build()).await.unwrap();
    for round in 1..=2 {
        for junk in 0..100 {
            let token = setup.token().header("kid", format!("junk-{junk}")).build();
            assert_eq!(reason(setup.verify(&token).await), RejectionReason::KeyNotFound);
        }
        assert_eq!(setup.passport.counters().jwks(), 1 + round);
        setup.clock.advance(Duration::from_secs(30));
    }
}

#[tokio::test]
async fn key_published_late_is_accepted_after_the_cooldown() {
    let setup = setup().await;
    setup.verify(&setup.token().build()).await.unwrap();
    let junk = setup.token().header("kid", "junk").build();
    assert_eq!(reason(setup.verify(&junk).await), RejectionReason::KeyNotFound);
    setup.passport.rotate_keys().await;
    let token = setup.token().build();
    assert_eq!(reason(setup.verify(&token).await), RejectionReason::KeyNotFound);
    setup.clock.advance(Duration::from_secs(30));
    setup.verify(&token).await.unwrap();
}

#[tokio::test]
async fn removed_key_is_rejected_after_the_next_refresh() {
    let setup = setup().await;
    let old = setup.token().build();
    setup.verify(&old).await.unwrap();
    setup.passport.rotate_keys().await;
    setup.passport.retire_old_keys();
    setup.verify(&setup.token().build()).await.unwrap();
    assert_eq!(reason(setup.verify(&old).await), RejectionReason::KeyNotFound);
}

#[tokio::test]
async fn stale_keys_are_refreshed_while_calls_continue() {
    let setup = setup().await;
    let token = setup.token().build();
    setup.verify(&token).await.unwrap();
    setup.clock.advance(Duration::from_secs(600));
    setup.passport.inject(Endpoint::Jwks, Fault::Slow(Duration::from_secs(60)));
    for _ in 0..100 {
        setup.verify(&token).await.unwrap();
    }
    setup.passport.counters().reached(Endpoint::Jwks, 2).await;
    assert_eq!(setup.passport.counters().jwks(), 2);
}

#[tokio::test]
async fn faulty_response_does_not_replace_valid_keys() {
    let setup = setup().await;
    let token = setup.token().build();
    setup.verify(&token).await.unwrap();
    for fault in [
        Fault::Down,
        Fault::Status(http::StatusCode::INTERNAL_SERVER_ERROR),
        Fault::Status(http::StatusCode::FORBIDDEN),
        Fault::Html,
        Fault::Truncated,
        Fault::Oversize(300 * 1024),
    ] {
        // Changes the key set, so that a conditional request does not get a 304.
        setup.passport.publish_next_key().await;
        setup.passport.inject(Endpoint::Jwks, fault.clone());
        setup.clock.advance(Duration::from_secs(600));
        let junk = setup.token().header("kid", "junk").build();
        let outcome = setup.verify(&junk).await;
        assert!(is_unavailable(&outcome), "{fault:?}: {outcome:?} {:?}", setup.verifier.jwks_health());
        assert!(setup.verify(&token).await.is_ok(), "{fault:?}");
    }
}

#[tokio::test]
async fn redirect_of_the_jwks_url_is_not_followed() {
    let (setup, other) = (setup().await, DevPassport::start().await.unwrap());
    let location = format!("{}/.well-known/jwks.json", other.issuer());
    setup.passport.inject(Endpoint::Jwks, Fault::Redirect(location));
    assert!(is_unavailable(&setup.verify(&setup.token().build()).await));
    assert_eq!(other.counters().jwks(), 0);
}

#[tokio::test]
async fn token_waits_for_a_key_published_during_a_fetch() {
    let setup = setup().await;
    setup.passport.inject(Endpoint::Jwks, Fault::Slow(Duration::from_millis(200)));
    let old = setup.token().build();
    let mut first = tokio_test::task::spawn(setup.verify(&old));
    assert!(first.poll().is_pending());
    setup.passport.counters().reached(Endpoint::Jwks, 1).await;
    setup.passport.rotate_keys().await;
    let new = setup.token().build();
    let (first, second) = tokio::join!(first, setup.verify(&new));
    first.unwrap();
    second.unwrap();
}

#[tokio::test]
async fn cached_keys_are_trusted_for_24_hours_of_outage() {
    let setup = setup().await;
    let token = setup.token().build();
    setup.verify(&token).await.unwrap();
    setup.passport.inject(Endpoint::Jwks, Fault::Down);
    setup.clock.advance(Duration::from_secs(24 * 60 * 60 - 1));
    setup.verify(&token).await.unwrap();
    setup.passport.counters().reached(Endpoint::Jwks, 2).await;
    setup.clock.advance(Duration::from_secs(31));
    assert!(is_unavailable(&setup.verify(&token).await));
    setup.passport.clear_fault(Endpoint::Jwks);
    setup.clock.advance(Duration::from_secs(30));
    setup.verify(&token).await.unwrap();
}

#[tokio::test]
async fn token_is_503_without_keys_until_the_next_fetch() {
    let setup = setup().await;
    let token = setup.token().build();
    setup.passport.inject(Endpoint::Discovery, Fault::Down);
    assert!(is_unavailable(&setup.verify(&token).await));
    assert!(is_unavailable(&setup.verify(&token).await));
    assert_eq!(setup.passport.counters().discovery(), 1, "the second call was within the pause");
    setup.passport.clear_fault(Endpoint::Discovery);
    setup.clock.advance(Duration::from_secs(1));
    setup.verify(&token).await.unwrap();
}

#[tokio::test]
async fn hanging_issuer_delays_a_caller_by_2_seconds_at_most() {
    let setup = setup().await;
    setup.passport.inject(Endpoint::Jwks, Fault::Slow(Duration::from_secs(600)));
    let token = setup.token().build();
    tokio::time::pause();
    let before = tokio::time::Instant::now();
    assert!(is_unavailable(&setup.verify(&token).await));
    assert!(before.elapsed() <= Duration::from_millis(2100), "{:?}", before.elapsed());
}

#[test]
fn refresh_on_a_stalled_runtime_is_replaced() {
    let frozen = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let driven = tokio::runtime::Runtime::new().unwrap();
    let setup = driven.block_on(setup());
    let token = setup.token().build();
    frozen.block_on(async {
        let mut caller = tokio_test::task::spawn(setup.verify(&token));
        assert!(caller.poll().is_pending());
    });
    setup.clock.advance(Duration::from_secs(31));
    driven.block_on(setup.verify(&token)).unwrap();
}

#[tokio::test]
async fn configured_jwks_url_needs_no_discovery() {
    let setup = setup().await;
    let verifier = TokenVerifier::builder(setup.passport.audience())
        .issuer(setup.passport.issuer())
        .jwks_url(format!("{}/.well-known/jwks.json", setup.passport.issuer()))
        .clock(setup.clock.clone())
        .build()
        .unwrap();
    verifier.verify(&setup.token().build()).await.unwrap();
    assert_eq!((setup.passport.counters().discovery(), setup.passport.counters().jwks()), (0, 1));
}

#[test]
fn caller_without_a_runtime_gets_an_error() {
    let verifier = TokenVerifier::builder("api").build().unwrap();
    // {"iss":"https://passport.bizfirst.ai"}
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL3Bhc3Nwb3J0LmJpemZpcnN0LmFpIn0.c2ln";
    let mut caller = tokio_test::task::spawn(verifier.verify(token));
    match caller.poll() {
        Poll::Ready(outcome) => assert!(is_unavailable(&outcome)),
        Poll::Pending => panic!("the caller would never be woken"),
    }
}

#[tokio::test]
async fn discovery_runs_again_if_the_jwks_url_is_gone() {
    let setup = setup().await;
    setup.verify(&setup.token().build()).await.unwrap();
    setup.passport.rotate_keys().await;
    let token = setup.token().build();
    setup.passport.inject(Endpoint::Jwks, Fault::Status(http::StatusCode::GONE));
    assert!(is_unavailable(&setup.verify(&token).await));
    setup.passport.clear_fault(Endpoint::Jwks);
    setup.clock.advance(Duration::from_secs(33)); // the cooldown with the maximum jitter
    setup.verify(&token).await.unwrap();
    assert_eq!(setup.passport.counters().discovery(), 2);
}

#[test]
fn refresh_dropped_with_its_runtime_starts_no_pause() {
    let driven = tokio::runtime::Runtime::new().unwrap();
    let setup = driven.block_on(setup());
    let gone = tokio::runtime::Runtime::new().unwrap();
    let handle = gone.handle().clone();
    drop(gone);
    let token = setup.token().build();
    {
        let _entered = handle.enter();
        // A task on this runtime is dropped immediately.
        assert!(setup.verifier.try_verify(&token).is_none());
        assert!(setup.verifier.try_verify(&token).is_none());
    }
    assert_eq!(setup.verifier.jwks_health().failures(), 0);
    driven.block_on(async { setup.verify(&token).await.unwrap() });
}

#[test]
fn replaced_refresh_does_not_install_keys() {
    let frozen = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let driven = tokio::runtime::Runtime::new().unwrap();
    let setup = driven.block_on(setup());
    let old = setup.token().build();
    // The issuer has responded to the first refresh, but the runtime of that refresh has stalled.
    let mut first = tokio_test::task::spawn(setup.verify(&old));
    frozen.block_on(async {
        assert!(first.poll().is_pending());
        setup.passport.counters().reached(Endpoint::Jwks, 1).await;
    });
    driven.block_on(async {
        setup.passport.rotate_keys().await;
        setup.passport.retire_old_keys();
        setup.clock.advance(Duration::from_secs(31));
        setup.verify(&setup.token().build()).await.unwrap();
        assert_eq!(reason(setup.verify(&old).await), RejectionReason::KeyNotFound);
    });
    let later = setup.verifier.jwks_health().fetched_at();
    assert_eq!(reason(frozen.block_on(first)), RejectionReason::KeyNotFound);
    assert_eq!(setup.verifier.jwks_health().fetched_at(), later);
    assert_eq!(reason(driven.block_on(setup.verify(&old))), RejectionReason::KeyNotFound);
}

#[tokio::test]
async fn request_is_rejected_if_the_queue_for_keys_is_full() {
    let setup = setup().await;
    setup.verify(&setup.token().build()).await.unwrap();
    setup.passport.inject(Endpoint::Jwks, Fault::Slow(Duration::from_secs(60)));
    let (pipeline, issuer) = (setup.verifier.pipeline(), setup.verifier.pipeline().first_issuer());
    let slot = || pipeline.permit_queue.slot(None, Some(&issuer.key_queue));
    let slots: Vec<_> = std::iter::from_fn(slot).collect();
    assert_eq!(slots.len(), 4096);
    let junk = setup.token().header("kid", "junk").build();
    let mut caller = tokio_test::task::spawn(setup.verify(&junk));
    match caller.poll() {
        Poll::Ready(outcome) => assert!(is_unavailable(&outcome)),
        Poll::Pending => panic!("expected an error without a wait"),
    }
}
