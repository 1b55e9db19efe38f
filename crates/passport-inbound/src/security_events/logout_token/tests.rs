//! Tests of logout tokens, with the example of OIDC Back-Channel Logout 1.0, section 2.4.

use serde_json::json;

use super::*;
use crate::DeniedSubject;

fn example() -> Value {
    json!({
        "iss": "https://server.example.com",
        "sub": "248289761001",
        "aud": "s6BhdRkqt3",
        "iat": 1471566154,
        "exp": 1471569754,
        "jti": "bWJq",
        "sid": "08a5019c-17e1-4977-8f42-65a12843ea02",
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    })
}

/// Returns the subject of the example with these members replaced, or removed if `null`.
fn with(changes: Value) -> Result<EventSubject, Problem> {
    let mut claims = example();
    let Value::Object(changes) = changes else { panic!("no object: {changes}") };
    for (name, value) in changes {
        let members = claims.as_object_mut().unwrap();
        if value.is_null() {
            members.remove(&name)
        } else {
            members.insert(name, value)
        };
    }
    subject(claims.as_object().unwrap())
}

fn sub() -> String {
    "248289761001".to_owned()
}

fn sid() -> String {
    "08a5019c-17e1-4977-8f42-65a12843ea02".to_owned()
}

#[test]
fn session_and_user_deny_the_session() {
    let expected = [DeniedSubject::Session(sid()), DeniedSubject::SubjectWithoutSession(sub())];
    assert_eq!(with(json!({})).unwrap().subjects, expected);
}

#[test]
fn tenant_of_the_session_is_read() {
    assert_eq!(with(json!({})).unwrap().tenant, None);
    assert_eq!(with(json!({ "tenant_id": "t" })).unwrap().tenant.as_deref(), Some("t"));
    assert_eq!(with(json!({ "tenant_id": 1 })).unwrap().tenant, None);
}

#[test]
fn user_alone_is_denied_in_all_sessions() {
    assert_eq!(with(json!({ "sid": null })).unwrap().subjects, [DeniedSubject::Subject(sub())]);
}

#[test]
fn session_alone_is_denied() {
    assert_eq!(with(json!({ "sub": null })).unwrap().subjects, [DeniedSubject::Session(sid())]);
}

#[test]
fn logout_of_nobody_is_rejected() {
    assert_eq!(with(json!({ "sub": null, "sid": null })), Err(Problem::NoSubject));
    assert_eq!(with(json!({ "sub": 1 })), Err(Problem::Claim("sub")));
    assert_eq!(with(json!({ "sid": "" })), Err(Problem::Claim("sid")));
}

#[test]
fn nonce_is_prohibited() {
    let mut claims = example();
    for nonce in [json!("n"), json!(null)] {
        claims["nonce"] = nonce;
        assert_eq!(subject(claims.as_object().unwrap()), Err(Problem::Nonce));
    }
}

#[test]
fn event_of_a_logout_is_required() {
    for events in [
        json!(null),
        json!({}),
        json!([EVENT]),
        json!({ "https://schemas.openid.net/event/backchannel-logout": {} }),
        json!({ EVENT: null }),
        json!({ EVENT: "x" }),
        json!(EVENT),
    ] {
        assert_eq!(with(json!({ "events": events })), Err(Problem::Claim("events")), "{events}");
    }
    assert!(with(json!({ "events": { EVENT: {}, "urn:other": {} } })).is_ok());
}
