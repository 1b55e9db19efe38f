use http::StatusCode;
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::{
    DevIdentity, Fault,
    events::{EventReceiver, QueuedSet},
    test_support::{basic, identity, send, state},
};

/// A receiver that polls as the identity `app`.
struct Receiver {
    state: Arc<ServerState>,
    app: DevIdentity,
    outbox: Arc<Outbox>,
}

impl Receiver {
    /// Registers the receiver, and queues SETs with these ids.
    fn with(jtis: &[&str]) -> Self {
        let state = state();
        let app = identity(&state, "app");
        let outbox = state.receivers().add_poll(app.client_id(), "https://app.example");
        let receiver = Self { state, app, outbox };
        jtis.iter().for_each(|jti| receiver.queue(jti));
        receiver
    }

    fn queue(&self, jti: &str) {
        self.outbox.push(QueuedSet { jti: jti.to_owned(), token: format!("token-{jti}") });
    }

    async fn post(&self, authorization: &str, body: String) -> (StatusCode, Value) {
        let path = "/passport/events/poll";
        let (status, _, body) = send(&self.state, path, authorization, "application/json", body).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    async fn poll(&self, request: Value) -> Value {
        let (status, reply) = self.post(&basic(&self.app), request.to_string()).await;
        assert_eq!(status, 200, "{reply}");
        reply
    }
}

#[tokio::test]
async fn sets_are_returned_by_their_ids() {
    let receiver = Receiver::with(&["a", "b"]);
    let expected = json!({ "sets": { "a": "token-a", "b": "token-b" } });
    assert_eq!(receiver.poll(json!({})).await, expected);
}

#[tokio::test]
async fn unacknowledged_sets_are_returned_again() {
    let receiver = Receiver::with(&["a", "b", "c"]);
    let first = json!({ "sets": { "a": "token-a", "b": "token-b" }, "moreAvailable": true });
    assert_eq!(receiver.poll(json!({ "maxEvents": 2 })).await, first);
    let second = json!({ "sets": { "b": "token-b", "c": "token-c" } });
    assert_eq!(receiver.poll(json!({ "maxEvents": 2, "ack": ["a", "unknown"] })).await, second);
}

#[tokio::test]
async fn rejected_set_is_a_failure() {
    let receiver = Receiver::with(&["a"]);
    let request = json!({
        "returnImmediately": true,
        "setErrs": { "a": { "err": "invalid_issuer", "description": "unknown issuer" }, "b": { "err": "x" } },
    });
    assert_eq!(receiver.poll(request).await, json!({ "sets": {} }));
    let failures = EventReceiver::new(Arc::clone(&receiver.outbox)).failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!((failures[0].jti(), failures[0].reason()), ("a", "invalid_issuer: unknown issuer"));
}

#[tokio::test]
async fn acknowledgement_alone_does_not_wait() {
    tokio::time::pause();
    let (receiver, start) = (Receiver::with(&["a"]), Instant::now());
    let acknowledged = receiver.poll(json!({ "maxEvents": 0, "ack": ["a"] })).await;
    assert_eq!(acknowledged, json!({ "sets": {} }));
    assert_eq!(receiver.poll(json!({ "returnImmediately": true })).await, json!({ "sets": {} }));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn response_has_at_most_100_sets() {
    let receiver = Receiver::with(&[]);
    (0..101).for_each(|jti| receiver.queue(&jti.to_string()));
    for request in [json!({}), json!({ "maxEvents": 1000 })] {
        let reply = receiver.poll(request).await;
        assert_eq!((reply["sets"].as_object().unwrap().len(), &reply["moreAvailable"]), (100, &true.into()));
    }
}

#[tokio::test]
async fn poll_waits_at_most_30_seconds() {
    tokio::time::pause();
    let (receiver, start) = (Receiver::with(&[]), Instant::now());
    assert_eq!(receiver.poll(json!({})).await, json!({ "sets": {} }));
    assert_eq!(start.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn waiting_poll_returns_a_new_set() {
    tokio::time::pause();
    let (receiver, start) = (Receiver::with(&[]), Instant::now());
    let queued = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        receiver.app.revoke_secret(receiver.app.secret_id());
    };
    let (reply, ()) = tokio::join!(receiver.poll(json!({})), queued);
    assert_eq!(reply["sets"].as_object().unwrap().len(), 1);
    assert_eq!(start.elapsed().as_secs(), 7);
}

#[tokio::test]
async fn waiting_poll_ends_with_the_server() {
    tokio::time::pause();
    let (receiver, start) = (Receiver::with(&[]), Instant::now());
    let closed = async { receiver.outbox.close() };
    let (reply, ()) = tokio::join!(receiver.poll(json!({})), closed);
    assert_eq!((reply, start.elapsed()), (json!({ "sets": {} }), Duration::ZERO));
}

#[tokio::test]
async fn poll_with_a_fault_does_not_wait() {
    tokio::time::pause();
    let (receiver, start) = (Receiver::with(&[]), Instant::now());
    receiver.state.faults().insert(Endpoint::EventsPoll, Fault::Down);
    receiver.poll(json!({})).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn access_token_of_the_receiver_is_accepted() {
    let receiver = Receiver::with(&["a"]);
    let bearer = format!("bearer {}", receiver.app.token().build());
    let (status, reply) = receiver.post(&bearer, "{}".to_owned()).await;
    assert_eq!((status, &reply["sets"]["a"]), (StatusCode::OK, &"token-a".into()));
}

#[tokio::test]
async fn invalid_polls_are_rejected() {
    let receiver = Receiver::with(&["a"]);
    let other = identity(&receiver.state, "other");
    let revoked = format!("Bearer {}", receiver.app.token().claim("exp", 1).build());
    for (authorization, body, status, error) in [
        ("Basic bm9ib2R5Ong=", "{}", 401, "invalid_client"),
        (&*revoked, "{}", 401, "invalid_token"),
        (&*basic(&other), "{}", 403, "access_denied"),
        (&*basic(&receiver.app), "", 400, "invalid_request"),
        (&*basic(&receiver.app), "{\"maxEvents\":-1}", 400, "invalid_request"),
        (&*basic(&receiver.app), "{\"ack\":\"a\"}", 400, "invalid_request"),
    ] {
        let (received, reply) = receiver.post(authorization, body.to_owned()).await;
        assert_eq!((received.as_u16(), &reply["error"]), (status, &error.into()), "{body}");
    }
}
