use super::*;
use crate::sealing_key::tests::{id, ids};

/// Returns a key that consists of 32 equal bytes, in base64.
pub(crate) fn encoded(byte: u8) -> String {
    STANDARD.encode([byte; SealingKey::LENGTH])
}

#[tokio::test]
async fn unencrypted_store_ignores_keys() {
    let keys = EncryptionKeys::danger_unencrypted().with_previous_keys(SecretSource::from_value(encoded(1)));
    assert!(matches!(keys.read().await.unwrap(), Keyring::Unencrypted));
}

#[tokio::test]
async fn malformed_key_is_rejected_and_not_shown() {
    for text in ["hidden", "aGlkZGVu", &STANDARD.encode([1; 31]), &STANDARD.encode([1; 33]), &"a".repeat(44)]
    {
        let keys = EncryptionKeys::new(SecretSource::from_value(text));
        let error = keys.read().await.err().unwrap();
        let message = format!("{error} {error:?}");
        assert!(message.contains("openssl rand -base64 32") && !message.contains(text), "{message}");
    }
}

#[tokio::test]
async fn line_break_after_a_key_is_ignored() {
    let keys = EncryptionKeys::new(SecretSource::from_value(format!("{}\n", encoded(1))));
    assert_eq!(ids(&keys.read().await.unwrap()), [id(1)]);
}
