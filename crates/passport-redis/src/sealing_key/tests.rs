use super::*;

/// Returns how each key is shown, which is by its id.
pub(crate) fn ids(ring: &Ring) -> Vec<String> {
    match ring {
        Ring::Keys(keys) => keys.iter().map(|key| format!("{key:?}")).collect(),
        Ring::Plain => Vec::new(),
    }
}

pub(crate) fn id(byte: u8) -> String {
    format!("{:?}", key(byte))
}

/// Returns a key of equal bytes.
pub(crate) fn key(byte: u8) -> Arc<SealingKey> {
    Arc::new(SealingKey::new(&[byte; SealingKey::LENGTH]).unwrap())
}

pub(crate) fn ring(bytes: &[u8]) -> Ring {
    Ring::Keys(bytes.iter().copied().map(key).collect())
}

#[test]
fn key_is_named_by_its_hash() {
    // Values in Redis have this id, so it must not change.
    assert_eq!(id(1), "SealingKey(31519f45)");
    assert_ne!(id(1), id(2));
}

#[test]
fn previous_key_is_kept_and_older_ones_are_not() {
    for (read, before, expected) in [
        (ring(&[2]), Some(ring(&[1])), vec![id(2), id(1)]),
        (ring(&[3]), Some(ring(&[2, 1])), vec![id(3), id(2)]),
        (ring(&[2, 1]), Some(ring(&[2, 1])), vec![id(2), id(1)]),
        (ring(&[2]), Some(ring(&[2, 1])), vec![id(2), id(1)]),
        (ring(&[1]), None, vec![id(1)]),
        (ring(&[1]), Some(Ring::Plain), vec![id(1)]),
        (Ring::Plain, Some(ring(&[1])), vec![]),
    ] {
        assert_eq!(ids(&read.with_previous(before.as_ref())), expected);
    }
}
