//! The state of a caller, and open streams.

use serde_json::json;
use tokio::time::{Instant, advance};
use tokio_test::{assert_pending, task};

use super::*;
use crate::{
    Introspection,
    introspection::tests::introspector,
    test_support::{
        START,
        introspection::{Endpoint, Reply, settings},
    },
};

const MAX_AGE: Duration = Duration::from_secs(15);
const HOUR: Duration = Duration::from_secs(3600);

/// A caller of an issuer with this mode.
struct Caller {
    endpoint: Endpoint,
    token: IntrospectedToken,
    payload: Vec<u8>,
}

fn caller(mode: IntrospectionMode) -> Caller {
    caller_of(&settings(mode))
}

fn caller_of(settings: &Introspection) -> Caller {
    let endpoint = Endpoint::new(Reply::active(&json!({})));
    let introspector = introspector(&endpoint, settings);
    let payload = json!({ "sub": "u", "exp": START + 3600 }).to_string().into_bytes();
    let expires_at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(START)) + HOUR;
    Caller { endpoint, token: IntrospectedToken::new(&introspector, b"t"[..].into(), expires_at), payload }
}

impl Caller {
    fn is_due(&self) -> bool {
        self.token.is_due(self.token.introspector.clock.unix_nanos())
    }

    /// Returns the position of a request that arrives now.
    fn arrival(&self) -> u64 {
        self.token.arrival(self.token.introspector.clock.unix_nanos())
    }

    /// Returns whether a request that arrives now needs no other answer.
    fn is_confirmed(&self, max_age: Duration) -> bool {
        self.token.is_confirmed(max_age, self.arrival())
    }

    async fn confirm(&self) -> Result<(), IntrospectionError> {
        self.token.confirm(&self.payload, None).await
    }

    /// Returns the time until an open stream ends.
    async fn end_of_stream(&self) -> Duration {
        let start = Instant::now();
        self.token.revoked(&self.payload).await;
        Instant::now() - start
    }
}

#[tokio::test(start_paused = true)]
async fn local_mode_never_asks() {
    let caller = caller(IntrospectionMode::Local);
    assert!(!caller.is_due());
    let mut stream = task::spawn(caller.token.revoked(&caller.payload));
    assert_pending!(stream.poll());
    advance(HOUR).await;
    assert_pending!(stream.poll());
    assert!(!caller.is_due());
    assert_eq!(caller.endpoint.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn answer_is_due_until_it_is_recent() {
    let caller = caller(IntrospectionMode::local_then_introspect());
    assert!(caller.is_due());
    caller.confirm().await.unwrap();
    assert!(!caller.is_due());
    advance(MAX_AGE - Duration::from_millis(1)).await;
    assert!(!caller.is_due());
    advance(Duration::from_millis(1)).await;
    assert!(caller.is_due());
}

#[tokio::test(start_paused = true)]
async fn answer_is_due_for_each_request() {
    let caller = caller(IntrospectionMode::Introspect);
    caller.confirm().await.unwrap();
    assert!(caller.is_due());
}

#[tokio::test(start_paused = true)]
async fn answer_is_due_after_a_revocation() {
    let caller = caller(IntrospectionMode::local_then_introspect());
    caller.confirm().await.unwrap();
    caller.endpoint.reply(Reply::inactive());
    assert_eq!(
        caller.token.confirm(&caller.payload, Some(NeededAnswer::within(Duration::ZERO))).await,
        Err(IntrospectionError::Inactive)
    );
    assert!(caller.is_due());
}

#[tokio::test(start_paused = true)]
async fn answer_is_due_after_the_expiry() {
    let caller = caller(IntrospectionMode::local_then_introspect());
    advance(HOUR - Duration::from_secs(1)).await;
    caller.confirm().await.unwrap();
    assert!(!caller.is_due());
    advance(Duration::from_secs(1)).await;
    assert!(caller.is_due());
}

#[tokio::test(start_paused = true)]
async fn requirement_can_be_stricter_than_the_mode() {
    let caller = caller(IntrospectionMode::local_then_introspect());
    caller.confirm().await.unwrap();
    advance(Duration::from_secs(5)).await;
    assert!(caller.is_confirmed(Duration::from_secs(6)));
    assert!(!caller.is_confirmed(Duration::from_secs(5)));
    assert!(!caller.is_confirmed(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn answer_after_the_arrival_is_enough_for_the_request() {
    let caller = caller(IntrospectionMode::Introspect);
    let arrival = caller.arrival();
    assert!(!caller.token.is_confirmed(Duration::ZERO, arrival));
    caller.confirm().await.unwrap();
    assert!(caller.token.is_confirmed(Duration::ZERO, arrival));
    // The next request arrives at the same time, but after the call.
    assert!(!caller.is_confirmed(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn call_that_began_before_the_arrival_does_not_count() {
    let caller = caller(IntrospectionMode::Introspect);
    caller.endpoint.delay(Duration::from_millis(50));
    let mut call = task::spawn(caller.confirm());
    assert_pending!(call.poll());
    caller.endpoint.wait_for_calls(1).await;
    let arrival = caller.arrival();
    call.await.unwrap();
    assert!(!caller.token.is_confirmed(Duration::ZERO, arrival));
}

#[tokio::test(start_paused = true)]
async fn old_request_needs_another_answer() {
    let caller = caller(IntrospectionMode::Introspect);
    let arrival = caller.arrival();
    // Twice the timeout of a call, and 1 s.
    advance(Duration::from_millis(4_999)).await;
    caller.confirm().await.unwrap();
    assert!(caller.token.is_confirmed(Duration::ZERO, arrival));
    advance(Duration::from_millis(1)).await;
    caller.confirm().await.unwrap();
    assert!(!caller.token.is_confirmed(Duration::ZERO, arrival));
}

#[tokio::test(start_paused = true)]
async fn revoked_token_is_not_confirmed_for_its_request() {
    let caller = caller(IntrospectionMode::Introspect);
    let arrival = caller.arrival();
    caller.confirm().await.unwrap();
    caller.endpoint.reply(Reply::inactive());
    caller.confirm().await.unwrap_err();
    assert!(!caller.token.is_confirmed(Duration::ZERO, arrival));
}

#[tokio::test(start_paused = true)]
async fn setting_of_the_issuer_continues_without_an_answer() {
    let settings = settings(IntrospectionMode::local_then_introspect())
        .danger_continue_when_unreachable(Duration::from_secs(60));
    let caller = caller_of(&settings);
    caller.confirm().await.unwrap();
    caller.endpoint.reply(Reply::Fails);
    advance(Duration::from_secs(59)).await;
    caller.confirm().await.unwrap();
    // A route can have a shorter time.
    let needed = NeededAnswer::within(MAX_AGE).continuing_for(Duration::from_secs(59));
    caller.token.confirm(&caller.payload, Some(needed)).await.unwrap_err();
    advance(Duration::from_secs(1)).await;
    caller.confirm().await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn last_answer_is_no_answer_for_the_request() {
    let settings =
        settings(IntrospectionMode::Introspect).danger_continue_when_unreachable(Duration::from_secs(60));
    let caller = caller_of(&settings);
    caller.confirm().await.unwrap();
    caller.endpoint.reply(Reply::Fails);
    let arrival = caller.arrival();
    caller.confirm().await.unwrap();
    assert!(!caller.token.is_confirmed(Duration::ZERO, arrival));
}

#[tokio::test(start_paused = true)]
async fn open_stream_ends_within_the_maximum_age() {
    let caller = caller(IntrospectionMode::local_then_introspect());
    caller.confirm().await.unwrap();
    let mut stream = task::spawn(caller.end_of_stream());
    assert_pending!(stream.poll());
    caller.endpoint.reply(Reply::inactive());
    assert!(stream.await <= MAX_AGE);
}

#[tokio::test(start_paused = true)]
async fn answer_in_the_future_is_old() {
    let caller = caller(IntrospectionMode::local_then_introspect());
    let now = caller.token.introspector.clock.unix_nanos();
    for (checked_at, expected) in
        [(now, Duration::ZERO), (now - 7, Duration::from_nanos(7)), (now + 1, Duration::MAX)]
    {
        caller.token.checked_at.store(checked_at, Ordering::Relaxed);
        assert_eq!(caller.token.age(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn open_stream_of_an_active_token_continues() {
    let caller = caller(IntrospectionMode::local_then_introspect());
    caller.confirm().await.unwrap();
    let waiting = tokio::time::timeout(Duration::from_secs(125), caller.end_of_stream());
    waiting.await.unwrap_err();
    // Each 12 s.
    assert_eq!(caller.endpoint.calls(), 11);
}

#[tokio::test(start_paused = true)]
async fn requirement_decides_how_often_a_stream_is_checked() {
    let caller = caller(IntrospectionMode::Local);
    let needed = NeededAnswer::within(Duration::from_secs(5));
    caller.token.confirm(&caller.payload, Some(needed)).await.unwrap();
    assert!(caller.is_confirmed(Duration::from_secs(5)));
    let mut stream = task::spawn(caller.end_of_stream());
    assert_pending!(stream.poll());
    caller.endpoint.reply(Reply::inactive());
    assert!(stream.await <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn route_that_asks_each_time_checks_streams_no_less_often() {
    let caller = caller(IntrospectionMode::LocalThenIntrospect { max_age: Duration::from_secs(5) });
    caller.confirm().await.unwrap();
    assert!(!caller.is_confirmed(Duration::ZERO));
    let mut stream = task::spawn(caller.end_of_stream());
    assert_pending!(stream.poll());
    caller.endpoint.reply(Reply::inactive());
    assert!(stream.await <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn open_stream_survives_a_short_outage() {
    let caller = caller(IntrospectionMode::local_then_introspect());
    caller.confirm().await.unwrap();
    caller.endpoint.reply(Reply::Fails);
    let mut stream = task::spawn(caller.end_of_stream());
    assert_pending!(stream.poll());
    // Short enough for a probe of the circuit, at most each 8 s, before the stream would end.
    tokio::time::timeout(Duration::from_secs(18), &mut stream).await.unwrap_err();
    caller.endpoint.reply(Reply::active(&json!({})));
    tokio::time::timeout(Duration::from_secs(120), stream).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn open_stream_ends_in_a_long_outage() {
    let caller = caller(IntrospectionMode::local_then_introspect());
    caller.confirm().await.unwrap();
    caller.endpoint.reply(Reply::Fails);
    let end = caller.end_of_stream().await;
    assert!((MAX_AGE * 2..MAX_AGE * 3).contains(&end), "{end:?}");
}
