//! Tests of the JWKS cache file across restarts.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use passport_core::ManualClock;
use tracing::Level;

use crate::{
    JwksState, VerifyError,
    test_support::{Log, START, ScriptedResponse, Setup, setup},
};

const HOUR: Duration = Duration::from_secs(3600);

/// Sets up a test with a manual clock. Paused time does not wait for the threads that read and
/// write files.
async fn setup_for_files() -> (Setup, ManualClock, tempfile::TempDir) {
    let setup = setup().await;
    tokio::time::resume();
    (setup, ManualClock::at_unix_seconds(START), tempfile::tempdir().unwrap())
}

#[tokio::test]
async fn service_with_a_cache_file_starts_during_an_outage() {
    let (setup, clock, folder) = setup_for_files().await;
    let file = folder.path().join("keys.json");
    let verifier = || setup.builder().clock(clock.clone()).jwks_cache_file(&file).build().unwrap();
    let token = setup.token().build();
    let first = verifier();
    first.verify(&token).await.unwrap();
    while !file.exists() {
        tokio::task::yield_now().await;
    }
    drop(first);

    setup.issuer.respond_with(ScriptedResponse::Status(StatusCode::BAD_GATEWAY));
    clock.advance(HOUR);
    let (second, requests) = (verifier(), setup.issuer.requests());
    second.verify(&token).await.unwrap();
    let health = second.jwks_health();
    assert_eq!((health.state(), health.age()), (JwksState::Stale, Some(HOUR)));
    setup.issuer.wait_for_requests(requests + 1).await; // stale keys are refreshed immediately
    drop(second);

    clock.advance(23 * HOUR);
    let outcome = verifier().verify(&token).await;
    assert!(
        matches!(outcome, Err(VerifyError::KeysUnavailable { .. })),
        "the keys expire after 24 h: {outcome:?}"
    );
}

#[tokio::test]
async fn unusable_cache_file_is_logged_and_ignored() {
    let (setup, clock, folder) = setup_for_files().await;
    let log = Log::listen(Level::WARN);
    let (issuer, now) = (setup.passport.issuer(), u64::from(START));
    let saved = |fetched_at: u64, jwks: &str| {
        format!(r#"{{"issuer":"{issuer}","fetched_at":{fetched_at},"jwks":{jwks}}}"#)
    };
    for (number, content) in [
        "<html>".to_owned(),
        saved(now - 24 * 60 * 60, &setup.passport.jwks()),
        saved(now + 60, &setup.passport.jwks()),
        saved(now, r#"{"keys":[]}"#),
    ]
    .into_iter()
    .enumerate()
    {
        let file = folder.path().join(format!("keys-{number}.json"));
        std::fs::write(&file, &content).unwrap();
        let requests = setup.issuer.requests();
        let verifier = setup.builder().clock(clock.clone()).jwks_cache_file(&file).build().unwrap();
        verifier.verify(&setup.token().build()).await.unwrap();
        assert_eq!(setup.issuer.requests(), requests + 1, "{content}");
        assert_eq!(log.lines_with("cannot load JWKS cache file, fetching").len(), number + 1, "{content}");
    }
}

#[tokio::test]
async fn keys_of_the_cache_file_are_not_saved_again() {
    let (setup, clock, folder) = setup_for_files().await;
    let file = folder.path().join("keys.json");
    let content = format!(
        r#"{{"issuer":"{}","fetched_at":{START},"jwks":{}}}"#,
        setup.passport.issuer(),
        setup.passport.jwks()
    );
    std::fs::write(&file, &content).unwrap();
    let verifier = setup.builder().clock(clock).jwks_cache_file(&file).build().unwrap();
    verifier.verify(&setup.token().build()).await.unwrap();
    let other = content.replace(&START.to_string(), &(START + 1).to_string());
    std::fs::write(&file, &other).unwrap();
    // A task that saves keys has a reference to the cache.
    let cache = Arc::downgrade(&verifier.pipeline().first_issuer().jwks);
    drop(verifier);
    while cache.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), other);
    assert_eq!(setup.issuer.requests(), 0);
}
