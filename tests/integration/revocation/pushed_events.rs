//! Logout tokens and security events of a dev Passport: from the revocation to the refusal of the
//! next request.

use passport_dev::{DevPassport, Endpoint};
use passport_inbound::{DenyList, SecurityEventPoller};

use super::*;
use crate::harness::{claims_of, http, identity, traced};

/// Returns a token of the user that was issued after all events of the test.
fn later_token(passport: &DevPassport, user: &str) -> String {
    let token = passport.user_token(user);
    let issued_at = claims_of(&token.build())["iat"].as_u64().unwrap();
    token.claim("iat", issued_at + 50).build()
}

#[tokio::test]
async fn pushed_event_refuses_the_next_request() {
    let passport = DevPassport::start().await.unwrap();
    let service = EventService::start(&passport).await;
    let events = service.receive_events(&passport);
    let (alice, bob) = (passport.user_token("alice").build(), passport.user_token("bob").build());
    assert_eq!((service.status(&alice).await, service.status(&bob).await), (200, 200));

    passport.log_out_user("alice").await;
    passport.events_pushed().await;
    assert!(events.failures().is_empty(), "{:?}", events.failures());
    let refused = http().get(format!("{}/whoami", service.url)).bearer_auth(&alice).send().await.unwrap();
    assert_eq!(refused.status(), 401);
    // The client can do the same as with an expired token: fetch another one.
    assert_eq!(refused.text().await.unwrap(), r#"{"error":"invalid_token","reason":"TokenExpired"}"#);
    assert_eq!(service.status(&later_token(&passport, "alice")).await, 200);
    assert_eq!(service.status(&bob).await, 200);
}

#[tokio::test]
async fn logout_token_refuses_the_next_request() {
    let passport = DevPassport::start().await.unwrap();
    let service = EventService::start(&passport).await;
    service.receive_logouts(&passport);
    let (alice, bob) = (passport.user_token("alice").build(), passport.user_token("bob").build());
    assert_eq!(service.status(&alice).await, 200);

    let deliveries = passport.log_out_user("alice").await;
    assert_eq!(deliveries[0].outcome().unwrap(), 200);
    assert_eq!((service.status(&alice).await, service.status(&bob).await), (401, 200));
    assert_eq!(service.status(&later_token(&passport, "alice")).await, 200);
}

#[tokio::test]
async fn logout_of_a_session_keeps_the_other_sessions() {
    for by_logout_token in [true, false] {
        let passport = DevPassport::start().await.unwrap();
        let service = EventService::start(&passport).await;
        if by_logout_token {
            service.receive_logouts(&passport);
        } else {
            service.receive_events(&passport);
        }
        let without_session = passport.user_token("alice").build();
        let work = passport.start_session("alice", "tenant-1");
        let at_work = passport.user_token("alice").build();
        let _home = passport.start_session("alice", "tenant-2");
        let at_home = passport.user_token("alice").build();
        assert_eq!(service.status(&at_work).await, 200);

        passport.log_out_session(&work).await;
        passport.events_pushed().await;
        assert_eq!((service.status(&at_work).await, service.status(&at_home).await), (401, 200));
        // It can belong to the session that has ended.
        assert_eq!(service.status(&without_session).await, 401);
    }
}

#[tokio::test]
async fn disabled_identity_is_refused() {
    let passport = DevPassport::start().await.unwrap();
    let service = EventService::start(&passport).await;
    service.receive_events(&passport);
    let (payroll, other) =
        (passport.managed_identity("payroll").create(), passport.managed_identity("other").create());
    let token = async |registered| {
        let token = identity(&passport, registered).token().await.unwrap();
        token.authorization().to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned()
    };
    let (token, other_token) = (token(&payroll).await, token(&other).await);
    assert_eq!(service.status(&token).await, 200);
    payroll.disable();
    passport.events_pushed().await;
    assert_eq!((service.status(&token).await, service.status(&other_token).await), (401, 200));

    other.revoke_secret(other.secret_id());
    passport.events_pushed().await;
    assert_eq!(service.status(&other_token).await, 401);
}

#[tokio::test]
async fn polled_event_refuses_the_next_request() {
    let passport = DevPassport::start().await.unwrap();
    let service = EventService::start(&passport).await;
    let client = passport.managed_identity("orders-api").create();
    let events = passport.register_poll_receiver(&client, CLIENT_ID);
    let tokens = identity(&passport, &client);
    let endpoint = format!("{}/passport/events/poll", passport.issuer());
    let poller = SecurityEventPoller::new(&service.receiver, &endpoint).unwrap().access_token(move || {
        let tokens = tokens.clone();
        async move { tokens.token().await }
    });
    let polling = tokio::spawn(poller.run());

    let alice = passport.user_token("alice").build();
    assert_eq!(service.status(&alice).await, 200);
    // The event arrives at a request that the issuer keeps open.
    passport.counters().reached(Endpoint::EventsPoll, 1).await;
    passport.log_out_user("alice").await;
    events.settled().await;
    assert!(events.failures().is_empty(), "{:?}", events.failures());
    assert_eq!(service.status(&alice).await, 401);
    polling.abort();
}

#[tokio::test]
async fn restart_forgets_no_denial() {
    let passport = DevPassport::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let open = || DenyList::builder().file(folder.path().join("denied")).open();
    let service = EventService::with_list(&passport, open().await.unwrap()).await;
    service.receive_events(&passport);
    let alice = passport.user_token("alice").build();
    passport.log_out_user("alice").await;
    passport.events_pushed().await;
    assert_eq!(service.status(&alice).await, 401);

    let restarted = EventService::with_list(&passport, open().await.unwrap()).await;
    assert_eq!(restarted.status(&alice).await, 401);
    assert_eq!(restarted.status(&passport.user_token("bob").build()).await, 200);
}

#[tokio::test]
async fn repeated_event_has_no_second_effect() {
    let output = traced(async {
        let passport = DevPassport::start().await.unwrap();
        let service = EventService::start(&passport).await;
        let receiver = service.receive_events(&passport);
        let event = passport.sign_statement("secevent+jwt", &statements::event(&passport));
        for _ in 0..3 {
            passport.transmit_set(&event);
            passport.events_pushed().await;
            assert!(receiver.failures().is_empty(), "{:?}", receiver.failures());
        }
        assert_eq!(service.status(&later_token(&passport, "alice")).await, 200);
        String::new()
    })
    .await;
    assert_eq!(output.matches("security event received").count(), 1, "{output}");
}
