//! The keys that values in Redis are sealed and opened with. No I/O.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, RandomizedNonceKey},
    digest::{self, SHA256},
};
use zeroize::Zeroizing;

/// Bytes of a key's id, which is a part of its hash.
pub(crate) const KEY_ID: usize = 4;

/// A key that values are sealed and opened with.
pub(crate) struct SealingKey {
    pub(crate) id: [u8; KEY_ID],
    pub(crate) key: RandomizedNonceKey,
}

/// The keys that values are sealed and opened with.
#[derive(Debug)]
pub(crate) enum Ring {
    /// Sealed with the first, opened with any.
    Keys(Vec<Arc<SealingKey>>),
    /// Not sealed at all.
    Plain,
}

impl SealingKey {
    pub(crate) const LENGTH: usize = 32;

    pub(crate) fn new(bytes: &[u8; Self::LENGTH]) -> Option<Self> {
        let mut named = Zeroizing::new(b"passport token cache key".to_vec());
        named.extend_from_slice(bytes);
        let (mut id, digest) = ([0; KEY_ID], digest::digest(&SHA256, &named));
        id.copy_from_slice(&digest.as_ref()[..KEY_ID]);
        Some(Self { id, key: RandomizedNonceKey::new(&AES_256_GCM_SIV, bytes).ok()? })
    }
}

impl Ring {
    /// Returns these keys, and the first key of `before` that is not among them: values that were
    /// sealed with it may still be stored.
    pub(crate) fn with_previous(self, before: Option<&Self>) -> Self {
        match (self, before) {
            (Self::Keys(mut keys), Some(Self::Keys(before))) => {
                let lacks = |old: &&Arc<SealingKey>| keys.iter().all(|key| key.id != old.id);
                keys.extend(before.iter().find(lacks).cloned());
                Self::Keys(keys)
            }
            (ring, _) => ring,
        }
    }
}

/// Shows the key's id, which every value has.
impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({:08x})", u32::from_be_bytes(self.id))
    }
}

#[cfg(test)]
pub(crate) mod tests;
