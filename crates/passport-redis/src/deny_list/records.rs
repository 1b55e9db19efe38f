//! Encrypts and decrypts the denials of a stream. Does no I/O.

use passport_inbound::DenialRecord;
use zeroize::Zeroizing;

use super::reply::Entry;
use crate::{
    sealed_value::{self, InvalidValue},
    sealing_key::Keyring,
};

/// The maximum length of an entry, in bytes: a record of 200 bytes, and its encryption. A longer
/// entry is invalid.
const MAX_ENTRY: usize = 300;

/// Encrypts a record for the stream at `redis_key`. Returns `None` if the keyring has no key, or if
/// no random nonce can be generated.
pub(super) fn seal(keyring: &Keyring, redis_key: &str, record: &DenialRecord) -> Option<Vec<u8>> {
    let content = Zeroizing::new(record.to_json().into_bytes());
    sealed_value::seal(keyring, redis_key, &[], content)
}

/// Decrypts entries of the stream at `redis_key`.
pub(super) fn open(
    keyring: &Keyring,
    redis_key: &str,
    entries: &[Entry],
) -> Vec<Result<DenialRecord, InvalidValue>> {
    entries.iter().map(|entry| open_value(keyring, redis_key, &entry.value)).collect()
}

fn open_value(keyring: &Keyring, redis_key: &str, value: &[u8]) -> Result<DenialRecord, InvalidValue> {
    if value.len() > MAX_ENTRY {
        return Err(InvalidValue::Malformed);
    }
    let (_, content) = sealed_value::open(keyring, redis_key, 0, value)?;
    let json = str::from_utf8(&content).map_err(|_| InvalidValue::Malformed)?;
    DenialRecord::from_json(json).map_err(|_| InvalidValue::Malformed)
}

#[cfg(test)]
pub(super) mod tests;
