use passport_test_support::tokens::claims_of;

use super::*;
use crate::test_support::{NOW, header_of, state};

#[test]
fn each_receiver_gets_a_set_with_its_audience() {
    let state = state();
    let (push, poll) = {
        let mut receivers = state.receivers();
        (receivers.add_push("https://a.example"), receivers.add_poll("mi-b-clientid", "https://b.example"))
    };
    transmit(&state, &SecurityEvent::AccountEnabled { client_id: "mi-x-clientid".to_owned() });
    let [pushed, polled] = [push, poll].map(|outbox| outbox.first(10).0.remove(0));
    let header = header_of(&pushed.token);
    assert_eq!((&header["typ"], &header["alg"]), (&"secevent+jwt".into(), &"RS256".into()));
    let [first, second] = [&pushed, &polled].map(|set| claims_of(&set.token));
    let expected = (&"https://a.example".into(), &"https://b.example".into());
    assert_eq!((&first["aud"], &second["aud"]), expected);
    assert_eq!((&first["iss"], &first["iat"]), (&state.issuer().into(), &NOW.into()));
    assert_eq!(first["txn"], second["txn"]);
    assert_ne!(first["jti"], second["jti"]);
    assert_eq!(first["jti"], pushed.jti);
}

#[test]
fn token_of_a_test_is_sent_unchanged() {
    let state = state();
    let outbox = state.receivers().add_push("https://a.example");
    let token = sign_statement(&state, "JWT", &serde_json::json!({ "jti": "set-x", "aud": "wrong" }));
    transmit_token(&state, &token);
    transmit_token(&state, "not a token");
    let (sets, _) = outbox.first(10);
    assert_eq!((&*sets[0].jti, &sets[0].token), ("set-x", &token));
    assert_eq!(header_of(&token)["typ"], "JWT");
    assert!(sets[1].jti.starts_with("set-"), "{}", sets[1].jti);
    assert_eq!(sets[1].token, "not a token");
}
