//! The format of a token in Redis. Encrypts and decrypts values in this format. Does no I/O.
//!
//! | Bytes | Content | |
//! |---|---|---|
//! | 1 | version: 1 encrypted, 0 unencrypted | head |
//! | 4 | id of the encryption key | head |
//! | 16 | hash of the token: the first bytes of its SHA-256 | head |
//! | 12 | nonce | |
//! | 8 | issued at, in milliseconds since 1970, big-endian | encrypted |
//! | 8 | expires at, in milliseconds since 1970, big-endian | encrypted |
//! | rest | token | encrypted |
//! | 16 | authentication tag | |
//!
//! The cipher is AES-256-GCM-SIV ([RFC 8452](https://www.rfc-editor.org/rfc/rfc8452)). The head
//! and the Redis key are the additional authenticated data of the cipher, so that a value cannot
//! be moved to another Redis key. The script that removes a token compares the hash. An
//! unencrypted value has neither nonce nor authentication tag.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    aead::{Aad, NONCE_LEN, Nonce},
    digest::{self, SHA256},
};
use passport_core::unix_millis;
use passport_outbound::{AccessToken, StoredToken};
use zeroize::Zeroizing;

use crate::sealing_key::{KEY_ID_LENGTH, Keyring};

/// The version byte of an encrypted value.
const ENCRYPTED: u8 = 1;
/// The version byte of an unencrypted value.
const UNENCRYPTED: u8 = 0;

/// The length of a token's hash, in bytes.
const HASH_LENGTH: usize = 16;
/// The positions of the first and the last byte of the token's hash in a value. Positions in Lua
/// begin with 1.
pub(crate) const HASH_POSITIONS_IN_LUA: (usize, usize) =
    (1 + KEY_ID_LENGTH + 1, 1 + KEY_ID_LENGTH + HASH_LENGTH);
/// The length of the head, in bytes.
const HEAD: usize = 1 + KEY_ID_LENGTH + HASH_LENGTH;
/// The length of `issued at` and `expires at` together, in bytes.
const TIMES: usize = 16;

/// The reason why a value in Redis is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidValue {
    /// The value does not have the format of the envelope, or is truncated.
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

/// Encrypts `token` with the first key of `keyring`, and returns the value to store at
/// `redis_key`. If the keyring is [`Keyring::Unencrypted`], the value is not encrypted. Returns
/// `None` if the keyring has no key, or if no random nonce can be generated.
pub(crate) fn seal(keyring: &Keyring, redis_key: &str, token: &StoredToken) -> Option<Vec<u8>> {
    let mut value = head(keyring, token.token());
    let mut content = Zeroizing::new(Vec::new());
    for time in [token.issued_at(), token.token().expires_at()] {
        content.extend_from_slice(&unix_millis(time).to_be_bytes());
    }
    content.extend_from_slice(token.token().expose().as_bytes());
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

/// Decrypts `value`, which was stored at `redis_key`, and returns the token in it.
pub(crate) fn open(keyring: &Keyring, redis_key: &str, value: &[u8]) -> Result<StoredToken, InvalidValue> {
    let (head, content) = value.split_at_checked(HEAD).ok_or(InvalidValue::Malformed)?;
    let (version, key_id) = (head[0], &head[1..=KEY_ID_LENGTH]);
    match (keyring, version) {
        (Keyring::Unencrypted, UNENCRYPTED) => token(head, content),
        (Keyring::Keys(keys), ENCRYPTED) => {
            let key = keys.iter().find(|key| key.id == key_id).ok_or(InvalidValue::UnknownKey)?;
            let (nonce, encrypted) = content.split_at_checked(NONCE_LEN).ok_or(InvalidValue::Malformed)?;
            let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| InvalidValue::Malformed)?;
            let mut content = Zeroizing::new(encrypted.to_vec());
            let decrypted = key.key.open_in_place(nonce, aad(head, redis_key), &mut content);
            token(head, decrypted.map_err(|_| InvalidValue::Tampered)?)
        }
        _ => Err(InvalidValue::Malformed),
    }
}

/// Returns the hash by which [`REMOVE`](crate::scripts::REMOVE) identifies `token`: the first 16
/// bytes of the SHA-256 of the token.
pub(crate) fn token_hash(token: &AccessToken) -> [u8; HASH_LENGTH] {
    let mut hash = [0; HASH_LENGTH];
    hash.copy_from_slice(&digest::digest(&SHA256, token.expose().as_bytes()).as_ref()[..HASH_LENGTH]);
    hash
}

/// Returns the head of the value for `token`: version, key id and hash.
fn head(keyring: &Keyring, token: &AccessToken) -> Vec<u8> {
    let (version, key_id) = match keyring {
        Keyring::Keys(keys) => (ENCRYPTED, keys.first().map_or([0; KEY_ID_LENGTH], |key| key.id)),
        Keyring::Unencrypted => (UNENCRYPTED, [0; KEY_ID_LENGTH]),
    };
    let mut head = vec![version];
    head.extend_from_slice(&key_id);
    head.extend_from_slice(&token_hash(token));
    head
}

/// Returns the additional authenticated data of the value at `redis_key`: the head and the Redis
/// key.
fn aad(head: &[u8], redis_key: &str) -> Aad<Vec<u8>> {
    Aad::from([head, redis_key.as_bytes()].concat())
}

/// Parses the decrypted `content`: `issued at`, `expires at` and the token. Returns an error if
/// the token does not have the hash that is in `head`.
fn token(head: &[u8], content: &[u8]) -> Result<StoredToken, InvalidValue> {
    let (times, text) = content.split_at_checked(TIMES).ok_or(InvalidValue::Malformed)?;
    let (issued_at, expires_at) = times.split_at(TIMES / 2);
    let (issued_at, expires_at) = (time(issued_at)?, time(expires_at)?);
    let text = str::from_utf8(text).map_err(|_| InvalidValue::Malformed)?;
    let token = AccessToken::new(text, expires_at).map_err(|_| InvalidValue::Malformed)?;
    if token_hash(&token)[..] != head[1 + KEY_ID_LENGTH..] {
        return Err(InvalidValue::Tampered);
    }
    Ok(StoredToken::new(token, issued_at))
}

/// Parses a time: milliseconds since 1970, big-endian.
fn time(bytes: &[u8]) -> Result<SystemTime, InvalidValue> {
    let milliseconds = bytes.try_into().map(u64::from_be_bytes).map_err(|_| InvalidValue::Malformed)?;
    UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds)).ok_or(InvalidValue::Malformed)
}

#[cfg(test)]
pub(crate) mod tests;
