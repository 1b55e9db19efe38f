use passport_test_support::tokens::claims_of;

use super::*;
use crate::{
    events::receiver_uri,
    test_support::{FakeClient, NOW, header_of, state_with},
};

/// Registers receivers with these client ids.
fn register(state: &ServerState, client_ids: &[&str]) {
    for client_id in client_ids {
        let uri = receiver_uri(&format!("http://{client_id}.example/logout")).unwrap();
        state.receivers().add_logout(LogoutReceiver { uri, client_id: (*client_id).to_owned() });
    }
}

#[tokio::test]
async fn logout_token_is_posted_as_a_form() {
    let client = FakeClient::with([(200, "")]);
    let state = state_with(client.clone());
    register(&state, &["app"]);
    send_logout_tokens(&state, "alice", Some("ses-1")).await;
    let [request] = client.received().try_into().unwrap();
    assert_eq!(request.uri, "http://app.example/logout");
    assert_eq!(request.content_type, "application/x-www-form-urlencoded");
    let token = request.body.strip_prefix("logout_token=").unwrap();
    assert_eq!(header_of(token)["typ"], "logout+jwt");
    let mut claims = claims_of(token);
    assert!(claims["jti"].take().is_string());
    let expected = json!({
        "iss": state.issuer(),
        "sub": "alice",
        "aud": "app",
        "iat": NOW,
        "exp": NOW + 120,
        "jti": null,
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        "sid": "ses-1",
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn logout_of_all_sessions_has_no_session_id() {
    let client = FakeClient::with([(200, "")]);
    let state = state_with(client.clone());
    register(&state, &["app"]);
    send_logout_tokens(&state, "alice", None).await;
    assert!(claims_of(&client.received()[0].body).get("sid").is_none());
}

#[tokio::test]
async fn each_receiver_gets_one_token_and_its_result_is_returned() {
    let client = FakeClient::with([(200, ""), (503, "")]);
    let state = state_with(client.clone());
    register(&state, &["a", "b", "c"]);
    let deliveries = send_logout_tokens(&state, "alice", None).await;
    let outcomes: Vec<_> = deliveries
        .iter()
        .map(|delivery| match delivery.outcome() {
            Ok(status) => format!("{} {status}", delivery.uri()),
            Err(error) => format!("{} {error}", delivery.uri()),
        })
        .collect();
    let expected = [
        "http://a.example/logout 200 OK",
        "http://b.example/logout 503 Service Unavailable",
        "http://c.example/logout no connection could be made",
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(client.received().len(), 3, "nothing is sent again");
}

#[tokio::test]
async fn token_of_a_test_is_sent_unchanged() {
    let client = FakeClient::with([(400, "")]);
    let state = state_with(client.clone());
    register(&state, &["app"]);
    let deliveries = send_token(&state, "not-a-token").await;
    assert_eq!(deliveries[0].outcome().unwrap(), 400);
    assert_eq!(client.received()[0].body, "logout_token=not-a-token");
}
