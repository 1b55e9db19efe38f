//! Tests of the lifetime of keys, on paused time with a scripted issuer.

use std::time::Duration;

use http::{StatusCode, header};
use passport_core::Transport;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tracing::Level;

use crate::{
    JwksState, RejectionReason, TokenVerifier, VerifyError,
    test_support::{Log, ScriptedIssuer, ScriptedResponse, Setup, setup},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn with_headers(setup: &Setup, headers: &[(http::HeaderName, &'static str)]) -> ScriptedResponse {
    ScriptedResponse::Keys(setup.passport.jwks(), headers.to_vec())
}

fn accepts_at_once(verifier: &TokenVerifier, token: &str) -> bool {
    matches!(verifier.try_verify(token), Some(Ok(_)))
}

#[tokio::test]
async fn keys_are_refreshed_without_requests() {
    let setup = setup().await;
    let verifier = setup.verifier();
    verifier.ready().await.unwrap();
    sleep(HOUR).await;
    assert_eq!(verifier.jwks_health().state(), JwksState::Fresh);
    // A refresh every 432 s to 528 s.
    assert!((7..=9).contains(&setup.issuer.requests()), "{}", setup.issuer.requests());

    setup.passport.rotate_keys().await;
    setup.issuer.respond_with(ScriptedResponse::body(&setup.passport.jwks()));
    sleep(10 * MINUTE).await;
    assert!(
        accepts_at_once(&verifier, &setup.token().build()),
        "the new key is installed before the first request"
    );
}

#[tokio::test]
async fn keys_are_fetched_only_while_a_verifier_is_in_use() {
    let setup = setup().await;
    let verifier = setup.verifier();
    sleep(HOUR).await;
    assert_eq!(setup.issuer.requests(), 0);
    let clone = verifier.clone();
    clone.verify(&setup.token().build()).await.unwrap();
    drop(verifier);
    sleep(10 * MINUTE).await;
    assert_eq!(setup.issuer.requests(), 2);
    drop(clone);
    sleep(HOUR).await;
    assert_eq!(setup.issuer.requests(), 2);
}

#[tokio::test]
async fn max_age_of_the_response_is_used_within_limits() {
    let setup = setup().await;
    for (cache_control, least, most) in [
        ("max-age=200", 19, 26),  // a refresh after 160 s, with jitter
        ("max-age=1", 60, 84),    // the minimum: 1 min
        ("no-store", 60, 84),     // the minimum as well
        ("max-age=86400", 7, 10), // the maximum: 10 min
    ] {
        let issuer = ScriptedIssuer::new(with_headers(&setup, &[(header::CACHE_CONTROL, cache_control)]));
        let verifier = setup.builder().transport(Transport::new(issuer.clone())).build().unwrap();
        verifier.ready().await.unwrap();
        sleep(HOUR).await;
        assert!((least..=most).contains(&issuer.requests()), "{cache_control}: {}", issuer.requests());
    }
}

#[tokio::test]
async fn unchanged_keys_are_confirmed_by_a_304() {
    let setup = setup().await;
    setup.issuer.respond_with(with_headers(&setup, &[(header::ETAG, "\"1\"")]));
    let verifier = setup.verifier();
    verifier.verify(&setup.token().build()).await.unwrap();
    assert!(!setup.issuer.last_request().contains_key(header::IF_NONE_MATCH));
    sleep(10 * MINUTE).await;
    assert_eq!(setup.issuer.last_request()[header::IF_NONE_MATCH], "\"1\"");
    let health = verifier.jwks_health();
    assert_eq!((health.state(), health.keys(), health.failures()), (JwksState::Fresh, 1, 0));
    assert!(health.age().unwrap() < 5 * MINUTE);

    setup.passport.rotate_keys().await;
    setup.issuer.respond_with(with_headers(&setup, &[(header::ETAG, "\"2\"")]));
    sleep(10 * MINUTE).await;
    assert!(accepts_at_once(&verifier, &setup.token().build()));
    sleep(10 * MINUTE).await;
    assert_eq!(setup.issuer.last_request()[header::IF_NONE_MATCH], "\"2\"");
}

#[tokio::test]
async fn not_modified_without_installed_keys_is_an_error() {
    let setup = setup().await;
    setup.issuer.respond_with(ScriptedResponse::Status(StatusCode::NOT_MODIFIED));
    let verifier = setup.verifier();
    let outcome = verifier.verify(&setup.token().build()).await;
    assert!(matches!(outcome, Err(VerifyError::KeysUnavailable { .. })), "{outcome:?}");
    assert!(verifier.jwks_health().last_error().unwrap().contains("304"));
}

#[tokio::test]
async fn outage_is_reported_in_health_and_is_503_after_24_h() {
    let setup = setup().await;
    let log = Log::listen(Level::WARN);
    let verifier = setup.verifier();
    let token = setup.token().build();
    verifier.verify(&token).await.unwrap();
    assert!(verifier.jwks_health().last_error().is_none());

    setup.issuer.respond_with(ScriptedResponse::Status(StatusCode::BAD_GATEWAY));
    sleep(10 * MINUTE).await;
    let health = verifier.jwks_health();
    assert_eq!(health.state(), JwksState::Stale);
    assert!(health.is_usable() && health.failures() > 0);
    assert!(health.last_error().unwrap().contains("502"));
    assert!(log.lines_with("JWKS refresh failed")[0].contains("failures=1"));
    assert!(health.to_string().starts_with("Stale, usable keys: 1, age: "), "{health}");

    sleep(Duration::from_secs(23 * 60 * 60 + 49 * 60)).await;
    assert!(accepts_at_once(&verifier, &token), "after 23 h 59 min");
    sleep(2 * MINUTE).await;
    assert_eq!(verifier.jwks_health().state(), JwksState::Expired);
    let outcome = verifier.verify(&token).await;
    assert!(matches!(outcome, Err(VerifyError::KeysUnavailable { .. })), "{outcome:?}");

    setup.issuer.respond_with(ScriptedResponse::body(&setup.passport.jwks()));
    sleep(Duration::from_secs(31)).await;
    assert!(accepts_at_once(&verifier, &token), "the keys are refreshed without a request");
    assert_eq!(verifier.jwks_health().failures(), 0);
}

#[tokio::test]
async fn outage_causes_one_fetch_per_cooldown() {
    let setup = setup().await;
    let verifier = setup.verifier();
    let token = setup.token().build();
    verifier.verify(&token).await.unwrap();
    setup.issuer.respond_with(ScriptedResponse::Status(StatusCode::SERVICE_UNAVAILABLE));
    sleep(HOUR).await;
    // The refreshes have failed since the eighth minute.
    let (requests, before) = (setup.issuer.requests(), Instant::now());
    for _ in 0..1000 {
        assert!(accepts_at_once(&verifier, &token));
        sleep(Duration::from_millis(300)).await;
    }
    let most = usize::try_from(before.elapsed().as_secs() / 30).unwrap() + 1;
    assert!(
        (5..=most).contains(&(setup.issuer.requests() - requests)),
        "{}",
        setup.issuer.requests() - requests
    );
}

#[tokio::test]
async fn hanging_issuer_delays_no_token_with_a_known_key() {
    let setup = setup().await;
    let verifier = setup.builder().cache_tokens(false).build().unwrap();
    let token = setup.token().build();
    verifier.verify(&token).await.unwrap();
    setup.issuer.respond_with(ScriptedResponse::Never);
    for _ in 0..600 {
        assert!(accepts_at_once(&verifier, &token));
        sleep(Duration::from_secs(2)).await;
    }
    assert!(verifier.jwks_health().failures() > 5, "each refresh times out");
}

#[tokio::test]
async fn invalid_key_set_does_not_replace_valid_keys() {
    let setup = setup().await;
    let verifier = setup.verifier();
    let token = setup.token().build();
    verifier.verify(&token).await.unwrap();
    let weak = json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB" }] }).to_string();
    for (response, why) in [
        (ScriptedResponse::body(r#"{"keys":[]}"#), "no usable key"),
        (ScriptedResponse::body(&weak), "no usable key"),
        (ScriptedResponse::body("[]"), "not a JWKS"),
        (ScriptedResponse::body("<html>Please log in</html>"), "not a JWKS"),
        (ScriptedResponse::body(&setup.passport.jwks()[..200]), "not a JWKS"),
        (ScriptedResponse::body(&" ".repeat(300 * 1024)), "larger"),
        (ScriptedResponse::Status(StatusCode::FOUND), "302"),
        (ScriptedResponse::Status(StatusCode::NO_CONTENT), "204"),
        (ScriptedResponse::Status(StatusCode::PARTIAL_CONTENT), "206"),
    ] {
        setup.issuer.respond_with(response);
        sleep(10 * MINUTE).await;
        assert!(accepts_at_once(&verifier, &token), "{why}");
        let health = verifier.jwks_health();
        assert!(health.last_error().unwrap().contains(why), "{why}: {health}");
    }
}

#[tokio::test]
async fn skipped_key_is_logged_once() {
    let setup = setup().await;
    let log = Log::listen(Level::INFO);
    let mut jwks: Value = serde_json::from_str(&setup.passport.jwks()).unwrap();
    jwks["keys"].as_array_mut().unwrap().push(json!({ "kty": "AKP", "alg": "ML-DSA-65", "pub": "AA" }));
    setup.issuer.respond_with(ScriptedResponse::body(&jwks.to_string()));
    let verifier = setup.verifier();
    verifier.verify(&setup.token().build()).await.unwrap();
    sleep(HOUR).await;
    let logged = log.lines_with("JWKS entry skipped");
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert!(logged[0].contains("position=1") && logged[0].contains("algorithm"), "{logged:?}");
    assert_eq!(log.lines_with("signing keys installed").len(), 1, "only changed keys are logged");
}

#[tokio::test]
async fn clock_difference_above_the_skew_is_logged() {
    let setup = setup().await;
    let log = Log::listen(Level::WARN);
    // The local time is 15:06:40.
    for (date, warns) in [
        ("Sun, 15 Jun 2025 15:06:00 GMT", false),
        ("Sun, 15 Jun 2025 15:07:30 GMT", false),
        ("Sun, 15 Jun 2025 15:05:30 GMT", true),
        ("Sun, 15 Jun 2025 15:16:40 GMT", true),
    ] {
        let issuer = ScriptedIssuer::new(with_headers(&setup, &[(header::DATE, date)]));
        let before = log.lines_with("clock").len();
        let verifier = setup.builder().transport(Transport::new(issuer)).build().unwrap();
        verifier.ready().await.unwrap();
        assert_eq!(log.lines_with("clock").len() > before, warns, "{date}");
    }
}

#[tokio::test]
async fn max_age_is_kept_if_a_304_omits_it() {
    let setup = setup().await;
    let tag = (header::ETAG, "\"1\"");
    setup.issuer.respond_with(with_headers(&setup, &[tag.clone(), (header::CACHE_CONTROL, "max-age=100")]));
    let verifier = setup.verifier();
    verifier.ready().await.unwrap();
    setup.issuer.respond_with(with_headers(&setup, &[tag]));
    sleep(HOUR).await;
    assert!(setup.issuer.requests() > 38, "{}", setup.issuer.requests());
}

#[tokio::test]
async fn fetch_for_an_unknown_key_bypasses_caches() {
    let setup = setup().await;
    let verifier = setup.verifier();
    verifier.ready().await.unwrap();
    assert!(!setup.issuer.last_request().contains_key(header::CACHE_CONTROL));
    verifier.verify(&setup.token().header("kid", "new").build()).await.unwrap_err();
    assert_eq!(setup.issuer.last_request()[header::CACHE_CONTROL], "no-cache");
}

#[tokio::test]
async fn discovery_runs_again_if_the_keys_have_moved() {
    let setup = setup().await;
    let here = setup.passport.issuer().to_owned();
    let discovery =
        |path: &str| ScriptedResponse::body(&format!(r#"{{"issuer":"{here}","jwks_uri":"{here}{path}"}}"#));
    for response in [
        ScriptedResponse::Status(StatusCode::MOVED_PERMANENTLY),
        ScriptedResponse::Status(StatusCode::FORBIDDEN),
        ScriptedResponse::body("<html>"),
    ] {
        let issuer = ScriptedIssuer::new(ScriptedResponse::Status(StatusCode::NOT_FOUND));
        issuer.respond_at("openid-configuration", discovery("/old"));
        issuer.respond_at("/old", ScriptedResponse::body(&setup.passport.jwks()));
        let verifier = TokenVerifier::builder(setup.passport.audience())
            .issuer(&here)
            .transport(Transport::new(issuer.clone()))
            .clock(setup.clock.clone())
            .build()
            .unwrap();
        verifier.ready().await.unwrap();
        issuer.respond_at("openid-configuration", discovery("/new"));
        issuer.respond_at("/old", response);
        issuer.respond_at("/new", ScriptedResponse::body(&setup.passport.jwks()));
        sleep(HOUR).await;
        assert_eq!(verifier.jwks_health().state(), JwksState::Fresh, "{}", verifier.jwks_health());
    }
}

#[tokio::test]
async fn static_keys_cause_no_request() {
    let setup = setup().await;
    let verifier = TokenVerifier::builder(setup.passport.audience())
        .issuer(setup.passport.issuer())
        .static_jwks(setup.passport.jwks())
        .transport(Transport::new(setup.issuer.clone()))
        .clock(setup.clock.clone())
        .build()
        .unwrap();
    assert!(accepts_at_once(&verifier, &setup.token().build()));
    let junk = setup.token().header("kid", "junk").build();
    let outcome = verifier.try_verify(&junk).unwrap();
    assert_eq!(outcome.unwrap_err().reason(), Some(RejectionReason::KeyNotFound));
    sleep(HOUR).await;
    verifier.ready().await.unwrap();
    assert_eq!((setup.issuer.requests(), verifier.jwks_health().next_refresh_at()), (0, None));
}

#[tokio::test]
async fn ready_waits_for_the_end_of_an_outage() {
    let setup = setup().await;
    setup.issuer.respond_with(ScriptedResponse::Status(StatusCode::BAD_GATEWAY));
    let verifier = setup.verifier();
    let mut ready = tokio_test::task::spawn(verifier.ready());
    assert!(ready.poll().is_pending());
    setup.issuer.wait_for_requests(3).await;
    assert!(!verifier.jwks_health().is_usable());
    setup.issuer.respond_with(ScriptedResponse::body(&setup.passport.jwks()));
    ready.await.unwrap();
    assert!(verifier.jwks_health().is_usable());
}

#[tokio::test]
async fn ready_fails_if_discovery_contradicts_the_configuration() {
    let setup = setup().await;
    setup.issuer.respond_with(ScriptedResponse::body(
        r#"{"issuer":"https://other.example","jwks_uri":"https://other.example/keys"}"#,
    ));
    let verifier = TokenVerifier::builder("api")
        .issuer(setup.passport.issuer())
        .transport(Transport::new(setup.issuer.clone()))
        .build()
        .unwrap();
    verifier.ready().await.unwrap_err();
    assert!(
        verifier.jwks_health().last_error().unwrap().contains("another issuer"),
        "{}",
        verifier.jwks_health()
    );
}
