//! The encryption of all values in Redis. Does no I/O.
//!
//! | Bytes | Content | |
//! |---|---|---|
//! | 1 | version: 1 encrypted, 0 unencrypted | head |
//! | 4 | id of the encryption key | head |
//! | any | label, which stays readable | head |
//! | 12 | nonce | |
//! | rest | content | encrypted |
//! | 16 | authentication tag | |
//!
//! The cipher is AES-256-GCM-SIV ([RFC 8452](https://www.rfc-editor.org/rfc/rfc8452)). The head
//! and the Redis key are the additional authenticated data of the cipher, so that a value cannot
//! be moved to another Redis key. A Redis key ends with the purpose of its value, so that a value
//! cannot be used for another purpose. An unencrypted value has neither nonce nor authentication
//! tag.

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use zeroize::Zeroizing;

use crate::sealing_key::{KEY_ID_LENGTH, Keyring};

/// The version byte of an encrypted value.
const ENCRYPTED: u8 = 1;
/// The version byte of an unencrypted value.
const UNENCRYPTED: u8 = 0;

/// The length of version and key id, in bytes. The label follows.
pub(crate) const LABEL_POSITION: usize = 1 + KEY_ID_LENGTH;

/// The reason why a value in Redis is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidValue {
    /// The value does not have the documented format, or is truncated.
    Malformed,
    /// The value was encrypted with a key that is not in the keyring.
    UnknownKey,
    /// The value was changed, or moved from another Redis key.
    Tampered,
}

impl InvalidValue {
    /// Returns the label of the reason in metrics and logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Tampered => "tampered",
        }
    }
}

/// Encrypts `content` with the first key of `keyring`, and returns the value to store at
/// `redis_key`. If the keyring is [`Keyring::Unencrypted`], the value is not encrypted. Returns
/// `None` if the keyring has no key, or if no random nonce can be generated.
pub(crate) fn seal(
    keyring: &Keyring,
    redis_key: &str,
    label: &[u8],
    mut content: Zeroizing<Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut value = head(keyring, label);
    let Keyring::Keys(keys) = keyring else {
        value.extend_from_slice(&content);
        return Some(value);
    };
    let encrypted = &mut *content;
    let nonce = keys.first()?.key.seal_in_place_append_tag(aad(&value, redis_key), encrypted).ok()?;
    value.extend_from_slice(nonce.as_ref());
    value.extend_from_slice(encrypted);
    Some(value)
}

/// Decrypts `value`, which was stored at `redis_key`. Returns the label, which has `label_length`
/// bytes, and the content.
pub(crate) fn open<'a>(
    keyring: &Keyring,
    redis_key: &str,
    label_length: usize,
    value: &'a [u8],
) -> Result<(&'a [u8], Zeroizing<Vec<u8>>), InvalidValue> {
    let head_length = LABEL_POSITION + label_length;
    let (head, content) = value.split_at_checked(head_length).ok_or(InvalidValue::Malformed)?;
    let (version, key_id, label) = (head[0], &head[1..LABEL_POSITION], &head[LABEL_POSITION..]);
    match (keyring, version) {
        (Keyring::Unencrypted, UNENCRYPTED) => Ok((label, Zeroizing::new(content.to_vec()))),
        (Keyring::Keys(keys), ENCRYPTED) => {
            let key = keys.iter().find(|key| key.id == key_id).ok_or(InvalidValue::UnknownKey)?;
            let (nonce, encrypted) = content.split_at_checked(NONCE_LEN).ok_or(InvalidValue::Malformed)?;
            let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| InvalidValue::Malformed)?;
            let mut content = Zeroizing::new(encrypted.to_vec());
            let decrypted = key.key.open_in_place(nonce, aad(head, redis_key), &mut content);
            let length = decrypted.map_err(|_| InvalidValue::Tampered)?.len();
            content.truncate(length);
            Ok((label, content))
        }
        _ => Err(InvalidValue::Malformed),
    }
}

/// Returns the head of a value: version, key id and `label`.
fn head(keyring: &Keyring, label: &[u8]) -> Vec<u8> {
    let (version, key_id) = match keyring {
        Keyring::Keys(keys) => (ENCRYPTED, keys.first().map_or([0; KEY_ID_LENGTH], |key| key.id)),
        Keyring::Unencrypted => (UNENCRYPTED, [0; KEY_ID_LENGTH]),
    };
    [&[version][..], &key_id, label].concat()
}

/// Returns the additional authenticated data of the value at `redis_key`: the head and the Redis
/// key.
fn aad(head: &[u8], redis_key: &str) -> Aad<Vec<u8>> {
    Aad::from([head, redis_key.as_bytes()].concat())
}
