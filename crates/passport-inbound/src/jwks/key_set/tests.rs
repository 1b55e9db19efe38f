use std::collections::hash_map::RandomState;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::jwt::{
    algorithm::Algorithm,
    header::{HeaderMembers, TokenTypes},
};

mod rfc_vectors;

/// Returns an RSA modulus that is odd and has its top bit set.
fn modulus(bytes: usize, filler: u8) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(vec![filler; bytes])
}

fn good() -> Value {
    json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "a", "n": modulus(256, 0xc7), "e": "AQAB" })
}

fn changed(name: &str, value: Value) -> Value {
    let mut key = good();
    key[name] = value;
    key
}

fn without(name: &str) -> Value {
    let mut key = good();
    key.as_object_mut().unwrap().remove(name);
    key
}

fn named(kid: &str, filler: u8) -> Value {
    let mut key = changed("kid", json!(kid));
    key["n"] = json!(modulus(256, filler));
    key
}

fn parsed(keys: &[Value], previous: &KeySet) -> Result<(KeySet, Vec<SkippedKey>), KeyFetchError> {
    let body = json!({ "keys": keys }).to_string();
    KeySet::parse(body.as_bytes(), &AllowedAlgorithms::default(), previous, &RandomState::new())
}

fn set(keys: &[Value]) -> KeySet {
    parsed(keys, &KeySet::default()).unwrap().0
}

fn skipped(keys: &[Value]) -> Vec<UnusableKey> {
    parsed(keys, &KeySet::default()).unwrap().1.iter().map(|entry| entry.why).collect()
}

/// Returns keys of one algorithm, newest first.
pub(crate) fn test_keys(number: u8) -> Vec<Arc<Key>> {
    let keys: Vec<_> = (0..number).map(|number| named(&number.to_string(), 0xc1 + 2 * number)).collect();
    set(&keys).keys
}

pub(crate) fn key_set(keys: &[Arc<Key>]) -> KeySet {
    KeySet { keys: keys.to_vec() }
}

fn check_header(set: &KeySet, header: &Value) -> Result<(), RejectionReason> {
    let header = header.to_string();
    set.check_header(
        &HeaderMembers::read(header.as_bytes())
            .unwrap()
            .validate(&all_algorithms(), &TokenTypes::AccessToken)
            .unwrap(),
    )
}

#[test]
fn key_without_use_alg_or_kid_is_usable() {
    for name in ["use", "alg", "kid"] {
        assert_eq!(set(&[without(name)]).len(), 1, "{name}");
    }
    assert_eq!(set(&[changed("key_ops", json!(["verify"]))]).len(), 1);
}

#[test]
fn invalid_entry_is_skipped_with_its_reason() {
    for (odd, why) in [
        (changed("use", json!("enc")), UnusableKey::Purpose),
        (changed("key_ops", json!(["encrypt"])), UnusableKey::Purpose),
        (changed("alg", json!("RS512")), UnusableKey::Algorithm),
        (changed("alg", json!("RSA-OAEP")), UnusableKey::Algorithm),
        (changed("alg", json!("ML-DSA-65")), UnusableKey::Algorithm),
        (changed("kty", json!("AKP")), UnusableKey::Algorithm),
        (changed("n", json!("not base64!")), UnusableKey::Invalid),
        (changed("n", json!(modulus(128, 0xc7))), UnusableKey::Invalid),
        (changed("n", json!(modulus(2048, 0xc7))), UnusableKey::Invalid),
        (changed("e", json!("AQ")), UnusableKey::Invalid),
        (changed("kid", json!(5)), UnusableKey::NotAJwk),
        (json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }), UnusableKey::Algorithm),
        (json!({ "kty": "oct", "k": "AAAA" }), UnusableKey::Algorithm),
        (json!(null), UnusableKey::NotAJwk),
        (json!("key"), UnusableKey::NotAJwk),
    ] {
        assert_eq!(skipped(&[odd.clone(), good()]), [why], "{odd}");
    }
}

#[test]
fn key_set_without_a_usable_key_is_an_error() {
    let none = KeySet::default();
    assert!(matches!(parsed(&[], &none), Err(KeyFetchError::NoUsableKey(_))));
    assert!(matches!(parsed(&[changed("use", json!("enc"))], &none), Err(KeyFetchError::NoUsableKey(_))));
}

#[test]
fn document_other_than_a_key_set_is_an_error() {
    for body in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"keys":[}"#] {
        let outcome = KeySet::parse(
            body.as_bytes(),
            &AllowedAlgorithms::default(),
            &KeySet::default(),
            &RandomState::new(),
        );
        assert!(matches!(outcome, Err(KeyFetchError::NotAKeySet)), "{body}");
    }
}

#[test]
fn key_set_is_read_up_to_100_entries() {
    let mut keys = vec![json!(null); 100];
    keys.push(good());
    assert!(parsed(&keys, &KeySet::default()).is_err());
    assert!(parsed(&keys[1..], &KeySet::default()).is_ok());
    let why = |keys: &[Value]| {
        parsed(keys, &KeySet::default()).unwrap().1.first().map(|entry| (entry.position, entry.why))
    };
    assert_eq!(why(&vec![good(); 101]), Some((100, UnusableKey::TooMany)));
    assert_eq!(why(&vec![good(); 4]), None);
}

#[test]
fn newest_keys_are_first() {
    let kids = |set: &KeySet| set.kids().map(str::to_owned).collect::<Vec<_>>();
    let (a, b, c) = (named("a", 0xc1), named("b", 0xc3), named("c", 0xc5));
    let first = set(&[a.clone(), b.clone()]);
    assert_eq!(kids(&first), ["b", "a"]);
    assert_eq!(kids(&parsed(&[a, c, b], &first).unwrap().0), ["c", "b", "a"]);
}

#[test]
fn kept_key_is_shared_and_removed_key_is_not_tried() {
    let first = set(&[named("a", 0xc1), named("b", 0xc3)]);
    let (second, _) = parsed(&[named("b", 0xc3), named("a", 0xc5)], &first).unwrap();
    let tried: Vec<_> = first
        .keys
        .iter()
        .map(|key| (key.identity.kid.clone().unwrap(), second.would_try(key, true)))
        .collect();
    assert_eq!(tried, [("b".to_owned(), true), ("a".to_owned(), false)], "kid `a` has another key");
    assert!(Arc::ptr_eq(&first.keys[0], &second.keys[1]), "the key of kid `b` is shared");
    assert!(second.keys.iter().all(|key| second.would_try(key, false)));
}

#[test]
fn four_newest_keys_are_tried_without_a_kid() {
    let keys: Vec<_> = (0..6).map(|number| named(&number.to_string(), 0xc1 + 2 * number)).collect();
    let set = set(&keys);
    let tried: Vec<_> = set.keys.iter().filter(|key| set.would_try(key, false)).collect();
    assert_eq!(
        tried.iter().filter_map(|key| key.identity.kid.as_deref()).collect::<Vec<_>>(),
        ["5", "4", "3", "2"]
    );
    assert!(set.keys.iter().all(|key| set.would_try(key, true)));
}

#[test]
fn four_keys_may_share_a_kid() {
    let keys: Vec<_> = (0..5).map(|number| named("a", 0xc1 + 2 * number)).collect();
    let (set, skipped) = parsed(&keys, &KeySet::default()).unwrap();
    assert_eq!((set.len(), skipped[0].why, skipped[0].position), (4, UnusableKey::DuplicateKid, 4));
}

#[test]
fn unknown_kid_never_falls_back_to_another_key() {
    let set = set(&[good()]);
    for (header, known) in [
        (json!({ "alg": "RS256", "kid": "a" }), Ok(())),
        (json!({ "alg": "RS256" }), Ok(())),
        (json!({ "alg": "RS256", "kid": "b" }), Err(RejectionReason::KeyNotFound)),
        (json!({ "alg": "RS256", "kid": "A" }), Err(RejectionReason::KeyNotFound)),
        (json!({ "alg": "RS256", "kid": "a " }), Err(RejectionReason::KeyNotFound)),
        (json!({ "alg": "RS256", "kid": "" }), Err(RejectionReason::KeyNotFound)),
        (json!({ "alg": "PS256", "kid": "a" }), Err(RejectionReason::AlgorithmMismatch)),
        (json!({ "alg": "ES256" }), Err(RejectionReason::AlgorithmMismatch)),
    ] {
        assert_eq!(check_header(&set, &header), known, "{header}");
    }
    assert_eq!(
        check_header(&self::set(&[without("kid")]), &json!({ "alg": "RS256", "kid": "a" })),
        Err(RejectionReason::KeyNotFound)
    );
}

#[test]
fn key_without_alg_is_used_for_all_allowed_of_its_type() {
    let allowed = AllowedAlgorithms::new(vec![Algorithm::Rs256, Algorithm::Ps256]).unwrap();
    let body = json!({ "keys": [without("alg")] }).to_string();
    let (set, _) = KeySet::parse(body.as_bytes(), &allowed, &KeySet::default(), &RandomState::new()).unwrap();
    assert_eq!(check_header(&set, &json!({ "alg": "RS256", "kid": "a" })), Ok(()));
    assert_eq!(check_header(&set, &json!({ "alg": "PS256", "kid": "a" })), Ok(()));
    assert_eq!(
        check_header(&set, &json!({ "alg": "ES256", "kid": "a" })),
        Err(RejectionReason::AlgorithmMismatch)
    );
}

fn all_algorithms() -> AllowedAlgorithms {
    AllowedAlgorithms::new(vec![Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa])
        .unwrap()
}

#[test]
fn invalid_unread_members_do_not_discard_a_key() {
    for (name, value) in [
        ("x5c", json!("MIIC")),
        ("x5t", json!(["a"])),
        ("x5t#S256", json!(5)),
        ("x5u", json!({})),
        ("crv", json!(5)),
        ("x", json!([])),
        ("y", json!(1)),
        ("exp", json!("never")),
        ("use", json!(null)),
        ("key_ops", json!(["verify", 5])),
    ] {
        assert_eq!(set(&[changed(name, value.clone())]).len(), 1, "{name}: {value}");
    }
}

#[test]
fn invalid_read_members_discard_the_key() {
    for (name, value, why) in [
        ("kty", json!(["RSA"]), UnusableKey::NotAJwk),
        ("kid", json!(["a"]), UnusableKey::NotAJwk),
        ("use", json!(["sig"]), UnusableKey::Purpose),
        ("key_ops", json!({}), UnusableKey::Purpose),
        ("alg", json!(["RS256"]), UnusableKey::Algorithm),
        ("n", json!(5), UnusableKey::Invalid),
        ("e", json!(65537), UnusableKey::Invalid),
    ] {
        assert_eq!(skipped(&[changed(name, value.clone()), good()]), [why], "{name}: {value}");
    }
}

#[test]
fn ed25519_is_a_name_of_eddsa_in_keys_and_tokens() {
    let key = json!({
        "kty": "OKP", "crv": "Ed25519", "kid": "a", "alg": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    let body = json!({ "keys": [key] }).to_string();
    let (set, _) =
        KeySet::parse(body.as_bytes(), &all_algorithms(), &KeySet::default(), &RandomState::new()).unwrap();
    for alg in ["EdDSA", "Ed25519"] {
        assert_eq!(check_header(&set, &json!({ "alg": alg, "kid": "a" })), Ok(()), "{alg}");
    }
}

#[test]
fn weak_keys_are_skipped() {
    let point = |x: &str| json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
    let body = json!({ "keys": [point(&"A".repeat(43)), changed("e", json!("AQ")), good()] }).to_string();
    let (set, odd) =
        KeySet::parse(body.as_bytes(), &all_algorithms(), &KeySet::default(), &RandomState::new()).unwrap();
    assert_eq!(set.len(), 1);
    assert_eq!(
        odd.iter().map(|entry| entry.why).collect::<Vec<_>>(),
        [UnusableKey::Invalid, UnusableKey::Invalid]
    );
}

#[test]
fn error_names_each_skipped_key_with_its_reason() {
    let weak = changed("n", json!(modulus(128, 0xc7)));
    let error = parsed(&[weak, json!({ "kty": "AKP", "kid": "pq" })], &KeySet::default()).unwrap_err();
    let text = error.to_string();
    for part in [
        "key 0 (kid \"a\"): invalid key: malformed, weak, or not of an accepted size (RSA: 2048 to 8192 bits)",
        "key 1 (kid \"pq\"): kty, crv and alg match no allowed algorithm",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let many = parsed(&vec![json!(null); 30], &KeySet::default()).unwrap_err().to_string();
    assert!(many.ends_with("; and 22 more"), "{many}");
}

#[test]
fn p256_key_is_usable() {
    // The base point of the curve.
    let key = json!({
        "kty": "EC", "crv": "P-256",
        "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
        "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
    });
    let body = json!({ "keys": [key] }).to_string();
    let (set, skipped) =
        KeySet::parse(body.as_bytes(), &all_algorithms(), &KeySet::default(), &RandomState::new()).unwrap();
    assert_eq!((set.len(), skipped.len()), (1, 0));
    assert_eq!(set.keys[0].identity.algorithm, Algorithm::Es256);
}

#[test]
fn key_verifies_no_signature_of_another_algorithm() {
    use aws_lc_rs::{
        rand::SystemRandom,
        rsa::KeySize,
        signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
    };
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let mut key = good();
    key["n"] =
        json!(BASE64_URL_SAFE_NO_PAD.encode(pair.public_key().modulus().big_endian_without_leading_zero()));
    let set = set(&[key]);
    let mut signature = vec![0; 256];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"message", &mut signature).unwrap();
    let verifies = |header: Value| {
        let header = header.to_string();
        let header = HeaderMembers::read(header.as_bytes())
            .unwrap()
            .validate(&all_algorithms(), &TokenTypes::AccessToken)
            .unwrap();
        set.verify(&header, b"message", &signature).is_some()
    };
    assert!(verifies(json!({ "alg": "RS256", "kid": "a" })));
    assert!(!verifies(json!({ "alg": "PS256", "kid": "a" })));
    assert!(!verifies(json!({ "alg": "RS256", "kid": "b" })));
}
