//! Tests of revocation and of the receivers of events and logout tokens, over loopback sockets.

#![expect(clippy::unwrap_used, reason = "this is test code")]

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::post};
use passport_dev::{DevIdentity, DevPassport, Endpoint};
use passport_test_support::{
    servers::{client, serve},
    tokens::claims_of,
};
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};

/// A server that sends the body of each request to the test, and responds with `status`.
struct Receiver {
    url: String,
    bodies: Mutex<mpsc::UnboundedReceiver<String>>,
}

impl Receiver {
    async fn start(status: StatusCode) -> Self {
        let (sender, bodies) = mpsc::unbounded_channel();
        let receive = move |State(sender): State<Arc<mpsc::UnboundedSender<String>>>, body: String| async move {
            sender.send(body).unwrap();
            status
        };
        let router = Router::new().route("/", post(receive)).with_state(Arc::new(sender));
        Self { url: serve(router).await, bodies: Mutex::new(bodies) }
    }

    /// Returns the claims of the next token that the server receives.
    async fn next_claims(&self) -> Value {
        let body = self.bodies.lock().await.recv().await.unwrap();
        claims_of(body.strip_prefix("logout_token=").unwrap_or(&body))
    }
}

async fn post_to(
    passport: &DevPassport,
    path: &str,
    identity: &DevIdentity,
    content_type: &str,
    body: String,
) -> String {
    let request = client().post(format!("{}{path}", passport.issuer()));
    let request = request.basic_auth(identity.client_id(), Some(identity.secret()));
    let response = request.header("content-type", content_type).body(body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

async fn is_active(passport: &DevPassport, token: &str) -> bool {
    let asks = passport.managed_identity("introspecting").create();
    let (path, form) = ("/passport/token/introspect", format!("token={token}"));
    let body = post_to(passport, path, &asks, "application/x-www-form-urlencoded", form).await;
    serde_json::from_str::<Value>(&body).unwrap()["active"].as_bool().unwrap()
}

#[tokio::test]
async fn events_of_an_identity_are_pushed_in_order() {
    let passport = DevPassport::start().await.unwrap();
    let receiver = Receiver::start(StatusCode::ACCEPTED).await;
    let registered = passport.register_push_receiver(&receiver.url, "https://app.example").unwrap();
    let payroll = passport.managed_identity("payroll").create();
    payroll.disable();
    payroll.disable();
    payroll.enable();
    payroll.revoke_secret(payroll.secret_id());
    passport.events_pushed().await;
    assert_eq!((registered.pending(), registered.failures().len()), (0, 0));
    for event in ["account-disabled", "account-enabled", "credential-change"] {
        let claims = receiver.next_claims().await;
        let kind = claims["events"].as_object().unwrap().keys().next().unwrap();
        assert!(kind.ends_with(event), "{claims}");
        assert_eq!(
            (&claims["sub_id"]["sub"], &claims["aud"]),
            (&payroll.client_id().into(), &"https://app.example".into())
        );
    }
}

#[tokio::test]
async fn rejected_push_is_a_failure() {
    let passport = DevPassport::start().await.unwrap();
    let receiver = Receiver::start(StatusCode::BAD_REQUEST).await;
    let registered = passport.register_push_receiver(&receiver.url, "https://app.example").unwrap();
    let set = passport.sign_statement("secevent+jwt", &json!({ "jti": "set-x", "aud": "wrong" }));
    passport.transmit_set(&set);
    passport.events_pushed().await;
    let failures = registered.failures();
    assert_eq!((failures[0].jti(), failures[0].reason()), ("set-x", "status 400"));
    assert_eq!(receiver.next_claims().await["aud"], "wrong");
}

#[tokio::test]
async fn receiver_polls_and_acknowledges_events() {
    let passport = DevPassport::start().await.unwrap();
    let app = passport.managed_identity("app").create();
    let registered = passport.register_poll_receiver(&app, "https://app.example");
    let poll = |request: Value| {
        post_to(&passport, "/passport/events/poll", &app, "application/json", request.to_string())
    };
    let change = async {
        passport.counters().reached(Endpoint::EventsPoll, 1).await;
        passport.managed_identity("payroll").create().disable();
    };
    let (reply, ()) = tokio::join!(poll(json!({})), change);
    let reply: Value = serde_json::from_str(&reply).unwrap();
    let (jti, set) = reply["sets"].as_object().unwrap().iter().next().unwrap();
    assert_eq!(claims_of(set.as_str().unwrap())["jti"], **jti);
    assert_eq!(registered.pending(), 1);
    poll(json!({ "ack": [jti], "returnImmediately": true })).await;
    registered.settled().await;
    assert_eq!(passport.counters().events_poll(), 2);
}

#[tokio::test]
async fn logout_of_a_user_ends_all_sessions() {
    let passport = DevPassport::start().await.unwrap();
    let receiver = Receiver::start(StatusCode::OK).await;
    passport.register_logout_receiver(&receiver.url, "app").unwrap();
    let before = passport.user_token("alice").build();
    let session = passport.start_session("alice", "tenant-7");
    let during = passport.user_token("alice").build();
    let claims = claims_of(&during);
    assert_eq!((&claims["sid"], &claims["tenant_id"]), (&(&*session).into(), &"tenant-7".into()));

    let deliveries = passport.log_out_user("alice").await;
    assert_eq!(deliveries[0].outcome().unwrap(), StatusCode::OK);
    let claims = receiver.next_claims().await;
    assert_eq!((&claims["sub"], claims.get("sid")), (&"alice".into(), None));
    assert_eq!((is_active(&passport, &before).await, is_active(&passport, &during).await), (false, false));
    let after = passport.user_token("alice").build();
    assert!(is_active(&passport, &after).await);
    assert!(claims_of(&after).get("sid").is_none());
}

#[tokio::test]
async fn logout_of_a_session_keeps_other_sessions() {
    let passport = DevPassport::start().await.unwrap();
    let receiver = Receiver::start(StatusCode::OK).await;
    passport.register_logout_receiver(&receiver.url, "app").unwrap();
    passport.register_push_receiver(&receiver.url, "https://app.example").unwrap();
    let mut tokens = Vec::new();
    let sessions = ["tenant-1", "tenant-2"].map(|tenant| {
        let session = passport.start_session("alice", tenant);
        tokens.push(passport.user_token("alice").build());
        session
    });
    assert!(passport.log_out_session("ses-unknown").await.is_empty());
    passport.log_out_session(&sessions[0]).await;
    passport.events_pushed().await;
    let (one, other) = (receiver.next_claims().await, receiver.next_claims().await);
    let (event, logout) = if one.get("sub_id").is_some() { (one, other) } else { (other, one) };
    assert_eq!((&logout["sub"], &logout["sid"]), (&"alice".into(), &(&*sessions[0]).into()));
    assert_eq!(event["sub_id"]["session"]["id"], *sessions[0]);
    assert_eq!(
        (is_active(&passport, &tokens[0]).await, is_active(&passport, &tokens[1]).await),
        (false, true)
    );
}

#[tokio::test]
async fn revoked_token_is_inactive() {
    let passport = DevPassport::start().await.unwrap();
    let (token, other) = (passport.user_token("alice").build(), passport.user_token("alice").build());
    passport.revoke_token("not a token");
    passport.revoke_token(&token);
    assert_eq!((is_active(&passport, &token).await, is_active(&passport, &other).await), (false, true));

    let payroll = passport.managed_identity("payroll").create();
    let form = format!("token={other}");
    post_to(&passport, "/passport/token/revoke", &payroll, "application/x-www-form-urlencoded", form).await;
    assert!(!is_active(&passport, &other).await);
    assert_eq!(passport.counters().revocation(), 1);
}

#[tokio::test]
async fn receiver_uri_must_be_absolute() {
    let passport = DevPassport::start().await.unwrap();
    let error = passport.register_push_receiver("/events", "a").unwrap_err();
    assert_eq!(error.to_string(), "receiver `/events`: not an absolute http or https URI");
    assert_eq!(passport.register_logout_receiver("/events", "a").unwrap_err(), error);
}

#[tokio::test]
async fn shutdown_ends_a_waiting_poll() {
    let passport = DevPassport::start().await.unwrap();
    let app = passport.managed_identity("app").create();
    passport.register_poll_receiver(&app, "https://app.example");
    let request = client().post(format!("{}/passport/events/poll", passport.issuer()));
    let request = request.basic_auth(app.client_id(), Some(app.secret()));
    let poll = tokio::spawn(request.header("content-type", "application/json").body("{}").send());
    passport.counters().reached(Endpoint::EventsPoll, 1).await;
    tokio::time::timeout(Duration::from_secs(4), passport.shutdown()).await.unwrap();
    assert_eq!(poll.await.unwrap().unwrap().text().await.unwrap(), r#"{"sets":{}}"#);
}
