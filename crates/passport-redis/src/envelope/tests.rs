use proptest::prelude::*;

use super::*;

const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtaS0xIn0.c2lnbmF0dXJl";
const PLACE: &str = "passport:{mi-1:0a}:token";

fn key(byte: u8) -> Arc<SealingKey> {
    Arc::new(SealingKey::new(&[byte; SealingKey::LENGTH]).unwrap())
}

fn ring(bytes: &[u8]) -> Ring {
    Ring::Keys(bytes.iter().copied().map(key).collect())
}

fn stored() -> StoredToken {
    let minted_at = UNIX_EPOCH + Duration::from_millis(1_750_000_000_123);
    StoredToken::new(AccessToken::new(JWT, minted_at + Duration::from_secs(3600)).unwrap(), minted_at)
}

fn sealed() -> Vec<u8> {
    seal(&ring(&[1]), PLACE, &stored()).unwrap()
}

#[test]
fn what_is_sealed_is_opened() {
    for ring in [ring(&[1]), Ring::Plain] {
        let opened = open(&ring, PLACE, &seal(&ring, PLACE, &stored()).unwrap()).unwrap();
        assert_eq!(opened.token().expose(), JWT);
        assert_eq!(
            (opened.minted_at(), opened.token().expires_at()),
            (stored().minted_at(), stored().token().expires_at())
        );
    }
}

#[test]
fn of_a_sealed_token_nothing_is_to_be_seen() {
    let value = String::from_utf8_lossy(&sealed()).into_owned();
    assert!(JWT.split('.').all(|part| !value.contains(part)) && !value.contains("eyJ"));
}

#[test]
fn the_same_token_is_never_sealed_to_the_same_bytes() {
    assert_ne!(sealed(), sealed());
}

#[test]
fn a_value_with_any_bit_flipped_is_refused() {
    let (ring, value) = (ring(&[1]), sealed());
    for position in 0..value.len() {
        for bit in 0..8 {
            let mut changed = value.clone();
            changed[position] ^= 1 << bit;
            assert!(open(&ring, PLACE, &changed).is_err(), "bit {bit} of byte {position}");
        }
    }
}

#[test]
fn a_value_that_is_cut_off_or_goes_on_is_refused() {
    let (ring, mut value) = (ring(&[1]), sealed());
    for length in 0..value.len() {
        assert!(open(&ring, PLACE, &value[..length]).is_err(), "{length}");
    }
    value.push(0);
    assert_eq!(open(&ring, PLACE, &value).err(), Some(InvalidValue::Tampered));
}

#[test]
fn a_value_of_another_place_is_refused() {
    for place in ["passport:{mi-2:0a}:token", "other:{mi-1:0a}:token", ""] {
        assert_eq!(open(&ring(&[1]), place, &sealed()).err(), Some(InvalidValue::Tampered), "{place}");
    }
}

#[test]
fn while_keys_are_rotated_both_open_and_the_first_seals() {
    let (old, both, new) = (ring(&[1]), ring(&[2, 1]), ring(&[2]));
    assert!(open(&both, PLACE, &seal(&old, PLACE, &stored()).unwrap()).is_ok());
    let value = seal(&both, PLACE, &stored()).unwrap();
    assert!(open(&new, PLACE, &value).is_ok());
    assert_eq!(open(&old, PLACE, &value).err(), Some(InvalidValue::UnknownKey));
}

#[test]
fn who_encrypts_takes_nothing_that_is_not() {
    let plain = seal(&Ring::Plain, PLACE, &stored()).unwrap();
    assert_eq!(open(&ring(&[1]), PLACE, &plain).err(), Some(InvalidValue::Malformed));
    assert_eq!(open(&Ring::Plain, PLACE, &sealed()).err(), Some(InvalidValue::Malformed));
}

#[test]
fn the_mark_stands_where_the_scripts_look_for_it() {
    let (first, last) = MARK_IN_LUA;
    assert_eq!(sealed()[first - 1..last], mark(stored().token()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn junk_is_refused_and_nothing_panics(value in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(open(&ring(&[1, 2]), PLACE, &value).is_err());
        let _ = open(&Ring::Plain, PLACE, &value);
    }

    #[test]
    fn junk_behind_a_good_head_is_refused(value in prop::collection::vec(any::<u8>(), 0..200), kept in 0_usize..60) {
        let good = sealed();
        let value = [&good[..kept.min(good.len())], &value].concat();
        prop_assert!(open(&ring(&[1]), PLACE, &value).is_err());
    }
}
