use passport_core::with_causes;
use passport_outbound::SecretSource;

use super::*;
use crate::encryption_keys::tests::encoded;

/// The arguments of a command, separated by blanks.
fn words(command: &Cmd) -> String {
    let packed = String::from_utf8(command.get_packed_command()).unwrap();
    packed
        .split("\r\n")
        .filter(|word| !word.is_empty() && !word.starts_with(['*', '$']))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn commands_continue_after_the_position() {
    assert_eq!(words(&read_after("s", "7-1")), "XRANGE s (7-1 + COUNT 1000");
    assert_eq!(words(&wait_after("s", "7-1")), "XREAD COUNT 1000 BLOCK 5000 STREAMS s 7-1");
}

#[test]
fn invalid_settings_are_reported() {
    let builder = RedisDenyListStore::builder("http://host", EncryptionKeys::danger_unencrypted());
    let error = builder.namespace("{").build().unwrap_err().to_string();
    assert!(error.contains("url") && error.contains("namespace"), "{error}");
}

#[tokio::test]
async fn unreachable_redis_is_an_error_without_the_key() {
    let keys = EncryptionKeys::new(SecretSource::from_value(encoded(1)));
    let store = RedisDenyListStore::builder("unix:///no/such/redis.sock", keys).build().unwrap();
    for error in [store.load_records().await.err(), store.receive_records().await.err()] {
        let error = with_causes(&error.unwrap());
        assert!(error.contains("cannot reach Redis") && error.contains("redis.sock"), "{error}");
        assert!(!error.contains(&encoded(1)) && !format!("{store:?}").contains(&encoded(1)));
    }
}

#[tokio::test]
async fn missing_encryption_key_is_an_error() {
    let keys = EncryptionKeys::new(SecretSource::from_value("no key"));
    let store = RedisDenyListStore::builder("unix:///no/such/redis.sock", keys).build().unwrap();
    let json = records::tests::JSON;
    let error = store.publish(DenialRecord::from_json(json).unwrap()).await.unwrap_err().to_string();
    assert!(error.contains("not 32 bytes in base64"), "{error}");
}
