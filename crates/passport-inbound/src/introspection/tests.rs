//! Questions about tokens, with a scripted endpoint and paused time.

use std::sync::atomic::{AtomicUsize, Ordering};

use http::{StatusCode, header::AUTHORIZATION};
use passport_core::{ResolvedSecret, Secret, SecretError, SecretProvider, SecretRef, SecretSource};
use passport_test_support::{logs::Log, metrics::measured};
use serde_json::json;
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, task};

use super::*;
use crate::test_support::{
    START, TokioClock,
    introspection::{Endpoint, Reply, settings},
};

mod limits;
mod outage;

pub(super) const MAX_AGE: Duration = Duration::from_secs(15);
pub(super) const UNAVAILABLE: IntrospectionError =
    IntrospectionError::Unavailable { retry_after: OVERLOAD_RETRY_AFTER };

pub(super) fn introspector(endpoint: &Endpoint, settings: &Introspection) -> Arc<Introspector> {
    let parts = IntrospectorParts {
        name: IssuerName::new("passport"),
        client_id: settings.client_id.parse().unwrap(),
        url: "https://passport.example/passport/token/introspect".parse().unwrap(),
        audiences: vec!["api".to_owned()],
        transport: endpoint.transport(),
        clock: SharedClock::new(TokioClock::start()),
    };
    Arc::new(Introspector::new(settings, parts))
}

/// Returns an introspector with the default settings, and its endpoint.
pub(super) fn setup(reply: Reply) -> (Endpoint, Arc<Introspector>) {
    let endpoint = Endpoint::new(reply);
    let introspector = introspector(&endpoint, &settings(IntrospectionMode::local_then_introspect()));
    (endpoint, introspector)
}

/// Returns a question about a verified token of the user `u`.
pub(super) fn question(token: &str) -> Question {
    let payload = json!({ "iss": "https://a", "sub": "u", "aud": "api", "exp": START + 3600 }).to_string();
    let facts = TokenFacts::of_token(payload.as_bytes(), &["api".to_owned()]);
    let token = token.as_bytes().into();
    Question {
        token,
        facts,
        is_opaque: false,
        is_known: true,
        max_age: MAX_AGE,
        continue_for: Duration::ZERO,
    }
}

pub(super) fn active() -> Reply {
    Reply::active(&json!({ "sub": "u" }))
}

#[tokio::test(start_paused = true)]
async fn answer_is_asked_again_after_its_maximum_age() {
    let (endpoint, introspector) = setup(active());
    for (elapsed, calls) in [(0, 1), (14, 1), (1, 2), (14, 2), (1, 3)] {
        advance(Duration::from_secs(elapsed)).await;
        introspector.ask(question("t")).await.unwrap();
        assert_eq!(endpoint.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn revocation_is_seen_within_the_maximum_age() {
    let (endpoint, introspector) = setup(active());
    introspector.ask(question("t")).await.unwrap();
    endpoint.reply(Reply::inactive());
    advance(MAX_AGE - Duration::from_millis(1)).await;
    introspector.ask(question("t")).await.unwrap();
    advance(Duration::from_millis(1)).await;
    assert_eq!(introspector.ask(question("t")).await, Err(IntrospectionError::Inactive));
}

#[tokio::test(start_paused = true)]
async fn one_call_for_1000_concurrent_requests() {
    let (endpoint, introspector) = setup(active());
    endpoint.delay(Duration::from_millis(50));
    let metrics = measured(async {
        let mut requests: Vec<_> = (0..1000).map(|_| task::spawn(introspector.ask(question("t")))).collect();
        requests.iter_mut().for_each(|request| assert_pending!(request.poll()));
        for request in requests {
            request.await.unwrap();
        }
        introspector.ask(question("t")).await.unwrap();
    });
    let metrics = metrics.await;
    assert_eq!(endpoint.calls(), 1);
    assert_eq!(metrics["passport_inbound_introspection_waits_total"], 1000.0);
    assert_eq!(metrics["passport_inbound_introspection_hits_total"], 1.0);
    assert_eq!(metrics["passport_inbound_introspections_total active"], 1.0);
    assert!(metrics.contains_key("passport_inbound_introspection_duration_seconds"));
}

#[tokio::test(start_paused = true)]
async fn zero_maximum_age_asks_for_each_request() {
    let (endpoint, introspector) = setup(active());
    for calls in 1..=3 {
        introspector.ask(Question { max_age: Duration::ZERO, ..question("t") }).await.unwrap();
        assert_eq!(endpoint.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn inactive_token_is_not_asked_about_for_5_s() {
    let (endpoint, introspector) = setup(Reply::inactive());
    let metrics = measured(async {
        for (elapsed, calls) in [(0, 1), (4999, 1), (1, 2)] {
            advance(Duration::from_millis(elapsed)).await;
            assert_eq!(introspector.ask(question("t")).await, Err(IntrospectionError::Inactive));
            assert_eq!(endpoint.calls(), calls);
        }
    });
    let metrics = metrics.await;
    assert_eq!(metrics["passport_inbound_introspection_revocations_total"], 3.0);
    assert_eq!(metrics["passport_inbound_introspections_total inactive"], 2.0);
}

#[tokio::test(start_paused = true)]
async fn expired_token_was_not_revoked() {
    let (endpoint, introspector) = setup(active());
    introspector.ask(question("t")).await.unwrap();
    endpoint.reply(Reply::inactive());
    advance(Duration::from_secs(3600)).await;
    let metrics = measured(async {
        assert_eq!(introspector.ask(question("t")).await, Err(IntrospectionError::Expired));
    });
    assert!(!metrics.await.contains_key("passport_inbound_introspection_revocations_total"));
}

#[tokio::test(start_paused = true)]
async fn answer_is_not_used_after_the_expiry() {
    let (endpoint, introspector) = setup(active());
    advance(Duration::from_secs(3599)).await;
    introspector.ask(question("t")).await.unwrap();
    advance(Duration::from_secs(1)).await;
    introspector.ask(question("t")).await.unwrap();
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn request_has_the_token_and_the_client() {
    let (endpoint, introspector) = setup(active());
    introspector.ask(question("a.b-c")).await.unwrap();
    let request = &endpoint.requests()[0];
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "https://passport.example/passport/token/introspect");
    assert_eq!(request.body(), "token=a.b-c&token_type_hint=access_token");
    assert_eq!(request.headers()[AUTHORIZATION], "Basic Y2xpZW50OnMzY3JldA==");
    assert!(request.headers()[AUTHORIZATION].is_sensitive());
}

#[tokio::test(start_paused = true)]
async fn dropped_request_does_not_cancel_the_call() {
    let (endpoint, introspector) = setup(active());
    endpoint.delay(Duration::from_millis(50));
    let mut request = task::spawn(introspector.ask(question("t")));
    assert_pending!(request.poll());
    drop(request);
    introspector.ask(question("t")).await.unwrap();
    assert_eq!(endpoint.calls(), 1);
}

#[test]
fn nothing_is_active_without_a_runtime() {
    let endpoint = Endpoint::new(active());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let introspector =
        runtime.block_on(async { introspector(&endpoint, &settings(IntrospectionMode::Introspect)) });
    let asked = task::spawn(introspector.ask(question("t"))).poll();
    assert_eq!(asked, std::task::Poll::Ready(Err(UNAVAILABLE)));
}

/// A provider of a secret that is rotated each time it is read.
#[derive(Clone, Debug)]
struct Rotated(Arc<AtomicUsize>, &'static [&'static str]);

impl SecretProvider for Rotated {
    async fn resolve(&self, _: &SecretRef) -> Result<ResolvedSecret, SecretError> {
        let read = self.0.fetch_add(1, Ordering::Relaxed).min(self.1.len() - 1);
        Ok(ResolvedSecret::new(Secret::new(self.1[read])))
    }
}

fn rotated(secrets: &'static [&'static str]) -> Introspection {
    let secret = SecretSource::new(Rotated(Arc::default(), secrets), "vault:x".parse().unwrap());
    Introspection::new("client", secret)
}

#[tokio::test(start_paused = true)]
async fn rotated_secret_is_read_again() {
    let endpoint = Endpoint::new(Reply::Status(StatusCode::UNAUTHORIZED));
    let introspector = introspector(&endpoint, &rotated(&["old", "new"]));
    assert_eq!(introspector.ask(question("t")).await, Err(UNAVAILABLE));
    let sent: Vec<_> = endpoint.requests().iter().map(|sent| sent.headers()[AUTHORIZATION].clone()).collect();
    assert_eq!(sent, ["Basic Y2xpZW50Om9sZA==", "Basic Y2xpZW50Om5ldw=="]);
}

#[tokio::test(start_paused = true)]
async fn rejected_secret_is_not_sent_twice() {
    let log = Log::listen(tracing::Level::ERROR);
    let endpoint = Endpoint::new(Reply::Status(StatusCode::UNAUTHORIZED));
    let introspector = introspector(&endpoint, &rotated(&["same"]));
    for token in ["a", "b", "c"] {
        let error = introspector.ask(question(token)).await.unwrap_err();
        assert!(matches!(error, IntrospectionError::Unavailable { .. }), "{error:?}");
    }
    assert_eq!(endpoint.calls(), 1);
    let lines = log.lines_with("check the client id and the secret");
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("client_secret_basic"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn debug_shows_no_token() {
    let (_, introspector) = setup(active());
    let token = IntrospectedToken::new(&introspector, b"t0ken"[..].into(), std::time::UNIX_EPOCH);
    introspector.ask(question("t0ken")).await.unwrap();
    let shown = format!("{token:?} {introspector:?}");
    assert!(!shown.contains("t0ken") && !shown.contains("s3cret"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn opaque_answer_about_another_caller_is_invalid() {
    let (endpoint, introspector) = setup(Reply::active(&json!({ "sub": "mallory" })));
    introspector.ask_opaque(b"t", "https://a".to_owned()).await.unwrap();
    let opaque = Question { is_opaque: true, ..question("t") };
    assert_eq!(introspector.ask(opaque).await, Err(UNAVAILABLE));
    assert_eq!(endpoint.calls(), 1);
    endpoint.reply(Reply::active(&json!({ "iss": "https://b" })));
    assert_eq!(introspector.ask_opaque(b"u", "https://a".to_owned()).await, Err(UNAVAILABLE));
}

#[tokio::test(start_paused = true)]
async fn opaque_answer_without_an_expiry_ends_after_60_s() {
    let (_, introspector) = setup(Reply::active(&json!({ "sub": "u" })));
    let active = introspector.ask_opaque(b"t", "https://a".to_owned()).await.unwrap();
    assert_eq!(Duration::from_nanos(active.expires_at - active.checked_at), Duration::from_secs(60));
}

pub(super) fn elapsed_since(start: Instant) -> Duration {
    Instant::now() - start
}
