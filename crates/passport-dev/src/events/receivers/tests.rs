use super::*;

#[test]
fn receiver_uri_must_be_an_absolute_http_uri() {
    for uri in
        ["", "/events", "receiver.example", "receiver.example:80", "ftp://receiver.example/", "http://"]
    {
        let error = receiver_uri(uri).unwrap_err().to_string();
        assert!(error.contains(&format!("`{uri}`: not an absolute http or https URI")), "{error}");
    }
    for uri in ["http://127.0.0.1:8080/events", "https://receiver.example/events?tenant=1"] {
        assert_eq!(receiver_uri(uri).unwrap().to_string(), uri);
    }
}

#[test]
fn poll_receiver_of_a_client_is_replaced() {
    let mut receivers = Receivers::default();
    receivers.add_poll("mi-a-clientid", "first");
    receivers.add_poll("mi-a-clientid", "second");
    receivers.add_push("third");
    assert_eq!(receivers.poll_outbox("mi-a-clientid").unwrap().audience(), "second");
    assert!(receivers.poll_outbox("mi-b-clientid").is_none());
    assert_eq!((receivers.outboxes().len(), receivers.push_outboxes().len()), (2, 1));
}
