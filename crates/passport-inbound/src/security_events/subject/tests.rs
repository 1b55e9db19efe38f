//! Tests of subject identifiers, with the examples of RFC 9493 and of the Shared Signals Framework.

use serde_json::json;

use super::*;

const ISSUER: &str = "https://issuer.example.com/";

fn read(subject: impl Into<Value>) -> Result<EventSubject, Problem> {
    EventSubject::read(&subject.into(), ISSUER)
}

fn subjects(subject: Value) -> Vec<DeniedSubject> {
    read(subject).unwrap().subjects
}

fn user(id: &str) -> DeniedSubject {
    DeniedSubject::Subject(id.to_owned())
}

#[test]
fn issuer_and_subject_identify_a_user() {
    let subject = json!({ "format": "iss_sub", "iss": ISSUER, "sub": "145234573" });
    assert_eq!(subjects(subject), [user("145234573")]);
}

#[test]
fn subject_type_of_drafts_is_read() {
    let subject = json!({ "subject_type": "iss-sub", "iss": ISSUER, "sub": "7375626A656374" });
    assert_eq!(subjects(subject), [user("7375626A656374")]);
}

#[test]
fn subject_of_another_issuer_is_rejected() {
    for iss in ["https://issuer.example.com", "https://other.example/"] {
        for (format, name) in [("iss_sub", "sub"), ("jwt_id", "jti")] {
            let subject = json!({ "format": format, "iss": iss, name: "145234573" });
            assert_eq!(read(subject), Err(Problem::ForeignSubject), "{iss} {format}");
        }
    }
}

#[test]
fn opaque_id_is_a_user_or_a_managed_identity() {
    let id = "11112222333344445555".to_owned();
    let subject = json!({ "format": "opaque", "id": id });
    assert_eq!(subjects(subject), [user(&id), DeniedSubject::ManagedIdentity(id)]);
}

#[test]
fn token_is_denied_by_its_id() {
    let subject = json!({ "format": "jwt_id", "iss": ISSUER, "jti": "B70BA622-9515-4353-A866-823539EECBC8" });
    assert_eq!(
        subjects(subject),
        [DeniedSubject::TokenId("B70BA622-9515-4353-A866-823539EECBC8".to_owned())]
    );
}

#[test]
fn identifiers_that_no_token_has_are_rejected() {
    for subject in [
        json!({ "format": "account", "uri": "acct:example.user@service.example.com" }),
        json!({ "format": "email", "email": "user@example.com" }),
        json!({ "format": "phone_number", "phone_number": "+12065550100" }),
        json!({ "format": "did", "url": "did:example:123456" }),
        json!({ "format": "uri", "uri": "https://user.example.com/" }),
        json!({ "format": "unknown" }),
        json!({}),
    ] {
        assert_eq!(read(subject.clone()), Err(Problem::SubjectFormat), "{subject}");
    }
}

#[test]
fn usable_aliases_are_denied() {
    let email = json!({ "format": "email", "email": "user@example.com" });
    let known = json!({ "format": "iss_sub", "iss": ISSUER, "sub": "1" });
    let token = json!({ "format": "jwt_id", "iss": ISSUER, "jti": "2" });
    let aliases = json!({ "format": "aliases", "identifiers": [email, known, token] });
    assert_eq!(subjects(aliases), [user("1"), DeniedSubject::TokenId("2".to_owned())]);
    let unusable = json!({ "format": "aliases", "identifiers": [email] });
    assert_eq!(read(unusable), Err(Problem::SubjectFormat));
    let nested =
        json!({ "format": "aliases", "identifiers": [{ "format": "aliases", "identifiers": [known] }] });
    assert_eq!(read(nested), Err(Problem::SubjectFormat));
}

#[test]
fn alias_of_another_issuer_is_ignored_beside_an_own_one() {
    let known = json!({ "format": "iss_sub", "iss": ISSUER, "sub": "1" });
    let foreign = json!({ "format": "iss_sub", "iss": "https://other.example/", "sub": "2" });
    let email = json!({ "format": "email", "email": "user@example.com" });
    for identifiers in [[&known, &foreign], [&foreign, &known]] {
        assert_eq!(subjects(json!({ "format": "aliases", "identifiers": identifiers })), [user("1")]);
    }
    let unusable = json!({ "format": "aliases", "identifiers": [foreign, email] });
    assert_eq!(read(unusable), Err(Problem::ForeignSubject));
}

#[test]
fn more_aliases_than_the_maximum_are_rejected() {
    let aliases = |count: usize| {
        let known = json!({ "format": "iss_sub", "iss": ISSUER, "sub": "1" });
        read(json!({ "format": "aliases", "identifiers": vec![known; count] }))
    };
    assert_eq!(aliases(MAX_ALIASES).unwrap().subjects.len(), MAX_ALIASES);
    assert_eq!(aliases(MAX_ALIASES + 1), Err(Problem::Claim("sub_id")));
}

#[test]
fn session_of_a_complex_subject_is_denied() {
    let subject = json!({
        "format": "complex",
        "session": { "format": "opaque", "id": "dMTlD|1600802906337.16|16008.16" },
        "user": { "format": "iss_sub", "iss": ISSUER, "sub": "44f6142df96bd6ab61e7521d9" },
        "tenant": { "format": "opaque", "id": "123456789" },
    });
    let read = read(subject).unwrap();
    assert_eq!(
        read.subjects,
        [
            DeniedSubject::Session("dMTlD|1600802906337.16|16008.16".to_owned()),
            DeniedSubject::SubjectWithoutSession("44f6142df96bd6ab61e7521d9".to_owned()),
        ]
    );
    assert_eq!(read.tenant.as_deref(), Some("123456789"));
}

#[test]
fn user_of_a_complex_subject_is_denied_without_a_session() {
    for device in [json!(null), json!({ "format": "opaque", "id": "device" })] {
        let mut subject = json!({ "user": { "format": "iss_sub", "iss": ISSUER, "sub": "1" } });
        if device.is_object() {
            subject["device"] = device;
        }
        assert_eq!(subjects(subject), [user("1")]);
    }
}

#[test]
fn tenant_alone_is_denied() {
    let subject = json!({ "format": "complex", "tenant": { "format": "opaque", "id": "contoso" } });
    assert_eq!(subjects(subject), [DeniedSubject::Tenant("contoso".to_owned())]);
}

#[test]
fn unusable_member_beside_the_deciding_one_is_ignored() {
    let session = json!({ "format": "opaque", "id": "s" });
    let email = json!({ "format": "email", "email": "user@example.com" });
    let tenant = json!({ "format": "iss_sub", "iss": ISSUER, "sub": "contoso" });
    for other in [email, json!("1")] {
        let subject = json!({ "format": "complex", "session": session, "user": other, "tenant": tenant });
        let read = read(subject).unwrap();
        assert_eq!(read.subjects, [DeniedSubject::Session("s".to_owned())]);
        assert_eq!(read.tenant, None);
    }
    let known = json!({ "format": "iss_sub", "iss": ISSUER, "sub": "1" });
    assert_eq!(subjects(json!({ "format": "complex", "user": known, "tenant": tenant })), [user("1")]);
    let alone = json!({ "format": "complex", "tenant": tenant });
    assert_eq!(read(alone), Err(Problem::SubjectFormat));
    let session = json!({ "format": "email", "email": "user@example.com" });
    let subject = json!({ "format": "complex", "session": session, "user": known });
    assert_eq!(read(subject), Err(Problem::SubjectFormat), "the session decides");
}

#[test]
fn complex_subject_without_a_usable_member_is_rejected() {
    let device = json!({ "format": "complex", "device": { "format": "opaque", "id": "device" } });
    assert_eq!(read(device), Err(Problem::SubjectFormat));
    let session = json!({ "format": "complex", "session": { "format": "email", "email": "x" } });
    assert_eq!(read(session), Err(Problem::SubjectFormat));
    let foreign = json!({ "user": { "format": "iss_sub", "iss": "https://other.example/", "sub": "1" } });
    assert_eq!(read(foreign), Err(Problem::ForeignSubject));
}

#[test]
fn malformed_subjects_are_rejected() {
    for subject in [
        json!("145234573"),
        json!(["iss_sub"]),
        json!({ "format": "iss_sub", "iss": ISSUER }),
        json!({ "format": "iss_sub", "iss": ISSUER, "sub": 1 }),
        json!({ "format": "iss_sub", "iss": ISSUER, "sub": " " }),
        json!({ "format": "opaque", "id": "" }),
        json!({ "format": "aliases" }),
        json!({ "format": "aliases", "identifiers": ["x"] }),
        json!({ "format": "complex", "user": "1" }),
    ] {
        assert_eq!(read(subject.clone()), Err(Problem::Claim("sub_id")), "{subject}");
    }
}
