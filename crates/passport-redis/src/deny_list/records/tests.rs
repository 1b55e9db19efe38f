use passport_outbound::{AccessToken, StoredToken};

use super::*;
use crate::{envelope, sealing_key::tests::keyring};

const STREAM: &str = "passport:{deny-list}:denials";
pub(in crate::deny_list) const JSON: &str = r#"{"key":"AAAAAAAAAAAAAAAAAAAAAA","group":"AQAAAAAAAAAAAAAAAAAAAA","issuer":"AQAAAAAAAAAAAAAAAAAAAA","issued_before":4294967295,"expires_at":4294967295}"#;

fn record() -> DenialRecord {
    DenialRecord::from_json(JSON).unwrap()
}

fn sealed() -> Vec<u8> {
    seal(&keyring(&[1]), STREAM, &record()).unwrap()
}

fn opened(keyring: &Keyring, redis_key: &str, value: Vec<u8>) -> Result<DenialRecord, InvalidValue> {
    open(keyring, redis_key, &[Entry { id: "1-0".to_owned(), value }]).remove(0)
}

#[test]
fn sealed_denial_can_be_opened() {
    for keyring in [keyring(&[1]), Keyring::Unencrypted] {
        let value = seal(&keyring, STREAM, &record()).unwrap();
        assert!(value.len() <= MAX_ENTRY, "{}", value.len());
        assert_eq!(opened(&keyring, STREAM, value), Ok(record()));
    }
}

#[test]
fn sealed_denial_is_not_readable() {
    let value = sealed();
    assert!(!String::from_utf8_lossy(&value).contains("key"));
    assert_ne!(value, sealed(), "two seals differ");
}

#[test]
fn denial_with_a_changed_byte_is_rejected() {
    for position in 0..sealed().len() {
        let mut value = sealed();
        value[position] ^= 1;
        assert!(opened(&keyring(&[1]), STREAM, value).is_err(), "byte {position}");
    }
}

#[test]
fn denial_of_another_stream_is_rejected() {
    let other = opened(&keyring(&[1]), "staging:{deny-list}:denials", sealed());
    assert_eq!(other, Err(InvalidValue::Tampered));
}

#[test]
fn token_is_not_a_denial_and_a_denial_is_no_token() {
    let (redis_key, keyring) = ("passport:{mi-1:0a}:token", keyring(&[1]));
    let token = AccessToken::new("eyJhbGciOiJSUzI1NiJ9", std::time::UNIX_EPOCH).unwrap();
    let token = StoredToken::new(token, std::time::UNIX_EPOCH);
    let value = envelope::seal(&keyring, redis_key, &token).unwrap();
    assert_eq!(opened(&keyring, STREAM, value), Err(InvalidValue::Tampered));
    assert_eq!(envelope::open(&keyring, redis_key, &sealed()).err(), Some(InvalidValue::Tampered));
}

#[test]
fn denial_of_an_unknown_key_is_named() {
    assert_eq!(opened(&keyring(&[2]), STREAM, sealed()), Err(InvalidValue::UnknownKey));
    assert_eq!(opened(&keyring(&[2, 1]), STREAM, sealed()), Ok(record()));
}

#[test]
fn other_content_is_malformed() {
    let junk = sealed_value::seal(&keyring(&[1]), STREAM, &[], Zeroizing::new(b"{}".to_vec())).unwrap();
    let binary = sealed_value::seal(&keyring(&[1]), STREAM, &[], Zeroizing::new(vec![0xff])).unwrap();
    for value in [junk, binary, Vec::new(), vec![1; MAX_ENTRY + 1]] {
        assert_eq!(opened(&keyring(&[1]), STREAM, value), Err(InvalidValue::Malformed));
    }
}

#[test]
fn denial_is_not_sealed_without_a_key() {
    assert_eq!(seal(&keyring(&[]), STREAM, &record()), None);
}
