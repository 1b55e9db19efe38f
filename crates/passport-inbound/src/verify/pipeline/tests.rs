//! Tests that cached and uncached tokens have the same result, and tests of permits and
//! `reject_if`.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use passport_core::{ManualClock, Transport};
use passport_dev::DevPassport;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::{
    task::unconstrained,
    time::{Instant, sleep},
};
use tokio_test::{assert_pending, assert_ready_err, assert_ready_ok, task};

use crate::{
    RejectionReason, TokenVerifier, VerifyError,
    test_support::{START, ScriptedIssuer, ScriptedResponse, setup},
    verify::{
        VerifyProgress,
        pipeline::{Wait, started_if_timed},
    },
};

/// Six keys, and tokens of each key with different validity, with and without a `kid`.
struct Fixture {
    issuer: String,
    audience: String,
    keys: Vec<Value>,
    tokens: Vec<String>,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let clock = ManualClock::at_unix_seconds(START);
        let passport = DevPassport::builder().clock(clock).start().await.unwrap();
        let mut tokens = Vec::new();
        for _ in 0..6 {
            for (nbf, lifetime) in [(0, 300), (200, 4000), (0, 1_000_000)] {
                let good = passport
                    .user_token("u")
                    .claim("nbf", START + nbf)
                    .expires_in(Duration::from_secs(lifetime));
                tokens.extend([good.build(), good.clone().without_header("kid").build()]);
            }
            tokens.push(passport.user_token("u").audience("other").build());
            passport.rotate_keys().await;
        }
        let jwks: Value = serde_json::from_str(&passport.jwks()).unwrap();
        Fixture {
            issuer: passport.issuer().to_owned(),
            audience: passport.audience().to_owned(),
            keys: jwks["keys"].as_array().unwrap()[..6].to_vec(),
            tokens,
        }
    })
});

/// A verifier with a scripted issuer.
struct TestVerifier {
    issuer: ScriptedIssuer,
    verifier: TokenVerifier,
    runtime: tokio::runtime::Runtime,
}

impl TestVerifier {
    fn new(clock: &ManualClock, caches_tokens: bool) -> Self {
        let issuer = ScriptedIssuer::new(ScriptedResponse::body(""));
        let verifier = TokenVerifier::builder(&FIXTURE.audience)
            .issuer(&FIXTURE.issuer)
            .jwks_url(format!("{}/keys", FIXTURE.issuer))
            .transport(Transport::new(issuer.clone()))
            .clock(clock.clone())
            .cache_tokens(caches_tokens)
            .without_jitter()
            .build()
            .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self { issuer, verifier, runtime }
    }

    fn publish(&self, chosen: u8) {
        let keys: Vec<_> = FIXTURE.keys.iter().enumerate().filter(|(n, _)| chosen >> n & 1 == 1).collect();
        let keys: Vec<_> = keys.into_iter().map(|(_, key)| key).collect();
        self.issuer.respond_with(ScriptedResponse::body(&json!({ "keys": keys }).to_string()));
    }

    fn verify(&self, token: &str) -> Result<String, VerifyError> {
        self.runtime.block_on(self.verifier.verify(token)).map(|caller| caller.user_id().to_owned())
    }
}

#[derive(Clone, Debug)]
enum Action {
    Wait(u32),
    Publish(u8),
    GoDown,
    Verify(usize),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1_u32..120).prop_map(Action::Wait),
        1 => (1_u32..90_000).prop_map(Action::Wait),
        1 => Just(Action::GoDown),
        2 => (0_u8..64).prop_map(Action::Publish),
        8 => any::<prop::sample::Index>().prop_map(|index| Action::Verify(index.index(FIXTURE.tokens.len()))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Tries random sequences of key rotations, outages, requests and waiting times.
    #[test]
    fn cached_and_uncached_results_agree(steps in prop::collection::vec(action(), 1..60)) {
        let clock = ManualClock::at_unix_seconds(START);
        let (cached, uncached) = (TestVerifier::new(&clock, true), TestVerifier::new(&clock, false));
        for step in steps {
            match step {
                Action::Wait(seconds) => clock.advance(Duration::from_secs(seconds.into())),
                Action::Publish(chosen) => {
                    cached.publish(chosen);
                    uncached.publish(chosen);
                }
                Action::GoDown => {
                    for subject in [&cached, &uncached] {
                        subject.issuer.respond_with(ScriptedResponse::Status(StatusCode::BAD_GATEWAY));
                    }
                }
                Action::Verify(number) => {
                    let token = &FIXTURE.tokens[number];
                    prop_assert_eq!(cached.verify(token), uncached.verify(token));
                }
            }
        }
    }

    #[test]
    fn arbitrary_input_is_rejected_without_a_panic(token in ".{0,200}", tail in "[A-Za-z0-9_.-]{0,400}") {
        let clock = ManualClock::at_unix_seconds(START);
        let verifier = TokenVerifier::builder("api")
            .static_jwks(json!({ "keys": FIXTURE.keys }).to_string())
            .clock(clock)
            .build()
            .unwrap();
        for token in [token.as_str(), &tail, &format!("eyJhbGciOiJSUzI1NiJ9.{tail}"), &format!("{token}.{tail}")] {
            let outcome = verifier.try_verify(token);
            prop_assert!(matches!(outcome, Some(Err(VerifyError::Rejected { .. }))), "{:?}", outcome);
        }
    }
}

#[tokio::test]
async fn cached_tokens_need_no_permit() {
    let setup = setup().await;
    let verifier = setup.builder().max_concurrent_verifications(NonZeroUsize::MIN).build().unwrap();
    let known = setup.token().build();
    verifier.verify(&known).await.unwrap();
    let only_permit = verifier.pipeline().permits.try_acquire().unwrap();

    assert!(matches!(verifier.try_verify(&known), Some(Ok(_))));
    let new = setup.token().role("x").build();
    assert!(matches!(verifier.verify_now(new.as_bytes()), VerifyProgress::Waiting(Wait::Permit)));
    let other = setup.token().role("y").build();
    assert!(matches!(verifier.try_verify(&other), Some(Ok(_))), "try_verify needs no permit");
    let unnamed = setup.token().header("kid", "junk").build();
    verifier.verify(&unnamed).await.unwrap_err();
    assert!(
        matches!(verifier.verify_now(unnamed.as_bytes()), VerifyProgress::Done(_)),
        "a token with an unknown key needs no permit"
    );

    let mut waiting = task::spawn(verifier.verify(&new));
    assert_pending!(waiting.poll());
    drop(only_permit);
    assert!(waiting.is_woken());
    assert_ready_ok!(waiting.poll());
}

#[tokio::test]
async fn cached_tokens_need_no_permit_after_a_rotation() {
    let setup = setup().await;
    let verifier = setup.builder().max_concurrent_verifications(NonZeroUsize::MIN).build().unwrap();
    let known = [setup.token().build(), setup.token().without_header("kid").build()];
    for token in &known {
        verifier.verify(token).await.unwrap();
    }
    for _ in 0..2 {
        setup.passport.rotate_keys().await;
        let keys = setup.jwks()["keys"].as_array().unwrap().clone();
        // The key of the cached tokens stays published. The new key replaces all other keys.
        let published = json!({ "keys": [keys.first(), keys.last()] });
        setup.issuer.respond_with(ScriptedResponse::body(&published.to_string()));
        sleep(Duration::from_secs(60)).await;
        verifier.verify(&setup.token().build()).await.unwrap();
        let _only_permit = verifier.pipeline().permits.try_acquire().unwrap();
        for token in &known {
            assert!(matches!(verifier.verify_now(token.as_bytes()), VerifyProgress::Done(Ok(_))));
        }
    }
}

#[tokio::test]
async fn request_waiting_for_keys_takes_no_permit_slot() {
    let setup = setup().await;
    let builder = setup.builder().max_concurrent_verifications(NonZeroUsize::MIN);
    let verifier = builder.jwks_request_timeout(Duration::from_secs(1)).build().unwrap();
    verifier.ready().await.unwrap();
    sleep(Duration::from_secs(60)).await;
    setup.issuer.respond_with(ScriptedResponse::Never);
    let (good, other) = (setup.token().build(), setup.token().role("x").build());
    let forged = format!("{}.{}", good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    // The test polls more often than tokio's cooperative budget allows.
    let verify = |token| task::spawn(unconstrained(verifier.verify(token)));
    let mut waiting: Vec<_> = (0..4096).map(|_| verify(&forged)).collect();
    waiting.iter_mut().for_each(|forged| assert_pending!(forged.poll()));
    let unavailable = verifier.verify(&forged).await;
    assert!(
        matches!(unavailable, Err(VerifyError::KeysUnavailable { .. })),
        "no queue slot: {unavailable:?}"
    );

    let permit = verifier.pipeline().permits.try_acquire().unwrap();
    let mut during_the_fetch = verify(&good);
    assert_pending!(during_the_fetch.poll());
    sleep(Duration::from_millis(1500)).await;
    waiting.iter_mut().for_each(|forged| assert_pending!(forged.poll()));
    let mut after_the_fetch = verify(&other);
    assert_pending!(after_the_fetch.poll());
    drop(permit);
    assert_ready_ok!(during_the_fetch.poll());
    for forged in &mut waiting {
        assert_ready_err!(forged.poll());
    }
    assert_ready_ok!(after_the_fetch.poll());
}

#[tokio::test]
async fn token_without_a_permit_is_503_after_2_seconds() {
    let setup = setup().await;
    let verifier = setup.builder().max_concurrent_verifications(NonZeroUsize::MIN).build().unwrap();
    verifier.ready().await.unwrap();
    let _only_permit = verifier.pipeline().permits.try_acquire().unwrap();
    let before = Instant::now();
    let outcome = verifier.verify(&setup.token().build()).await;
    assert!(matches!(outcome, Err(VerifyError::Overloaded { .. })), "{outcome:?}");
    assert_eq!(before.elapsed().as_secs(), 2);
    let rejection = crate::Rejection::from(outcome.unwrap_err());
    assert_eq!((rejection.status().as_u16(), rejection.grpc_code()), (503, 14));
}

#[tokio::test]
async fn permit_is_released_after_the_verification() {
    let setup = setup().await;
    let verifier =
        setup.builder().max_concurrent_verifications(NonZeroUsize::MIN).cache_tokens(false).build().unwrap();
    verifier.ready().await.unwrap();
    let forged = setup.token().build_raw(&setup.header(), "{}");
    for _ in 0..3 {
        assert!(matches!(verifier.verify_now(setup.token().build().as_bytes()), VerifyProgress::Done(Ok(_))));
        assert!(verifier.verify(&forged).await.is_err());
        assert!(matches!(verifier.verify_now(b"junk"), VerifyProgress::Done(Err(_))));
    }
}

#[tokio::test]
async fn reject_if_applies_to_cached_and_uncached_tokens() {
    let setup = setup().await;
    let revoked = Arc::new(AtomicBool::new(false));
    let list = Arc::clone(&revoked);
    let verifier = setup
        .builder()
        .reject_if(move |caller| caller.user_id() == "mallory" || list.load(Ordering::Relaxed))
        .build()
        .unwrap();
    let rejected = Some(RejectionReason::Revoked);
    let mallory = setup.passport.user_token("mallory").build();
    for _ in 0..2 {
        assert_eq!(verifier.verify(&mallory).await.unwrap_err().reason(), rejected);
    }
    let known = setup.token().build();
    verifier.verify(&known).await.unwrap();
    revoked.store(true, Ordering::Relaxed);
    assert_eq!(
        verifier.verify(&known).await.unwrap_err().reason(),
        rejected,
        "reject_if is called each time"
    );
    revoked.store(false, Ordering::Relaxed);
    verifier.verify(&known).await.unwrap();
    assert_eq!(RejectionReason::Revoked.passport_name(), "TokenExpired");
}

#[tokio::test]
async fn cached_token_is_verified_once() {
    let setup = setup().await;
    for (caches, same) in [(true, true), (false, false)] {
        let verifier = setup.builder().cache_tokens(caches).build().unwrap();
        let token = setup.token().build();
        let (first, second) =
            (verifier.verify(&token).await.unwrap(), verifier.verify(&token).await.unwrap());
        assert_eq!(first.is_the_same_as(&second), same);
    }
}

#[tokio::test]
async fn header_of_any_length_is_parsed() {
    let setup = setup().await;
    let verifier = setup.verifier();
    for padding in [0, 440, 441, 442, 443, 444, 445, 446, 447, 448, 449, 450, 2_000, 3_000] {
        let token = setup.token().header("x5c", "x".repeat(padding)).build();
        assert!(verifier.verify(&token).await.is_ok(), "{padding}");
    }
}

#[test]
fn one_cache_hit_in_128_is_timed() {
    fastrand::seed(7);
    let timed = (0..12_800).filter(|_| started_if_timed().is_some()).count();
    assert!((70..130).contains(&timed), "{timed}");
}
