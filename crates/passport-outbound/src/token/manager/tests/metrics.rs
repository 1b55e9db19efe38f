use super::*;
use crate::{ManagedIdentity, test_support::measured};

async fn reject(identity: &ManagedIdentity, generation: u64) {
    if let Some(Credential::Pending(pending)) = identity.replace_rejected(generation) {
        let _ = pending.await;
    }
}

async fn all_events(identity: &ManagedIdentity, source: &Arc<ScriptedSource>) {
    source.fail_next(TokenErrorKind::InvalidResponse);
    identity.token().await.unwrap_err(); // waits, and fails
    identity.token().await.unwrap_err(); // cached error
    source.clock.advance(Duration::from_secs(1));
    identity.token().await.unwrap(); // waits
    identity.token().await.unwrap(); // hit
    reject(identity, 2).await; // too young
    source.clock.advance(HOUR - Duration::from_secs(60));
    identity.token().await.unwrap(); // hit, and starts a refresh
    tokio::task::yield_now().await;
    source.clock.advance(Duration::from_secs(5));
    reject(identity, 3).await; // replaced
    reject(identity, 3).await; // superseded
}

#[tokio::test]
async fn every_call_and_fetch_is_counted() {
    let source = ScriptedSource::new();
    let measured = measured(async { all_events(&identity(&source), &source).await }).await;
    for (name, value) in [
        ("passport_outbound_token_hits_total", 3.0),
        ("passport_outbound_token_waits_total", 2.0),
        ("passport_outbound_cached_errors_total", 1.0),
        ("passport_outbound_token_attempts_total fetched", 3.0),
        ("passport_outbound_token_attempts_total invalid_response", 1.0),
        ("passport_outbound_background_refreshes_total", 2.0),
        ("passport_outbound_token_seconds_to_expiry", 3595.0),
        ("passport_outbound_unauthorized_total too_young", 1.0),
        ("passport_outbound_unauthorized_total replaced", 1.0),
        ("passport_outbound_unauthorized_total superseded", 1.0),
    ] {
        assert_eq!(measured.get(name), Some(&value), "{name}: {measured:#?}");
    }
    assert!(measured.contains_key("passport_outbound_token_attempt_duration_seconds fetched"));
    let expires_at = measured["passport_outbound_token_expiry_timestamp_seconds"];
    assert!(expires_at > 1_750_000_000.0 + HOUR.as_secs_f64(), "{expires_at}");
}
