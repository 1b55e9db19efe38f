use super::*;
use crate::{events::EventReceiver, test_support::FakeClient};

/// Pushes the SETs `a` and `b` through `client`, until both are accepted or have failed. Returns
/// the failures.
async fn push(client: &FakeClient) -> Vec<String> {
    tokio::time::pause();
    let outbox = Arc::new(Outbox::new("https://receiver.example"));
    for jti in ["a", "b"] {
        outbox.push(QueuedSet { jti: jti.to_owned(), token: format!("token-{jti}") });
    }
    let receiver = EventReceiver::new(Arc::clone(&outbox));
    let uri = Uri::from_static("http://receiver.example/events");
    tokio::select! {
        () = push_sets(outbox, uri, Transport::new(client.clone())) => unreachable!("pushing never ends"),
        () = receiver.settled() => {}
    }
    let failures = receiver.failures();
    failures.iter().map(|failure| format!("{} {}", failure.jti(), failure.reason())).collect()
}

fn bodies(client: &FakeClient) -> Vec<String> {
    client.received().into_iter().map(|request| request.body).collect()
}

#[tokio::test]
async fn sets_are_posted_in_order() {
    let client = FakeClient::with([(202, ""), (202, "")]);
    assert!(push(&client).await.is_empty());
    assert_eq!(bodies(&client), ["token-a", "token-b"]);
    let first = &client.received()[0];
    let expected = ("http://receiver.example/events", "application/secevent+jwt");
    assert_eq!((&*first.uri, &*first.content_type), expected);
}

#[tokio::test]
async fn unavailable_receiver_gets_a_set_again() {
    let client = FakeClient::with([(503, ""), (429, ""), (202, ""), (202, "")]);
    assert!(push(&client).await.is_empty());
    assert_eq!(bodies(&client), ["token-a", "token-a", "token-a", "token-b"]);
}

#[tokio::test]
async fn set_fails_after_three_attempts() {
    let client = FakeClient::with([(500, ""), (500, ""), (500, ""), (202, "")]);
    assert_eq!(push(&client).await, ["a status 500"]);
    assert_eq!(bodies(&client), ["token-a", "token-a", "token-a", "token-b"]);
}

#[tokio::test]
async fn unreachable_receiver_fails_after_three_attempts() {
    let client = FakeClient::default();
    let failures = push(&client).await;
    assert_eq!(failures, ["a no connection could be made", "b no connection could be made"]);
    assert_eq!(client.received().len(), 6);
}

#[tokio::test]
async fn rejected_set_is_not_sent_again() {
    let rejection = r#"{"err":"invalid_audience","description":"unknown audience"}"#;
    let client = FakeClient::with([(400, rejection), (404, "<html>")]);
    let failures = push(&client).await;
    assert_eq!(failures, ["a status 400, invalid_audience: unknown audience", "b status 404"]);
    assert_eq!(bodies(&client), ["token-a", "token-b"]);
}

#[test]
fn permanent_transport_error_is_not_retried() {
    let error = TransportError::new(passport_core::TransportErrorKind::TooLarge);
    assert!(matches!(Outcome::of(Err(error)), Outcome::Rejected(_)));
}
