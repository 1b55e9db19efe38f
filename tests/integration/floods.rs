//! Concurrent first requests, floods, key rotations and outages on the inbound side: the number
//! of JWKS fetches, and the effect on valid tokens.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use passport_dev::{DevPassport, Endpoint, Fault};
use passport_inbound::{ManualClock, RejectionReason, TokenVerifier};
use serde_json::{Value, json};
use tonic::{Code, Request, transport};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    harness::{api_behind, grpc_server_behind, http, on_one_clock},
    token_factory::base64,
};

struct Setup {
    passport: DevPassport,
    verifier: TokenVerifier,
    clock: ManualClock,
}

async fn setup() -> Setup {
    let (passport, verifier, clock) = on_one_clock().await;
    Setup { passport, verifier, clock }
}

impl Setup {
    /// Returns a token that is valid for a week.
    fn token(&self) -> String {
        self.passport.user_token("u").expires_in(Duration::from_secs(7 * 24 * 60 * 60)).build()
    }
}

async fn status(client: &reqwest::Client, url: &str, token: &str) -> u16 {
    client.get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_jwks_fetch_serves_1000_first_requests() {
    let setup = setup().await;
    let url = format!("{}/whoami", api_behind(setup.verifier.clone()).await);
    let (client, token) = (http(), setup.token());
    let statuses = join_all((0..1000).map(|_| status(&client, &url, &token))).await;
    assert!(statuses.iter().all(|status| *status == 200));
    assert_eq!((setup.passport.counters().jwks(), setup.passport.counters().discovery()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_jwks_fetch_for_all_requests_with_a_new_key() {
    let setup = setup().await;
    let url = format!("{}/whoami", api_behind(setup.verifier.clone()).await);
    let client = http();
    assert_eq!(status(&client, &url, &setup.token()).await, 200);
    setup.passport.rotate_keys().await;
    let token = setup.token();
    let statuses = join_all((0..200).map(|_| status(&client, &url, &token))).await;
    assert!(statuses.iter().all(|status| *status == 200));
    assert_eq!(setup.passport.counters().jwks(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_jwks_fetch_per_cooldown_for_100000_unknown_keys() {
    let setup = Arc::new(setup().await);
    let good = setup.token();
    setup.verifier.verify(&good).await.unwrap();
    let payload = json!({ "iss": setup.passport.issuer() }).to_string();
    let rest = format!("{}.{}", base64(payload), base64([7; 256]));
    let alone = latencies(&setup.verifier, &good, || false).await;

    let floods: Vec<_> = (0..2)
        .map(|flood| {
            let (setup, rest) = (Arc::clone(&setup), rest.clone());
            tokio::spawn(async move {
                for junk in 0..50_000 {
                    let header = base64(format!(r#"{{"alg":"RS256","kid":"{flood}-{junk}"}}"#));
                    let outcome = setup.verifier.verify(&format!("{header}.{rest}")).await;
                    assert_eq!(outcome.unwrap_err().reason(), Some(RejectionReason::KeyNotFound));
                    if junk % 100 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    let beside =
        latencies(&setup.verifier, &good, || !floods.iter().all(tokio::task::JoinHandle::is_finished)).await;
    for flood in floods {
        flood.await.unwrap();
    }
    assert_eq!(setup.passport.counters().jwks(), 2, "one for the good key, one for the flood");
    setup.clock.advance(Duration::from_secs(30));
    let header = base64(r#"{"alg":"RS256","kid":"one-more"}"#);
    setup.verifier.verify(&format!("{header}.{rest}")).await.unwrap_err();
    assert_eq!(setup.passport.counters().jwks(), 3, "and one for the next cooldown");
    println!("p50 and p99 of a cached token, alone: {alone:?}; during the flood: {beside:?}");
}

/// Measures the verification of a cached token, which involves no I/O: returns median and 99th
/// percentile over some thousand rounds, until `go_on` returns false. They are printed, not
/// asserted.
#[expect(clippy::disallowed_methods, reason = "a measurement")]
pub(crate) async fn latencies(
    verifier: &TokenVerifier,
    token: &str,
    go_on: impl Fn() -> bool,
) -> (Duration, Duration) {
    let mut taken = Vec::new();
    while taken.len() < 5_000 || go_on() {
        let before = Instant::now();
        let outcome = verifier.try_verify(token);
        taken.push(before.elapsed());
        assert!(matches!(outcome, Some(Ok(_))), "{outcome:?}");
        tokio::task::yield_now().await;
    }
    taken.sort_unstable();
    (taken[taken.len() / 2], taken[taken.len() * 99 / 100])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_signatures_delay_no_cached_and_reject_no_new_token() {
    let setup = Arc::new(setup().await);
    let good = setup.token();
    setup.verifier.verify(&good).await.unwrap();
    let (message, _) = good.rsplit_once('.').unwrap();
    let forged = format!("{message}.{}", base64([7; 256]));
    let floods: Vec<_> = (0..8)
        .map(|_| {
            let (setup, forged) = (Arc::clone(&setup), forged.clone());
            tokio::spawn(async move {
                for _ in 0..500 {
                    let outcome = setup.verifier.verify(&forged).await;
                    let reason = outcome.unwrap_err().reason();
                    assert_eq!(reason, Some(RejectionReason::SignatureInvalid));
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let goes_on = || !floods.iter().all(tokio::task::JoinHandle::is_finished);
    let beside = latencies(&setup.verifier, &good, goes_on).await;
    let mut new = 0;
    while new < 20 || goes_on() {
        let token = setup.passport.user_token("u").claim("n", new).build();
        setup.verifier.verify(&token).await.unwrap();
        new += 1;
    }
    for flood in floods {
        flood.await.unwrap();
    }
    assert_eq!(setup.passport.counters().jwks(), 2, "one for the good key, one for the flood");
    println!("p50 and p99 of a cached token during forged signatures: {beside:?}; {new} new tokens accepted");
}

#[tokio::test]
async fn outage_rejects_valid_tokens_only_after_the_keys_expire() {
    let setup = setup().await;
    let url = format!("{}/whoami", api_behind(setup.verifier.clone()).await);
    let (client, token) = (http(), setup.token());
    assert_eq!(status(&client, &url, &token).await, 200);
    setup.passport.inject(Endpoint::Jwks, Fault::Down);
    for _ in 0..23 {
        setup.clock.advance(Duration::from_secs(60 * 60));
        assert_eq!(status(&client, &url, &token).await, 200);
    }
    setup.clock.advance(Duration::from_secs(60 * 60));
    let response = client.get(&url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    assert!(!response.headers().contains_key("www-authenticate"), "it is not the caller's fault");

    let endpoint = grpc_server_behind(setup.verifier.clone()).await;
    let channel = transport::Endpoint::from_shared(endpoint).unwrap().connect_lazy();
    let mut request = Request::new(HealthCheckRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let refused = HealthClient::new(channel).check(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);

    setup.passport.clear_fault(Endpoint::Jwks);
    setup.clock.advance(Duration::from_secs(33));
    assert_eq!(status(&client, &url, &token).await, 200);
}

#[tokio::test]
async fn new_key_is_503_while_jwks_is_down_and_then_200() {
    let setup = setup().await;
    let url = format!("{}/whoami", api_behind(setup.verifier.clone()).await);
    let (client, old) = (http(), setup.token());
    assert_eq!(status(&client, &url, &old).await, 200);
    setup.passport.rotate_keys().await;
    let new = setup.token();
    setup.passport.inject(Endpoint::Jwks, Fault::Down);
    for _ in 0..3 {
        let response = client.get(&url).bearer_auth(&new).send().await.unwrap();
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key("retry-after"));
        assert!(!response.headers().contains_key("www-authenticate"), "it is not the caller's fault");
        assert_eq!(status(&client, &url, &old).await, 200);
        setup.clock.advance(Duration::from_secs(33));
    }
    let endpoint = grpc_server_behind(setup.verifier.clone()).await;
    let channel = transport::Endpoint::from_shared(endpoint).unwrap().connect_lazy();
    let mut request = Request::new(HealthCheckRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {new}").parse().unwrap());
    let refused = HealthClient::new(channel).check(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);

    setup.passport.clear_fault(Endpoint::Jwks);
    setup.clock.advance(Duration::from_secs(33));
    assert_eq!(status(&client, &url, &new).await, 200);
}

/// The new key has the `kid` of the old one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_key_under_an_old_kid_rejects_no_request() {
    let (setup, other) = (setup().await, on_one_clock().await.0);
    let url = format!("{}/whoami", api_behind(setup.verifier.clone()).await);
    let (client, old) = (http(), setup.token());
    assert_eq!(status(&client, &url, &old).await, 200);
    let mut jwks: Value = serde_json::from_str(&setup.passport.jwks()).unwrap();
    let kid = jwks["keys"][0]["kid"].clone();
    let new = other.user_token("u").claim("iss", setup.passport.issuer()).header("kid", kid.clone());
    jwks = serde_json::from_str(&other.jwks()).unwrap();
    jwks["keys"][0]["kid"] = kid;
    setup.passport.inject(Endpoint::Jwks, Fault::Body(jwks.to_string()));

    let tokens: Vec<_> = (0..300).map(|number| new.clone().claim("n", number).build()).collect();
    let statuses = join_all(tokens.iter().map(|token| status(&client, &url, token))).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(setup.passport.counters().jwks(), 2);
    assert_eq!(status(&client, &url, &old).await, 401, "the old key is withdrawn");
}

#[tokio::test]
async fn hanging_issuer_delays_no_token_with_a_known_key() {
    let setup = setup().await;
    let url = format!("{}/whoami", api_behind(setup.verifier.clone()).await);
    let (client, token) = (http(), setup.token());
    assert_eq!(status(&client, &url, &token).await, 200);
    setup.passport.inject(Endpoint::Jwks, Fault::Slow(Duration::from_secs(3600)));
    setup.clock.advance(Duration::from_secs(600));
    let junk = setup.passport.user_token("u").header("kid", "junk").build();
    let waiting = tokio::spawn({
        let (client, url) = (client.clone(), url.clone());
        async move { status(&client, &url, &junk).await }
    });
    setup.passport.counters().reached(Endpoint::Jwks, 2).await;
    for number in 0..50 {
        let new = setup.passport.user_token("u").claim("n", number).build();
        assert!(matches!(setup.verifier.try_verify(&new), Some(Ok(_))), "the cached token needs no fetch");
        assert_eq!(status(&client, &url, &token).await, 200);
    }
    assert_eq!(waiting.await.unwrap(), 503, "an unknown key while the fetch is running");
}
