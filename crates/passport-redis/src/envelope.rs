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
//! The layout is that of [`sealed_value`](crate::sealed_value), with the hash of the token as the
//! label. The script that removes a token compares the hash. An unencrypted value has neither nonce
//! nor authentication tag.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{self, SHA256};
use passport_core::unix_millis;
use passport_outbound::{AccessToken, StoredToken};
use zeroize::Zeroizing;

use crate::{
    sealed_value::{self, InvalidValue, LABEL_POSITION},
    sealing_key::Keyring,
};

/// The length of a token's hash, in bytes.
const HASH_LENGTH: usize = 16;
/// The positions of the first and the last byte of the token's hash in a value. Positions in Lua
/// begin with 1.
pub(crate) const HASH_POSITIONS_IN_LUA: (usize, usize) = (LABEL_POSITION + 1, LABEL_POSITION + HASH_LENGTH);
/// The length of `issued at` and `expires at` together, in bytes.
const TIMES: usize = 16;

/// Encrypts `token` with the first key of `keyring`, and returns the value to store at
/// `redis_key`. If the keyring is [`Keyring::Unencrypted`], the value is not encrypted. Returns
/// `None` if the keyring has no key, or if no random nonce can be generated.
pub(crate) fn seal(keyring: &Keyring, redis_key: &str, token: &StoredToken) -> Option<Vec<u8>> {
    let mut content = Zeroizing::new(Vec::new());
    for time in [token.issued_at(), token.token().expires_at()] {
        content.extend_from_slice(&unix_millis(time).to_be_bytes());
    }
    content.extend_from_slice(token.token().expose().as_bytes());
    sealed_value::seal(keyring, redis_key, &token_hash(token.token()), content)
}

/// Decrypts `value`, which was stored at `redis_key`, and returns the token in it.
pub(crate) fn open(keyring: &Keyring, redis_key: &str, value: &[u8]) -> Result<StoredToken, InvalidValue> {
    let (hash, content) = sealed_value::open(keyring, redis_key, HASH_LENGTH, value)?;
    token(hash, &content)
}

/// Returns the hash by which [`REMOVE`](crate::scripts::REMOVE) identifies `token`: the first 16
/// bytes of the SHA-256 of the token.
pub(crate) fn token_hash(token: &AccessToken) -> [u8; HASH_LENGTH] {
    let mut hash = [0; HASH_LENGTH];
    hash.copy_from_slice(&digest::digest(&SHA256, token.expose().as_bytes()).as_ref()[..HASH_LENGTH]);
    hash
}

/// Parses the decrypted `content`: `issued at`, `expires at` and the token. Returns an error if
/// the token does not have this `hash`.
fn token(hash: &[u8], content: &[u8]) -> Result<StoredToken, InvalidValue> {
    let (times, text) = content.split_at_checked(TIMES).ok_or(InvalidValue::Malformed)?;
    let (issued_at, expires_at) = times.split_at(TIMES / 2);
    let (issued_at, expires_at) = (time(issued_at)?, time(expires_at)?);
    let text = str::from_utf8(text).map_err(|_| InvalidValue::Malformed)?;
    let token = AccessToken::new(text, expires_at).map_err(|_| InvalidValue::Malformed)?;
    if token_hash(&token)[..] != *hash {
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
