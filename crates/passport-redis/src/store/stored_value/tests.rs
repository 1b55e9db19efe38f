use super::*;
use crate::{
    envelope::{
        seal,
        tests::{REDIS_KEY, stored},
    },
    sealing_key::tests::keyring,
};

fn value(value: Vec<u8>, ttl_ms: i64) -> StoredValue {
    StoredValue { value, ttl_ms }
}

#[test]
fn ttl_is_at_most_the_token_lifetime_plus_a_minute() {
    let sealed = seal(&keyring(&[1]), REDIS_KEY, &stored()).unwrap();
    let longest = i64::try_from((stored().lifetime() + Duration::from_secs(60)).as_millis()).unwrap();
    for (left, expected) in [
        (0, None),
        (longest, None),
        (longest + 1, Some(InvalidValue::Tampered)),
        // A value without a time to live, and a Redis key that expired after its value was read.
        (-1, Some(InvalidValue::Tampered)),
        (-2, Some(InvalidValue::Tampered)),
    ] {
        let opened = value(sealed.clone(), left).open(&keyring(&[1]), REDIS_KEY);
        assert_eq!(opened.err(), expected, "{left}");
    }
}

#[test]
fn oversized_value_is_malformed() {
    let token = seal(&Keyring::Unencrypted, REDIS_KEY, &stored()).unwrap();
    for (length, expected) in [(MAX_VALUE, None), (MAX_VALUE + 1, Some(InvalidValue::Malformed))] {
        let opened = value([&token[..], &vec![b'x'; length]].concat()[..length].to_vec(), 1000);
        let opened = opened.open(&Keyring::Unencrypted, REDIS_KEY).err();
        assert_eq!(opened.filter(|reason| *reason == InvalidValue::Malformed), expected, "{length}");
    }
}

#[test]
fn only_an_empty_value_without_a_ttl_is_missing() {
    assert!(value(Vec::new(), -2).is_missing());
    assert!(!value(Vec::new(), -1).is_missing());
    assert!(!value(vec![0], -2).is_missing());
}

#[test]
fn value_with_an_unknown_key_is_kept_for_a_day() {
    let day = 24 * 60 * 60 * 1000;
    for (reason, left, expected) in [
        (InvalidValue::Malformed, 0, true),
        (InvalidValue::Tampered, day, true),
        (InvalidValue::UnknownKey, -1, false),
        (InvalidValue::UnknownKey, day, false),
        (InvalidValue::UnknownKey, day + 1, true),
    ] {
        assert_eq!(value(Vec::new(), left).must_be_removed(reason), expected, "{reason:?} {left}");
    }
}

#[test]
fn negative_ttl_reply_is_zero() {
    for (reply, expected) in [(1500, 1500), (0, 0), (-1, 0), (-2, 0)] {
        assert_eq!(duration(reply), Duration::from_millis(expected));
    }
}

#[tokio::test]
async fn invalid_value_is_counted_by_its_reason() {
    let client_id = "mi-1".parse().unwrap();
    for (invalid, label) in [
        (InvalidValue::Malformed, "malformed"),
        (InvalidValue::UnknownKey, "unknown_key"),
        (InvalidValue::Tampered, "tampered"),
    ] {
        let measured =
            passport_test_support::metrics::measured(async { record_invalid(&client_id, invalid) }).await;
        assert_eq!(measured, [(format!("{REJECTED} {label}"), 1.0)].into());
    }
}
