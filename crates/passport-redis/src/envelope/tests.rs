use proptest::prelude::*;

use super::*;
use crate::sealing_key::tests::keyring;

const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtaS0xIn0.c2lnbmF0dXJl";
pub(crate) const REDIS_KEY: &str = "passport:{mi-1:0a}:token";

pub(crate) fn stored() -> StoredToken {
    let issued_at = UNIX_EPOCH + Duration::from_millis(1_750_000_000_123);
    StoredToken::new(AccessToken::new(JWT, issued_at + Duration::from_secs(3600)).unwrap(), issued_at)
}

fn sealed() -> Vec<u8> {
    seal(&keyring(&[1]), REDIS_KEY, &stored()).unwrap()
}

#[test]
fn sealed_token_can_be_opened() {
    for keyring in [keyring(&[1]), Keyring::Unencrypted] {
        let opened = open(&keyring, REDIS_KEY, &seal(&keyring, REDIS_KEY, &stored()).unwrap()).unwrap();
        assert_eq!(opened.token().expose(), JWT);
        assert_eq!(
            (opened.issued_at(), opened.token().expires_at()),
            (stored().issued_at(), stored().token().expires_at())
        );
    }
}

#[test]
fn unencrypted_value_has_the_documented_layout() {
    let value = seal(&Keyring::Unencrypted, REDIS_KEY, &stored()).unwrap();
    let times = [1_750_000_000_123_u64, 1_750_003_600_123].map(u64::to_be_bytes).concat();
    assert_eq!(value, [&[0; 5][..], &token_hash(stored().token()), &times, JWT.as_bytes()].concat());
}

#[test]
fn sealed_value_has_the_documented_layout() {
    let value = sealed();
    assert_eq!(value.len(), 1 + 4 + 16 + 12 + 16 + JWT.len() + 16);
    assert_eq!(value[0], 1);
    assert_eq!(value[1..5], 0x3151_9f45_u32.to_be_bytes());
    assert_eq!(value[5..21], token_hash(stored().token()));
}

#[test]
fn token_hash_is_the_start_of_its_sha256() {
    let token = AccessToken::new("abc", UNIX_EPOCH).unwrap();
    assert_eq!(token_hash(&token)[..4], [0xba, 0x78, 0x16, 0xbf]);
}

#[test]
fn token_is_not_sealed_without_a_key() {
    assert_eq!(seal(&keyring(&[]), REDIS_KEY, &stored()), None);
}

#[test]
fn hash_of_another_token_is_rejected() {
    let mut value = seal(&Keyring::Unencrypted, REDIS_KEY, &stored()).unwrap();
    value[5] ^= 1;
    assert_eq!(open(&Keyring::Unencrypted, REDIS_KEY, &value).err(), Some(InvalidValue::Tampered));
}

#[test]
fn invalid_values_have_labels() {
    let values = [InvalidValue::Malformed, InvalidValue::UnknownKey, InvalidValue::Tampered];
    assert_eq!(values.map(InvalidValue::as_str), ["malformed", "unknown_key", "tampered"]);
}

#[test]
fn sealed_token_is_not_readable() {
    let value = String::from_utf8_lossy(&sealed()).into_owned();
    assert!(JWT.split('.').all(|part| !value.contains(part)) && !value.contains("eyJ"));
}

#[test]
fn two_seals_of_a_token_differ() {
    assert_ne!(sealed(), sealed());
}

#[test]
fn value_with_a_flipped_bit_is_rejected() {
    let (keyring, value) = (keyring(&[1]), sealed());
    for position in 0..value.len() {
        for bit in 0..8 {
            let mut changed = value.clone();
            changed[position] ^= 1 << bit;
            assert!(open(&keyring, REDIS_KEY, &changed).is_err(), "bit {bit} of byte {position}");
        }
    }
}

#[test]
fn truncated_or_extended_value_is_rejected() {
    let (keyring, mut value) = (keyring(&[1]), sealed());
    for length in 0..value.len() {
        assert!(open(&keyring, REDIS_KEY, &value[..length]).is_err(), "{length}");
    }
    value.push(0);
    assert_eq!(open(&keyring, REDIS_KEY, &value).err(), Some(InvalidValue::Tampered));
}

#[test]
fn value_of_another_redis_key_is_rejected() {
    for other in ["passport:{mi-2:0a}:token", "other:{mi-1:0a}:token", ""] {
        assert_eq!(open(&keyring(&[1]), other, &sealed()).err(), Some(InvalidValue::Tampered), "{other}");
    }
}

#[test]
fn first_key_seals_and_all_keys_open() {
    let (old, both, new) = (keyring(&[1]), keyring(&[2, 1]), keyring(&[2]));
    assert!(open(&both, REDIS_KEY, &seal(&old, REDIS_KEY, &stored()).unwrap()).is_ok());
    let value = seal(&both, REDIS_KEY, &stored()).unwrap();
    assert!(open(&new, REDIS_KEY, &value).is_ok());
    assert_eq!(open(&old, REDIS_KEY, &value).err(), Some(InvalidValue::UnknownKey));
}

#[test]
fn unencrypted_value_is_rejected_if_there_are_keys() {
    let plain = seal(&Keyring::Unencrypted, REDIS_KEY, &stored()).unwrap();
    assert_eq!(open(&keyring(&[1]), REDIS_KEY, &plain).err(), Some(InvalidValue::Malformed));
    assert_eq!(open(&Keyring::Unencrypted, REDIS_KEY, &sealed()).err(), Some(InvalidValue::Malformed));
}

#[test]
fn token_hash_is_where_the_scripts_read_it() {
    let (first, last) = HASH_POSITIONS_IN_LUA;
    assert_eq!(sealed()[first - 1..last], token_hash(stored().token()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn junk_is_rejected_without_a_panic(value in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(open(&keyring(&[1, 2]), REDIS_KEY, &value).is_err());
        let _ = open(&Keyring::Unencrypted, REDIS_KEY, &value);
    }

    #[test]
    fn junk_after_a_valid_head_is_rejected(value in prop::collection::vec(any::<u8>(), 0..200), kept in 0_usize..60) {
        let valid = sealed();
        let value = [&valid[..kept.min(valid.len())], &value].concat();
        prop_assert!(open(&keyring(&[1]), REDIS_KEY, &value).is_err());
    }
}
