use super::*;
use crate::users::Session;

fn claims(event: &SecurityEvent) -> Value {
    event.claims("https://issuer.example", "https://receiver.example", 1_750_000_000, "set-1", "txn-1")
}

#[test]
fn set_has_the_claims_of_the_framework_only() {
    let claims = claims(&SecurityEvent::AccountDisabled { client_id: "mi-payroll-clientid".to_owned() });
    let expected = json!({
        "iss": "https://issuer.example",
        "aud": "https://receiver.example",
        "iat": 1_750_000_000,
        "jti": "set-1",
        "txn": "txn-1",
        "sub_id": { "format": "iss_sub", "iss": "https://issuer.example", "sub": "mi-payroll-clientid" },
        "events": { "https://schemas.openid.net/secevent/risc/event-type/account-disabled": {} },
    });
    assert_eq!(claims, expected);
}

#[test]
fn session_has_a_complex_subject() {
    let session = Session { id: "ses-1".to_owned(), tenant_id: "tenant-7".to_owned() };
    let claims =
        claims(&SecurityEvent::SessionRevoked(EndedSession { user_id: "alice".to_owned(), session }));
    let expected = json!({
        "format": "complex",
        "user": { "format": "iss_sub", "iss": "https://issuer.example", "sub": "alice" },
        "session": { "format": "opaque", "id": "ses-1" },
        "tenant": { "format": "opaque", "id": "tenant-7" },
    });
    assert_eq!(claims["sub_id"], expected);
}

#[test]
fn events_have_the_types_of_caep_and_risc() {
    let id = || "x".to_owned();
    for (event, uri, member) in [
        (
            SecurityEvent::UserLoggedOut { user_id: id() },
            "caep/event-type/session-revoked",
            "event_timestamp",
        ),
        (
            SecurityEvent::SecretRevoked { client_id: id(), secret_id: "sec-1".to_owned() },
            "caep/event-type/credential-change",
            "change_type",
        ),
        (SecurityEvent::AccountEnabled { client_id: id() }, "risc/event-type/account-enabled", ""),
    ] {
        let claims = claims(&event);
        let details = &claims["events"][format!("https://schemas.openid.net/secevent/{uri}")];
        assert!(details.is_object(), "{claims}");
        assert_eq!(details.get(member).is_some(), !member.is_empty(), "{claims}");
        assert_eq!((&claims["sub_id"]["format"], &claims["sub_id"]["sub"]), (&"iss_sub".into(), &"x".into()));
    }
}
