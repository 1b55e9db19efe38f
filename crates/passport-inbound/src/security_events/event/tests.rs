//! Tests of security event tokens, with the examples of RFC 8417, CAEP and RISC.

use serde_json::json;

use super::*;
use crate::DeniedSubject;

const ISSUER: &str = "https://idp.example.com/";
const NOW: u64 = 1_615_305_000;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn read(claims: Value) -> Result<Vec<SecurityEvent>, Problem> {
    let Value::Object(claims) = claims else { panic!("no object: {claims}") };
    events(&claims, ISSUER, at(NOW - 10), at(NOW))
}

fn caep(name: &str) -> String {
    format!("https://schemas.openid.net/secevent/caep/event-type/{name}")
}

fn risc(name: &str) -> String {
    format!("https://schemas.openid.net/secevent/risc/event-type/{name}")
}

fn sub_id() -> Value {
    json!({ "format": "iss_sub", "iss": ISSUER, "sub": "jane.smith" })
}

/// Returns the only event of a token with this event and the subject `jane.smith`.
fn one(uri: &str, event: &Value) -> SecurityEvent {
    read(json!({ "sub_id": sub_id(), "events": { uri: event } })).unwrap().pop().unwrap()
}

#[test]
fn session_revoked_denies_the_session() {
    let mut events = read(json!({
        "iss": ISSUER,
        "jti": "24c63fb56e5a2d77a6b512616ca9fa24",
        "iat": NOW - 10,
        "aud": "https://sp.example.com/caep",
        "txn": 8675309,
        "sub_id": {
            "format": "complex",
            "session": { "format": "opaque", "id": "dMTlD|1600802906337.16|16008.16" },
            "user": sub_id(),
            "tenant": { "format": "opaque", "id": "123456789" },
        },
        "events": { caep("session-revoked"): {
            "initiating_entity": "policy",
            "reason_admin": { "en": "Landspeed Policy Violation: C076E822" },
            "event_timestamp": NOW - 20,
        } },
    }))
    .unwrap();
    let event = events.pop().unwrap();
    assert_eq!((event.name, events.len()), ("session-revoked", 0));
    let denied = event.denied.unwrap();
    assert_eq!(denied.issued_before, at(NOW - 20));
    assert_eq!(denied.subject.tenant.as_deref(), Some("123456789"));
    assert!(matches!(&denied.subject.subjects[0], DeniedSubject::Session(_)));
}

/// The example of RFC 8417, section 2.1.4. `iss` is [`ISSUER`].
#[test]
fn subject_of_a_draft_is_in_the_event() {
    let mut events = read(json!({
        "iss": ISSUER,
        "jti": "756E69717565206964656E746966696572",
        "iat": 1508184845,
        "aud": "636C69656E745F6964",
        "events": { risc("account-disabled"): {
            "subject": { "subject_type": "iss-sub", "iss": ISSUER, "sub": "7375626A656374" },
            "reason": "hijacking",
        } },
    }))
    .unwrap();
    let denied = events.pop().unwrap().denied.unwrap();
    assert_eq!(denied.subject.subjects, [DeniedSubject::Subject("7375626A656374".to_owned())]);
    assert_eq!(denied.issued_before, at(NOW - 10), "the time of the token");
}

#[test]
fn subject_can_be_the_claim_sub() {
    let events = |sub: Value| read(json!({ "sub": sub, "events": { risc("account-purged"): {} } }));
    let denied = events(json!("jane")).unwrap().pop().unwrap().denied.unwrap();
    assert_eq!(denied.subject.subjects, [DeniedSubject::Subject("jane".to_owned())]);
    assert_eq!(events(json!(1)), Err(Problem::Claim("sub")));
    let without = read(json!({ "events": { risc("account-purged"): {} } }));
    assert_eq!(without, Err(Problem::NoSubject));
}

#[test]
fn event_time_in_the_future_is_ignored() {
    let uri = caep("session-revoked");
    for (time, expected) in [
        (json!(NOW - 5), NOW - 5),
        (json!(NOW), NOW),
        (json!(NOW + 1), NOW - 10),
        (json!("x"), NOW - 10),
        (json!(-1), NOW - 10),
        (json!(1e300), NOW - 10),
    ] {
        let denied = one(&uri, &json!({ "event_timestamp": time })).denied.unwrap();
        assert_eq!(denied.issued_before, at(expected), "{time}");
    }
    let toe = json!({ "sub_id": sub_id(), "toe": NOW - 7, "events": { uri: {} } });
    let denied = read(toe).unwrap().pop().unwrap().denied.unwrap();
    assert_eq!(denied.issued_before, at(NOW - 7));
}

#[test]
fn new_credential_denies_nothing() {
    let uri = caep("credential-change");
    for (change, is_denied) in
        [(json!("create"), false), (json!("revoke"), true), (json!("update"), true), (json!(null), true)]
    {
        let event = one(&uri, &json!({ "credential_type": "fido2-roaming", "change_type": change }));
        assert_eq!((event.name, event.denied.is_some()), ("credential-change", is_denied), "{change}");
    }
}

#[test]
fn each_type_has_its_effect() {
    for (uri, name, is_denied) in [
        (risc("account-disabled"), "account-disabled", true),
        (risc("account-purged"), "account-purged", true),
        (risc("credential-compromise"), "credential-compromise", true),
        (risc("sessions-revoked"), "sessions-revoked", true),
        (risc("account-enabled"), "unknown", false),
        (risc("verification"), "verification", false),
        (caep("token-claims-change"), "unknown", false),
        (caep("session-revoked/"), "unknown", false),
    ] {
        let event = one(&uri, &json!({}));
        assert_eq!((event.name, event.denied.is_some()), (name, is_denied), "{uri}");
    }
}

#[test]
fn events_of_the_stream_need_no_known_subject() {
    for (uri, name) in [("verification", "verification"), ("stream-updated", "stream-updated")] {
        let uri = format!("https://schemas.openid.net/secevent/ssf/event-type/{uri}");
        let subject = json!({ "format": "opaque", "id": "stream-1" });
        let events = read(json!({ "sub_id": subject, "events": { uri: { "state": "x" } } })).unwrap();
        assert_eq!(events, [SecurityEvent { name, denied: None }]);
    }
}

/// The example of RFC 8417, section 2.4.
#[test]
fn events_of_scim_are_accepted_without_effect() {
    let events = read(json!({
        "iss": "https://scim.example.com",
        "iat": 1458496404,
        "jti": "4d3559ec67504aaba65d40b0363faad8",
        "aud": [
            "https://scim.example.com/Feeds/98d52461fa5bbc879593b7754",
            "https://scim.example.com/Feeds/5d7604516b1d08641d7676ee7",
        ],
        "events": {
            "urn:ietf:params:scim:event:create": {
                "ref": "https://scim.example.com/Users/44f6142df96bd6ab61e7521d9",
                "attributes": ["id", "name", "userName", "password", "emails"],
            },
        },
    }));
    assert_eq!(events.unwrap(), [SecurityEvent { name: "unknown", denied: None }]);
}

/// The example of RFC 8417, section 2.1.1: two URIs that describe one event.
#[test]
fn token_with_two_events_of_scim_is_accepted_without_effect() {
    let events = read(json!({
        "iss": "https://scim.example.com",
        "iat": 1458496025,
        "jti": "3d0c3cf797584bd193bd0fb1bd4e7d30",
        "aud": [
            "https://jhub.example.com/Feeds/98d52461fa5bbc879593b7754",
            "https://jhub.example.com/Feeds/5d7604516b1d08641d7676ee7",
        ],
        "sub": "https://scim.example.com/Users/44f6142df96bd6ab61e7521d9",
        "events": {
            "urn:ietf:params:scim:event:passwordReset": { "id": "44f6142df96bd6ab61e7521d9" },
            "https://example.com/scim/event/passwordResetExt": { "resetAttempts": 5 },
        },
    }));
    let ignored = || SecurityEvent { name: "unknown", denied: None };
    assert_eq!(events.unwrap(), [ignored(), ignored()]);
}

/// The example of RFC 8417, section 2.1.2. Only the endpoint for logout tokens accepts it with an
/// effect, because its type is `logout+jwt`.
#[test]
fn logout_sent_as_a_security_event_has_no_effect() {
    let events = read(json!({
        "iss": "https://server.example.com",
        "sub": "248289761001",
        "aud": "s6BhdRkqt3",
        "iat": 1471566154,
        "jti": "bWJq",
        "sid": "08a5019c-17e1-4977-8f42-65a12843ea02",
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    }));
    assert_eq!(events.unwrap(), [SecurityEvent { name: "unknown", denied: None }]);
}

/// The example of RFC 8417, section 2.1.3: `iss` of the event is the issuer of its subject.
#[test]
fn consent_is_accepted_without_effect() {
    let events = read(json!({
        "iss": "https://my.med.example.org",
        "iat": 1458496025,
        "jti": "fb4e75b5411e4e19b6c0fe87950f7749",
        "aud": ["https://rp.example.com"],
        "events": {
            "https://openid.net/heart/specs/consent.html": {
                "iss": "https://connect.example.com",
                "sub": "248289761001",
                "consentUri": ["https://terms.med.example.org/labdisclosure.html#Agree"],
            },
        },
    }));
    assert_eq!(events.unwrap(), [SecurityEvent { name: "unknown", denied: None }]);
}

#[test]
fn token_can_have_events_with_and_without_effect() {
    let events = read(json!({
        "sub_id": sub_id(),
        "events": {
            "urn:ietf:params:scim:event:passwordReset": { "id": "44f6142df96bd6ab61e7521d9" },
            risc("credential-compromise"): { "credential_type": "password" },
        },
    }))
    .unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!(events.iter().filter(|event| event.denied.is_some()).count(), 1);
}

#[test]
fn unusable_subject_of_one_event_rejects_the_token() {
    let email = json!({ "format": "email", "email": "jane@example.com" });
    let claims = json!({ "events": {
        risc("account-disabled"): { "subject": sub_id() },
        risc("account-purged"): { "subject": email },
    } });
    assert_eq!(read(claims), Err(Problem::SubjectFormat));
}

#[test]
fn events_must_be_an_object_of_objects() {
    let many: Map<String, Value> = (0..17).map(|number| (format!("urn:{number}"), json!({}))).collect();
    for events in [json!(null), json!({}), json!([]), json!("x"), json!({ "urn:x": 1 }), Value::Object(many)]
    {
        assert_eq!(read(json!({ "events": events })), Err(Problem::Claim("events")), "{events}");
    }
}

#[test]
fn tenant_claim_names_the_tenant_of_the_subject() {
    let claims =
        json!({ "sub_id": sub_id(), "tenant_id": "contoso", "events": { risc("account-disabled"): {} } });
    let denied = read(claims).unwrap().pop().unwrap().denied.unwrap();
    assert_eq!(denied.subject.tenant.as_deref(), Some("contoso"));
}
