//! How a token is stored in Redis. Pure: keys and the name in Redis are arguments.
//!
//! ```text
//! version  key id  mark      nonce     sealed: issued at, expires at (ms since 1970, big-endian), token    tag
//! 1        4       16        12        8 + 8 + ...                                                         16
//! ```
//! The head before the nonce and the Redis key are authenticated with the sealed part
//! (AES-256-GCM-SIV, [RFC 8452](https://www.rfc-editor.org/rfc/rfc8452)), so that a value cannot be
//! moved to another key. The mark is a hash of the token, by which scripts recognize it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::{
    aead::{Aad, NONCE_LEN, Nonce},
    digest::{self, SHA256},
};
use passport_core::unix_millis;
use passport_outbound::{AccessToken, StoredToken};
use zeroize::Zeroizing;

use crate::sealing_key::{KEY_ID, Ring};

const SEALED: u8 = 1;
/// Without encryption, if configured: the same without nonce and tag.
const PLAIN: u8 = 0;

const MARK: usize = 16;
/// The position of the mark, as Lua counts.
pub(crate) const MARK_IN_LUA: (usize, usize) = (1 + KEY_ID + 1, 1 + KEY_ID + MARK);
const HEAD: usize = 1 + KEY_ID + MARK;
const TIMES: usize = 16;

/// Why a stored value is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidValue {
    /// It has another format, or is cut off.
    Malformed,
    /// It was sealed with a key that is not in the ring.
    UnknownKey,
    /// It was changed, or moved from another Redis key.
    Tampered,
}

impl InvalidValue {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Tampered => "tampered",
        }
    }
}

/// Returns the value to store at `redis_key`. `None` if there is no randomness.
pub(crate) fn seal(ring: &Ring, redis_key: &str, token: &StoredToken) -> Option<Vec<u8>> {
    let mut value = head(ring, token.token());
    let mut content = Zeroizing::new(Vec::new());
    for time in [token.issued_at(), token.token().expires_at()] {
        content.extend_from_slice(&unix_millis(time).to_be_bytes());
    }
    content.extend_from_slice(token.token().expose().as_bytes());
    let Ring::Keys(keys) = ring else {
        value.extend_from_slice(&content);
        return Some(value);
    };
    let sealed = &mut *content;
    let nonce = keys.first()?.key.seal_in_place_append_tag(aad(&value, redis_key), sealed).ok()?;
    value.extend_from_slice(nonce.as_ref());
    value.extend_from_slice(sealed);
    Some(value)
}

/// Returns the token in `value`, which was stored at `redis_key`.
pub(crate) fn open(ring: &Ring, redis_key: &str, value: &[u8]) -> Result<StoredToken, InvalidValue> {
    let (head, content) = value.split_at_checked(HEAD).ok_or(InvalidValue::Malformed)?;
    let (version, key_id) = (head[0], &head[1..=KEY_ID]);
    match (ring, version) {
        (Ring::Plain, PLAIN) => token(head, content),
        (Ring::Keys(keys), SEALED) => {
            let key = keys.iter().find(|key| key.id == key_id).ok_or(InvalidValue::UnknownKey)?;
            let (nonce, sealed) = content.split_at_checked(NONCE_LEN).ok_or(InvalidValue::Malformed)?;
            let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| InvalidValue::Malformed)?;
            let mut content = Zeroizing::new(sealed.to_vec());
            let opened = key.key.open_in_place(nonce, aad(head, redis_key), &mut content);
            token(head, opened.map_err(|_| InvalidValue::Tampered)?)
        }
        _ => Err(InvalidValue::Malformed),
    }
}

/// Returns the hash by which [`crate::scripts`] recognise a token.
pub(crate) fn mark(token: &AccessToken) -> [u8; MARK] {
    let mut mark = [0; MARK];
    mark.copy_from_slice(&digest::digest(&SHA256, token.expose().as_bytes()).as_ref()[..MARK]);
    mark
}

fn head(ring: &Ring, token: &AccessToken) -> Vec<u8> {
    let (version, key_id) = match ring {
        Ring::Keys(keys) => (SEALED, keys.first().map_or([0; KEY_ID], |key| key.id)),
        Ring::Plain => (PLAIN, [0; KEY_ID]),
    };
    let mut head = vec![version];
    head.extend_from_slice(&key_id);
    head.extend_from_slice(&mark(token));
    head
}

fn aad(head: &[u8], redis_key: &str) -> Aad<Vec<u8>> {
    Aad::from([head, redis_key.as_bytes()].concat())
}

fn token(head: &[u8], content: &[u8]) -> Result<StoredToken, InvalidValue> {
    let (times, text) = content.split_at_checked(TIMES).ok_or(InvalidValue::Malformed)?;
    let (issued_at, expires_at) = times.split_at(TIMES / 2);
    let (issued_at, expires_at) = (time(issued_at)?, time(expires_at)?);
    let text = str::from_utf8(text).map_err(|_| InvalidValue::Malformed)?;
    let token = AccessToken::new(text, expires_at).map_err(|_| InvalidValue::Malformed)?;
    if mark(&token)[..] != head[1 + KEY_ID..] {
        return Err(InvalidValue::Tampered);
    }
    Ok(StoredToken::new(token, issued_at))
}

fn time(bytes: &[u8]) -> Result<SystemTime, InvalidValue> {
    let milliseconds = bytes.try_into().map(u64::from_be_bytes).map_err(|_| InvalidValue::Malformed)?;
    UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds)).ok_or(InvalidValue::Malformed)
}

#[cfg(test)]
pub(crate) mod tests;
