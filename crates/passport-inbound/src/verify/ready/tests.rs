use http::StatusCode;
use passport_core::{TlsFailure, Transport, TransportErrorKind};
use tokio::time::Instant;

use super::*;
use crate::{
    TenantRule, TrustedIssuer,
    test_support::{
        ScriptedIssuer, ScriptedResponse, TokioClock,
        issuers::{ALPHA, BETA, PASSPORT},
        signing::test_key,
    },
};

fn keys() -> ScriptedResponse {
    ScriptedResponse::body(&test_key(0).jwks("k"))
}

fn external(iss: &str, keys: &str) -> TrustedIssuer {
    TrustedIssuer::external(iss)
        .audience("api")
        .tenant(TenantRule::fixed("contoso"))
        .jwks_url(format!("{iss}/{keys}"))
}

/// Returns a verifier that fetches the keys of a Passport and of two external issuers.
fn three_issuers(issuer: &ScriptedIssuer) -> TokenVerifier {
    TokenVerifier::builder("api")
        .issuer(PASSPORT)
        .jwks_url(format!("{PASSPORT}/passport-keys"))
        .trust(external(ALPHA, "alpha-keys"))
        .trust(external(BETA, "beta-keys"))
        .transport(Transport::new(issuer.clone()))
        .clock(TokioClock::start())
        .build()
        .unwrap()
}

/// Returns a response that a retry does not change.
fn permanent_failure() -> ScriptedResponse {
    ScriptedResponse::Fails(TransportErrorKind::Tls(TlsFailure::UnknownIssuer))
}

#[tokio::test(start_paused = true)]
async fn ready_fetches_only_the_keys_of_passport() {
    let issuer = ScriptedIssuer::new(keys());
    let verifier = three_issuers(&issuer);
    verifier.ready().await.unwrap();
    assert_eq!(issuer.urls(), [format!("{PASSPORT}/passport-keys")]);
    verifier.ready_for(ReadyPolicy::All).await.unwrap();
    assert_eq!(issuer.requests(), 3);
    assert!(verifier.health().is_usable_for(ReadyPolicy::All));
}

#[tokio::test(start_paused = true)]
async fn outage_of_another_issuer_does_not_delay_ready() {
    let issuer = ScriptedIssuer::new(ScriptedResponse::Never);
    issuer.respond_at("/passport-keys", keys());
    let verifier = three_issuers(&issuer);
    let before = Instant::now();
    verifier.ready().await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn ready_for_any_needs_one_issuer() {
    for up in ["/passport-keys", "/alpha-keys", "/beta-keys"] {
        for down in [permanent_failure(), ScriptedResponse::Status(StatusCode::BAD_GATEWAY)] {
            let issuer = ScriptedIssuer::new(down);
            issuer.respond_at(up, keys());
            three_issuers(&issuer).ready_for(ReadyPolicy::Any).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ready_for_any_ignores_issuers_that_failed_for_good() {
    let issuer = ScriptedIssuer::new(permanent_failure());
    issuer.respond_at("/beta-keys", ScriptedResponse::Status(StatusCode::BAD_GATEWAY));
    let verifier = three_issuers(&issuer);
    let ready = tokio::spawn({
        let verifier = verifier.clone();
        async move { verifier.ready_for(ReadyPolicy::Any).await }
    });
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(!ready.is_finished(), "an issuer can recover");
    issuer.respond_at("/beta-keys", keys());
    ready.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn ready_fails_if_a_needed_issuer_failed_for_good() {
    for (policy, failing, name) in [
        (ReadyPolicy::All, "/beta-keys", BETA),
        (ReadyPolicy::All, "/passport-keys", PASSPORT),
        (ReadyPolicy::Passport, "/passport-keys", PASSPORT),
    ] {
        let issuer = ScriptedIssuer::new(keys());
        issuer.respond_at(failing, permanent_failure());
        let error = three_issuers(&issuer).ready_for(policy).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("{name}: ")) && text.contains("TLS"), "{policy:?} {text}");
    }
    let issuer = ScriptedIssuer::new(permanent_failure());
    three_issuers(&issuer).ready_for(ReadyPolicy::Any).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn ready_waits_for_all_issuers_of_the_policy() {
    let issuer = ScriptedIssuer::new(keys());
    issuer.respond_at("/alpha-keys", ScriptedResponse::Status(StatusCode::BAD_GATEWAY));
    let verifier = three_issuers(&issuer);
    let limited = tokio::time::timeout(Duration::from_secs(300), verifier.ready_for(ReadyPolicy::All));
    assert!(limited.await.is_err());
    issuer.respond_at("/alpha-keys", keys());
    verifier.ready_for(ReadyPolicy::All).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn newer_keys_end_the_wait_at_once() {
    let before = Instant::now();
    wait(vec![Need::Nothing], true).await.unwrap();
    wait(vec![Need::Nothing, Need::Failed("x".to_owned())], false).await.unwrap();
    assert!(before.elapsed() < Duration::from_millis(10));
    wait(vec![Need::Nothing, Need::Failed("x".to_owned())], true).await.unwrap_err();
    wait(vec![Need::Failed("x".to_owned())], false).await.unwrap_err();
    wait(vec![Need::Pause(Duration::from_secs(2)), Need::Pause(Duration::from_secs(1))], true).await.unwrap();
    assert_eq!(before.elapsed().as_secs(), 1);
}

#[tokio::test]
async fn build_with_1000_issuers_starts_nothing() {
    let issuer = ScriptedIssuer::new(keys());
    let mut builder = TokenVerifier::builder("api").transport(Transport::new(issuer.clone()));
    for number in 0..1000 {
        builder = builder.trust(external(&format!("https://{number}.example"), "keys"));
    }
    let verifier = builder.build().unwrap();
    assert_eq!(verifier.health().issuers().len(), 1001);
    tokio::task::yield_now().await;
    assert_eq!(issuer.requests(), 0);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}
