use super::*;

/// Returns the `Debug` output of each key in `keyring`, which contains the key id.
pub(crate) fn ids(keyring: &Keyring) -> Vec<String> {
    match keyring {
        Keyring::Keys(keys) => keys.iter().map(|key| format!("{key:?}")).collect(),
        Keyring::Unencrypted => Vec::new(),
    }
}

pub(crate) fn id(byte: u8) -> String {
    format!("{:?}", key(byte))
}

/// Returns a key that consists of 32 times `byte`.
pub(crate) fn key(byte: u8) -> Arc<SealingKey> {
    Arc::new(SealingKey::new(&[byte; SealingKey::LENGTH]).unwrap())
}

pub(crate) fn keyring(bytes: &[u8]) -> Keyring {
    Keyring::Keys(bytes.iter().copied().map(key).collect())
}

#[test]
fn key_id_is_the_start_of_its_hash() {
    // Values that are already in Redis have this id, so it must not change.
    assert_eq!(id(1), "SealingKey(31519f45)");
    assert_ne!(id(1), id(2));
}

#[test]
fn only_one_previous_key_is_kept() {
    for (read, previous, expected) in [
        (keyring(&[2]), Some(keyring(&[1])), vec![id(2), id(1)]),
        (keyring(&[3]), Some(keyring(&[2, 1])), vec![id(3), id(2)]),
        (keyring(&[2, 1]), Some(keyring(&[2, 1])), vec![id(2), id(1)]),
        (keyring(&[2]), Some(keyring(&[2, 1])), vec![id(2), id(1)]),
        (keyring(&[1]), None, vec![id(1)]),
        (keyring(&[1]), Some(Keyring::Unencrypted), vec![id(1)]),
        (Keyring::Unencrypted, Some(keyring(&[1])), vec![]),
    ] {
        assert_eq!(ids(&read.with_previous(previous.as_ref())), expected);
    }
}
