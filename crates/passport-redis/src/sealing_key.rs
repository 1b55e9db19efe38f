//! The keys that encrypt values in Redis. Does no I/O.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, RandomizedNonceKey},
    digest::{self, SHA256},
};
use zeroize::Zeroizing;

/// The length of a key id, in bytes. The key id is the first bytes of a hash of the key.
pub(crate) const KEY_ID_LENGTH: usize = 4;

/// A key that encrypts and decrypts values, and its id. A value contains the id of the key that
/// encrypted the value.
pub(crate) struct SealingKey {
    pub(crate) id: [u8; KEY_ID_LENGTH],
    pub(crate) key: RandomizedNonceKey,
}

/// The encryption keys of a store, after reading them from their sources.
#[derive(Debug)]
pub(crate) enum Keyring {
    /// The first key encrypts values. A value is decrypted with the key whose id is in the value.
    Keys(Vec<Arc<SealingKey>>),
    /// Values are stored unencrypted, and encrypted values are rejected.
    Unencrypted,
}

impl SealingKey {
    /// The length of a key, in bytes.
    pub(crate) const LENGTH: usize = 32;

    /// Creates a key from `bytes`. Returns `None` if the cryptography library rejects the bytes.
    pub(crate) fn new(bytes: &[u8; Self::LENGTH]) -> Option<Self> {
        let mut hashed = Zeroizing::new(b"passport token cache key".to_vec());
        hashed.extend_from_slice(bytes);
        let (mut id, digest) = ([0; KEY_ID_LENGTH], digest::digest(&SHA256, &hashed));
        id.copy_from_slice(&digest.as_ref()[..KEY_ID_LENGTH]);
        Some(Self { id, key: RandomizedNonceKey::new(&AES_256_GCM_SIV, bytes).ok()? })
    }
}

impl Keyring {
    /// Adds one key of `previous`, the keyring before a reload: the first key of `previous` that
    /// this keyring lacks. Redis may still have values that were encrypted with that key. Returns
    /// this keyring unchanged in these cases:
    ///
    /// - this keyring has all keys of `previous`;
    /// - `previous` is `None`;
    /// - one of the two keyrings is [`Keyring::Unencrypted`].
    pub(crate) fn with_previous(self, previous: Option<&Self>) -> Self {
        match (self, previous) {
            (Self::Keys(mut keys), Some(Self::Keys(previous))) => {
                let lacks = |old: &&Arc<SealingKey>| keys.iter().all(|key| key.id != old.id);
                keys.extend(previous.iter().find(lacks).cloned());
                Self::Keys(keys)
            }
            (keyring, _) => keyring,
        }
    }
}

/// Prints the key id, which is not secret: every value contains it.
impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({:08x})", u32::from_be_bytes(self.id))
    }
}

#[cfg(test)]
pub(crate) mod tests;
