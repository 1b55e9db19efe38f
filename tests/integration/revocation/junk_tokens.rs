//! Tokens that cost nothing to make, against an issuer with opaque tokens.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, header::CONTENT_TYPE};
use passport_inbound::{HttpClient, ResponseLimits, Transport, TransportError, VerifyError};

use super::*;
use crate::{floods::latencies, harness::claims_of};

/// The default of `max_unknown_per_second`.
const CALLS_PER_SECOND: u64 = 100;

/// The opaque token that the issuer has issued.
const OPAQUE_TOKEN: &str = "the-opaque-token-of-alice";

/// An issuer that has issued one opaque token. Counts the calls about this token, and those about
/// others.
#[derive(Clone, Debug, Default)]
struct OpaqueIssuer(Arc<[AtomicU64; 2]>);

impl OpaqueIssuer {
    /// Returns the number of calls about the issued token, and about other tokens.
    fn calls(&self) -> (u64, u64) {
        let [issued, others] = &*self.0;
        (issued.load(Ordering::Relaxed), others.load(Ordering::Relaxed))
    }
}

impl HttpClient for OpaqueIssuer {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: ResponseLimits,
    ) -> Result<Response<Bytes>, TransportError> {
        let [issued, others] = &*self.0;
        let is_issued = request.body().starts_with(format!("token={OPAQUE_TOKEN}&").as_bytes());
        let (count, body) = if is_issued {
            (issued, r#"{"active":true,"sub":"alice","tenant_id":"contoso","exp":4102444800}"#)
        } else {
            (others, r#"{"active":false}"#)
        };
        count.fetch_add(1, Ordering::Relaxed);
        let response = Response::builder().header(CONTENT_TYPE, "application/json");
        Ok(response.body(Bytes::from_static(body.as_bytes())).unwrap())
    }
}

/// Verifies `count` different tokens that no issuer has issued. Returns how many were rejected as
/// not active, and for how many there was no answer.
async fn send_junk(verifier: &TokenVerifier, name: &str, count: usize) -> (u64, u64) {
    let (mut inactive, mut unavailable) = (0, 0);
    for number in 0..count {
        match verifier.verify(&format!("{name}-{number}")).await.unwrap_err() {
            VerifyError::Rejected { .. } => inactive += 1,
            VerifyError::IntrospectionUnavailable { .. } => unavailable += 1,
            error => panic!("{error:?}"),
        }
        if number % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    (inactive, unavailable)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_for_100000_junk_tokens_are_bounded() {
    let (passport, clock) = passport_on_a_clock().await;
    let settings = introspection(&passport, IntrospectionMode::opaque());
    let verifier = builder(&passport).introspection(settings).clock(clock.clone()).build().unwrap();
    let good = passport.user_token("alice").build();
    verifier.verify(&good).await.unwrap();
    assert_eq!(passport.counters().introspection(), 1);
    let alone = latencies(&verifier, &good, || false).await;

    let verifier = Arc::new(verifier);
    let floods = [0, 1].map(|flood| {
        let verifier = Arc::clone(&verifier);
        tokio::spawn(async move { send_junk(&verifier, &format!("junk-{flood}"), 50_000).await })
    });
    let goes_on = || !floods.iter().all(tokio::task::JoinHandle::is_finished);
    let beside = latencies(&verifier, &good, goes_on).await;
    let (mut inactive, mut unavailable) = (0, 0);
    for flood in floods {
        let (rejected, unanswered) = flood.await.unwrap();
        (inactive, unavailable) = (inactive + rejected, unavailable + unanswered);
    }
    // The time does not change, so that the flood has one burst.
    assert_eq!((inactive, unavailable), (CALLS_PER_SECOND, 100_000 - CALLS_PER_SECOND));
    assert_eq!(passport.counters().introspection(), 1 + CALLS_PER_SECOND);

    clock.advance(Duration::from_millis(500));
    let (inactive, _) = send_junk(&verifier, "more", 1000).await;
    assert_eq!(inactive, CALLS_PER_SECOND / 2);
    println!("p50 and p99 of a confirmed token, alone: {alone:?}; during the flood: {beside:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_tokens_affect_no_confirmed_opaque_token() {
    let (issuer, clock) = (OpaqueIssuer::default(), ManualClock::at_unix_seconds(crate::harness::START));
    let settings = Introspection::new("orders-api", SecretSource::from_value("secret"))
        .mode(IntrospectionMode::opaque());
    let verifier = TokenVerifier::builder("bizfirstgo-api")
        .transport(Transport::new(issuer.clone()))
        .introspection(settings)
        .clock(clock.clone())
        .build()
        .unwrap();
    let url = format!("{}/whoami", crate::harness::api_behind(verifier.clone()).await);
    assert_eq!(status_with(&url, Some(OPAQUE_TOKEN)).await, 200);

    let floods = [0, 1].map(|flood| {
        let verifier = verifier.clone();
        tokio::spawn(async move { send_junk(&verifier, &format!("junk-{flood}"), 50_000).await })
    });
    // The first ten answers are asked for again during the flood.
    let (mut requests, mut expiries) = (0, 0);
    while requests < 200 || !floods.iter().all(tokio::task::JoinHandle::is_finished) {
        if requests % 20 == 0 && expiries < 10 {
            clock.advance(IntrospectionMode::DEFAULT_MAX_AGE);
            expiries += 1;
        }
        assert_eq!(status_with(&url, Some(OPAQUE_TOKEN)).await, 200, "request {requests}");
        requests += 1;
    }
    let (mut inactive, mut unavailable) = (0, 0);
    for flood in floods {
        let (rejected, unanswered) = flood.await.unwrap();
        (inactive, unavailable) = (inactive + rejected, unavailable + unanswered);
    }
    assert_eq!(inactive + unavailable, 100_000);
    assert_eq!(issuer.calls(), (1 + expiries, inactive));
    // One burst, and another after each step of the clock.
    assert!(inactive <= CALLS_PER_SECOND * (1 + expiries), "{inactive}");
    println!("{requests} requests of a confirmed opaque token during the flood");
}

#[tokio::test]
async fn junk_tokens_take_nothing_from_new_callers() {
    let (passport, clock) = passport_on_a_clock().await;
    let settings = introspection(&passport, IntrospectionMode::opaque());
    let verifier = builder(&passport).introspection(settings).clock(clock).build().unwrap();
    assert_eq!(send_junk(&verifier, "junk", 200).await, (CALLS_PER_SECOND, 200 - CALLS_PER_SECOND));
    // The limit of unknown tokens is reached, but these are verified locally.
    for user in 0..50 {
        verifier.verify(&passport.user_token(&format!("user-{user}")).build()).await.unwrap();
    }
}

#[tokio::test]
async fn repeated_junk_token_costs_one_call_in_5_s() {
    let (passport, clock) = passport_on_a_clock().await;
    let settings = introspection(&passport, IntrospectionMode::opaque());
    let url = introspecting_api(&passport, &clock, settings).await;
    for calls in 1..=2 {
        for _ in 0..10 {
            assert_eq!(status_with(&url, Some("the-same-junk")).await, 401);
        }
        assert_eq!(passport.counters().introspection(), calls);
        clock.advance(Duration::from_secs(5));
    }
}

#[tokio::test]
async fn forged_token_never_reaches_the_issuer() {
    let (passport, clock) = passport_on_a_clock().await;
    for mode in [IntrospectionMode::Introspect, IntrospectionMode::opaque()] {
        let url = introspecting_api(&passport, &clock, introspection(&passport, mode)).await;
        let token = passport.user_token("alice");
        let unknown_key = token.header("kid", "unknown").build();
        let expired = passport.user_token("alice").expired_for(Duration::from_secs(3600)).build();
        let forged = statements::forged(&passport.user_token("alice").build());
        let unsigned = statements::unsigned("JWT", &claims_of(&expired));
        for token in [unknown_key, expired, forged, unsigned] {
            assert_eq!(status_with(&url, Some(&token)).await, 401, "{mode:?}");
        }
    }
    assert_eq!(passport.counters().introspection(), 0);
}
