//! Tests of a caller that a deny list denies.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::*;
use crate::{Denial, DeniedSubject, identity::CallerSource, issuers::IssuerName, jwt::claims::Claims};

const ISSUER: &str = "https://i.example";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Returns a caller whose token was issued at second 100.
fn caller(list: &DenyList, extra: &Value) -> IdInfo {
    let mut claims = json!({ "iss": ISSUER, "sub": "u", "tenant_id": "t", "jti": "j", "iat": 100 });
    claims.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    let payload = claims.to_string().into_bytes();
    let source = CallerSource { issuer: IssuerName::new("i"), is_external: false };
    let claims = Claims::parse(&payload).unwrap();
    IdInfo::new(claims, payload, at(4000), source, Revocation::new(Some(list.clone())))
}

fn deny(list: &DenyList, subject: DeniedSubject, seconds: u64) {
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    drop(list.deny(&Denial::new(ISSUER, subject, at(seconds)).expires_at(far)));
}

fn id(text: &str) -> String {
    text.to_owned()
}

#[test]
fn caller_without_a_list_is_never_denied() {
    let caller = IdInfo::of_passport(Claims::parse(b"{}").unwrap(), b"{}".to_vec(), at(4000));
    assert!(!caller.is_denied() && caller.deny_list().is_none());
}

#[test]
fn each_id_of_the_caller_can_be_denied() {
    let machine = json!({ "managed_identity_id": "m" });
    let session = json!({ "sid": "s" });
    for (subject, extra, is_denied) in [
        (DeniedSubject::Subject(id("u")), json!({}), true),
        (DeniedSubject::Subject(id("u")), session.clone(), true),
        (DeniedSubject::Subject(id("v")), json!({}), false),
        (DeniedSubject::SubjectWithoutSession(id("u")), json!({}), true),
        (DeniedSubject::SubjectWithoutSession(id("u")), session.clone(), false),
        (DeniedSubject::Session(id("s")), session.clone(), true),
        (DeniedSubject::Session(id("s")), json!({}), false),
        (DeniedSubject::Session(id("u")), session, false),
        (DeniedSubject::TokenId(id("j")), json!({}), true),
        (DeniedSubject::TokenId(id("u")), json!({}), false),
        (DeniedSubject::ManagedIdentity(id("m")), machine.clone(), true),
        (DeniedSubject::ManagedIdentity(id("u")), machine, false),
        (DeniedSubject::Tenant(id("t")), json!({}), true),
        (DeniedSubject::Tenant(id("u")), json!({}), false),
    ] {
        let list = DenyList::new();
        let caller = caller(&list, &extra);
        deny(&list, subject.clone(), 100);
        assert_eq!(caller.is_denied(), is_denied, "{subject:?} {extra}");
        assert_eq!(list.is_denied(&caller), is_denied, "{subject:?} {extra}");
    }
}

#[test]
fn caller_of_another_issuer_is_not_denied() {
    let list = DenyList::new();
    let caller = caller(&list, &json!({ "iss": "https://i.example/" }));
    deny(&list, DeniedSubject::Subject(id("u")), 100);
    assert!(!caller.is_denied());
}

#[test]
fn external_caller_is_denied_by_its_sub() {
    let list = DenyList::new();
    let payload = json!({ "iss": ISSUER, "sub": "theirs", "iat": 100 }).to_string().into_bytes();
    let claims = Claims::parse_registered(&payload).unwrap();
    let source = CallerSource { issuer: IssuerName::new("i"), is_external: true };
    let caller = IdInfo::new(claims, payload, at(4000), source, Revocation::new(Some(list.clone())));
    deny(&list, DeniedSubject::Subject(id("other")), 100);
    assert!(!caller.is_denied());
    deny(&list, DeniedSubject::SubjectWithoutSession(id("theirs")), 100);
    assert!(caller.is_denied());
}

#[test]
fn denial_after_a_search_is_noticed() {
    let list = DenyList::new();
    let caller = caller(&list, &json!({}));
    assert!(!caller.is_denied());
    deny(&list, DeniedSubject::Subject(id("v")), 100);
    assert!(!caller.is_denied(), "and the generation is remembered");
    assert_eq!(caller.verified.revocation.not_denied_by.load(Ordering::Relaxed), list.generation());
    deny(&list, DeniedSubject::Subject(id("u")), 99);
    assert!(!caller.is_denied(), "the token is newer");
    deny(&list, DeniedSubject::Subject(id("u")), 100);
    assert!(caller.is_denied() && caller.is_denied());
}
